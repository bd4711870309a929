/** Tags of a series by their keys. */
export type SeriesTags = ReadonlyMap<string, string>;

/** Datadog stores tags in lower case. What it calls N/A is not there. */
export function seriesTags(tags: readonly string[]): SeriesTags {
  return new Map(
    tags
      .map((tag) => [tag.slice(0, tag.indexOf(":")), lower(tag.slice(tag.indexOf(":") + 1))] as const)
      .filter(([, value]) => value !== "" && value !== "n/a"),
  );
}

export function lower(text: string): string {
  return text.toLowerCase();
}
