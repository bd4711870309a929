import { conditionsInWords, type Needs } from "../crds/condition.ts";
import { limitsOf, typeInWords } from "../crds/field-words.ts";
import { optionSchema } from "../crds/json-schema.ts";
import type { PackMonitor } from "../crds/monitor.ts";
import { sloThresholds } from "../crds/slo.ts";
import type { NeedyName, Pack } from "../crds/pack.ts";
import type { SetupPart } from "../crds/pack-manifest.ts";
import { code, table } from "./markdown.ts";

/** `docs/reference/packs.md`: every pack's setup, options and monitors. */
export function packsReference(packs: ReadonlyMap<string, Pack>): string {
  const names = [...packs.keys()].sort((a, b) => (a < b ? -1 : 1));
  const overview = names.map((name) => {
    const pack = packs.get(name)!;
    return [
      `[${name}](#${name})`,
      pack.description,
      pack.check === undefined ? "none" : code(`${pack.check}.d`),
      pack.minimumAgent ?? "",
    ];
  });
  return `<!-- Made by docs/generate.ts from packs/. Don't edit. -->

# Packs

A pack holds what dd-observe knows of a system: how the Agent reads it, which options a wish may set, and which monitors come along. A wish names its pack; without a name the pack with the service's name is taken, else \`generic\`.

${table(["pack", "what for", "Agent's folder", "Agent from"], overview)}

${names.map((name) => section(packs.get(name)!)).join("\n\n")}
`;
}

