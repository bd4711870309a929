import type { SetupPart } from "../crds/pack-manifest.ts";

/** The parts of a pack's setup as one text in Markdown. */
export function setupText(parts: readonly SetupPart[]): string {
  return parts
    .flatMap(({ title, text }) => [...(title === undefined ? [] : [`**${title}**`]), text.trim()])
    .join("\n\n");
}
