import type { Pack } from "../../crds/pack.ts";
import { sentMetrics } from "../../crds/pack-metrics.ts";
import { parseExposition } from "./exposition.ts";
import type { SentSeries } from "./openmetrics-names.ts";

/** Where an endpoint's answer and a pack's table don't agree, in words. None if all is well. */
export function misfits(pack: Pack, series: readonly SentSeries[]): readonly string[] {
  const table = sentMetrics(pack.metrics);
  const seen = new Set<string>();
  return series.flatMap(({ name, type, tags, exposed }) => {
    const found: string[] = [];
    const entry = table.get(name);
    const identity = [name, ...tags].join(" ");
    if (seen.has(identity)) found.push(`${identity} comes twice, so that one overwrites the other`);
    seen.add(identity);
    if (entry === undefined) return [...found, `${name} (${exposed}) is not in the table`];
    if (entry.type !== type) found.push(`${name} is sent as ${type}, the table says ${entry.type}`);
    const from = entry.entry?.exposed;
    if (from !== undefined && from !== exposed)
      found.push(`${name} comes of ${exposed}, the table says ${from}`);
    // The table has no tags of what stands among its `others`.
    if (entry.entry === undefined) return found;
    const keys = tags.map((tag) => tag.split(":")[0]!).filter((key) => !entry.tags.includes(key));
    return [...found, ...keys.map((key) => `${name} has the tag ${key}, which the table lacks`)];
  });
}

/** Families that the pack expects or that its table has seen live, and that this answer lacks. */
export function missingFamilies(pack: Pack, text: string): readonly string[] {
  const families = parseExposition(text).map(({ name }) => name);
  const expected = pack.expects
    .filter(
      ({ metric, regex = "^$" }) => !families.some((name) => name === metric || new RegExp(regex).test(name)),
    )
    .map(({ metric, regex }) => metric ?? regex ?? "");
  const live = Object.values(pack.metrics.metrics).filter(({ verified }) => verified === "live");
  const unseen = live.flatMap(({ exposed }) =>
    exposed === undefined || families.includes(exposed) ? [] : [exposed],
  );
  return [...expected, ...unseen];
}