function section(pack: Pack): string {
  const { scheme, port, path } = pack.endpoint;
  const where = `${scheme}://<address of the instance>:${port ?? "<registered port>"}${path}`;
  return [
    `## ${pack.name}`,
    `${pack.title}. ${pack.description}`,
    pack.check === undefined
      ? "The Agent reads nothing of it: the system sends its metrics by itself, so no file is written."
      : `Endpoint, unless the wish says otherwise: ${code(where)}`,
    `### Setup of ${pack.name}`,
    ...pack.setup.map((part) => setupPart(pack, part)),
    ...proofOf(pack),
    ...optionsOf(pack),
    ...monitorsOf(pack),
    ...slosOf(pack),
    ...dashboardsOf(pack),
    `### Good to know about ${pack.name}`,
    pack.notes.map((note) => `- ${note}`).join("\n"),
    `Key metrics, which must have points if all is well: ${named(pack, pack.keyMetrics) || "none that every service has"}. Service checks: ${named(pack, pack.serviceChecks) || "none"}.`,
    `Sources: ${pack.sources.map((source) => (URL.canParse(source) ? `<${source}>` : source)).join("; ")}`,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function setupPart(pack: Pack, { title, needs, text }: SetupPart): string {
  const wanted = conditionsInWords(needs, pack.options).map(code).join(" and ");
  const condition = wanted === "" ? "" : `With ${wanted}`;
  const heading = [title, condition].filter((part) => part !== undefined && part !== "").join(". ");
  return heading === "" ? text.trim() : `**${heading}**\n\n${text.trim()}`;
}

/** How dd-observe tells that the system is there and sends what it should. */
function proofOf(pack: Pack): readonly string[] {
  const receivers = pack.receivers.map(({ receiver, needs }) => ({ name: receiver, needs }));
  const expects = pack.expects.map(({ metric, regex, needs, hint = "" }) => [
    `${metric === undefined ? `what matches ${code(regex ?? "")}` : code(metric)}${wherever(pack, needs)}`,
    hint,
  ]);
  const hints = Object.entries(pack.hints).map(([answer, hint]) => [answer, hint]);
  const polls = Object.entries(pack.polls).map(([name, { needs, url, value, metric, intervalSeconds }]) => [
    `${code(name)}${wherever(pack, needs)}`,
    `${code(metric)}, every ${intervalSeconds} s`,
    `${code(value)} in ${code(url)}`,
  ]);
  const parts = [
    receivers.length === 0 ? "" : `The local Agent must listen for ${named(pack, receivers)}.`,
    expects.length === 0 ? "" : table(["an instance must expose", "if it doesn't"], expects),
    hints.length === 0 ? "" : table(["answer", "what to do"], hints),
    polls.length === 0 ? "" : table(["asked by one machine", "sent as", "read from"], polls),
  ].filter((part) => part !== "");
  return parts.length === 0 ? [] : [`### Proof of ${pack.name}`, ...parts];
}

function wherever(pack: Pack, needs: Needs | undefined): string {
  const wanted = conditionsInWords(needs, pack.options).map(code).join(" and ");
  return wanted === "" ? "" : ` (with ${wanted})`;
}

/** Names as code, each with what it needs. */
function named(pack: Pack, names: readonly NeedyName[]): string {
  return names.map(({ name, needs }) => `${code(name)}${wherever(pack, needs)}`).join(", ");
}

function optionsOf(pack: Pack): readonly string[] {
  const rows = Object.entries(pack.options).map(([name, option]) => {
    const schema = optionSchema(option);
    const type = [typeInWords(schema), ...limitsOf(schema)].join(", ");
    const byDefault = option.default === undefined ? "" : code(JSON.stringify(option.default));
    const about =
      option.wish !== undefined
        ? `${option.description} Given by \`${option.wish}\` of the document.`
        : option.placement === undefined
          ? option.description
          : `${option.description} On one machine only.`;
    return [code(name), type, byDefault, about, option.option === undefined ? "" : code(option.option)];
  });
  if (rows.length === 0) return [];
  return [
    `### Options of ${pack.name}`,
    pack.check === undefined
      ? "Under `agent:` in the document. They steer what the pack brings."
      : "Under `agent:` in the document. Everything else in the Agent's file is fixed by the pack.",
    table(["option", "type", "default", "what it does", "in the Agent's file"], rows),
  ];
}

function monitorsOf(pack: Pack): readonly string[] {
  const rows = Object.entries(pack.monitors).map(([name, monitor]) => [
    code(name),
    `${monitor.summary}${conditions(pack, monitor)}`,
    code(monitor.query),
    thresholds(monitor),
    noData(monitor),
  ]);
  if (rows.length === 0) return [];
  return [
    `### Monitors of ${pack.name}`,
    "Under `monitors:` in the document: tune one, or switch it off with `false`. `${scope}` stands for the service's own tags.",
    table(["monitor", "what it means", "query", "thresholds", "missing data"], rows),
  ];
}

function slosOf(pack: Pack): readonly string[] {
  const rows = Object.entries(pack.slos).map(([name, slo]) => [
    code(name),
    `${slo.summary}${conditions(pack, slo)}`,
    slo.type,
    sloThresholds(slo)
      .map(({ timeframe, target }) => `${target} % in ${timeframe}`)
      .join(", "),
  ]);
  if (rows.length === 0) return [];
  return [
    `### SLOs of ${pack.name}`,
    "Under `slos:` in the document: tune one, or switch it off with `false`.",
    table(["SLO", "what it promises", "type", "target"], rows),
  ];
}

function dashboardsOf(pack: Pack): readonly string[] {
  const rows = Object.entries(pack.dashboards).map(([name, { title, section: own, per }]) => [
    code(name),
    title,
    own,
    per === "service" ? "one for each service" : "one for all",
  ]);
  if (rows.length === 0) return [];
  return [
    `### Sections of ${pack.name} on dashboards`,
    "A document `_dashboards/<dashboard>` can leave a section out: `exclude`.",
    table(["dashboard", "title", "section", "made"], rows),
  ];
}

function conditions(
  pack: Pack,
  { needs, default: isDefault }: Pick<PackMonitor, "needs" | "default">,
): string {
  const wanted = conditionsInWords(needs, pack.options).map(code).join(" and ");
  const needed = wanted === "" ? "" : ` Needs ${wanted}.`;
  return `${needed}${isDefault === false ? " Made only when a document names it." : ""}`;
}

function thresholds({ critical, criticalRecovery, warning, warningRecovery, ok }: PackMonitor): string {
  const parts = [
    ["critical", critical],
    ["warning", warning],
    ["recovers at", criticalRecovery],
    ["warning recovers at", warningRecovery],
    ["ok", ok],
  ] as const;
  return parts
    .filter(([, value]) => value !== undefined)
    .map(([word, value]) => `${word} ${value}`)
    .join(", ");
}

function noData({ notifyNoData, noDataTimeframe, onMissingData }: PackMonitor): string {
  if (onMissingData !== undefined) return code(onMissingData);
  if (notifyNoData !== true) return "no alert";
  return noDataTimeframe === undefined ? "alerts" : `alerts after ${noDataTimeframe} min`;
}
