import { conditionsInWords } from "../crds/condition.ts";
import type { AskedMetric, PackMetric } from "../crds/pack-metrics.ts";
import type { Pack } from "../crds/pack.ts";
import { COMMON_TAGS } from "../controllers/metric-facts.ts";
import { code, table } from "./markdown.ts";

/** `docs/reference/metrics.md`: the names that people ask for, then what each pack's system sends. */
export function metricsReference(packs: ReadonlyMap<string, Pack>): string {
  const all = [...packs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const known = all.filter(({ metrics }) => Object.keys(metrics.metrics).length > 0);
  const asked = known.flatMap((pack) =>
    Object.entries(pack.metrics.asked).map(([name, answer]) => askedRow(name, answer, pack)),
  );
  return `<!-- Made by docs/generate.ts from packs/*/metrics.yaml. Don't edit. -->

# Metrics

What the systems that dd-observe knows really send. Monitors, dashboards and SLOs of the packs ask for nothing else, \`dd-observe lint\` corrects queries by it, and \`dd-observe explain metric NAME\` shows one entry with all that is known of it.

Every series of a service has the tags ${COMMON_TAGS.map(code).join(", ")}, and those that its document adds. The tables list the others.

## Names that people ask for

${table(["name", "is it there?", "ask for", "good to know"], asked)}

${known.map(section).join("\n\n")}
`;
}

const ANSWERS: Readonly<Record<AskedMetric["answer"], string>> = {
  same: "yes",
  renamed: "by another name",
  derived: "it follows from others",
  poll: "by a poll",
  none: "no",
};

function askedRow(
  name: string,
  { answer, metrics, instead, tag, aggregator, note }: AskedMetric,
  pack: Pack,
) {
  const scope = tag === undefined ? "{${scope}}" : `{\${scope},${tag}}`;
  const query = instead?.replaceAll("<a>", aggregator ?? "avg").replaceAll("<s>", () => scope);
  const real = answer === "same" || answer === "poll" ? [] : metrics;
  const ask = query === undefined ? real.map(code).join(", ") : code(query);
  return [code(name), `${ANSWERS[answer]} ([${pack.name}](#${pack.name}))`, ask, note ?? ""];
}

function section(pack: Pack): string {
  const { from, metrics, others } = pack.metrics;
  const rows = Object.entries(metrics).map(([name, metric]) => [
    code(name),
    typeOf(metric),
    metric.tags.map(code).join(", "),
    metric.exposed === undefined ? "" : code(metric.exposed),
    [metric.description, ...conditions(metric, pack)].join(" "),
    metric.verified,
  ]);
  const count = Object.values(others).flat().length;
  return [
    `## ${pack.name}`,
    from === undefined ? "" : `From: ${shortened(from)}`,
    table(["metric", "type and unit", "tags", "exposed as", "what it says", "verified"], rows),
    count === 0 ? "" : `${count} more names are sent as well; \`dd-observe explain metric\` knows them.`,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function typeOf({ type, unit, per }: PackMetric): string {
  if (unit === undefined) return type;
  return per === undefined ? `${type}, ${unit}` : `${type}, ${unit}/${per}`;
}

function conditions({ needs, placement, since }: PackMetric, pack: Pack): readonly string[] {
  const words = conditionsInWords(needs, pack.options);
  return [
    ...(placement === undefined ? [] : [`Sent by: ${placement}.`]),
    ...(words.length === 0 ? [] : [`Needs ${words.map(code).join(" and ")}.`]),
    ...(since === undefined ? [] : [`Since ${since}.`]),
  ];
}

/** Commits are cut: enough to find them by. */
function shortened(source: string): string {
  return source.replaceAll(/\b([0-9a-f]{10})[0-9a-f]{30}\b/g, "$1");
}
