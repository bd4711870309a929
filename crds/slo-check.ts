import {
  below,
  checkMonitorNames,
  checkNoReferences,
  checkVariables,
  type OwnNames,
} from "./placeholders.ts";
import type { Problem } from "./problem.ts";
import { sloThresholds, type SloLayer } from "./slo.ts";
import { didYouMean } from "./suggest.ts";

type SloType = NonNullable<SloLayer["type"]>;

/** Fields that only one type of SLO has. */
const FIELDS_OF: Readonly<Record<SloType, readonly (keyof SloLayer)[]>> = {
  metric: ["numerator", "denominator"],
  monitor: ["monitors", "groups"],
  "time-slice": ["query", "queries", "formula", "comparator", "threshold", "queryIntervalSeconds"],
};

export interface SloGround {
  readonly owner: string;
  /** The SLO's path inside the document; empty if the document is the SLO. */
  readonly at: string;
  /** What `${…}` can stand for. */
  readonly variables: readonly string[];
  /** Absent where there is no service. */
  readonly own?: OwnNames | undefined;
}

/** What is wrong with a complete SLO. */
export function checkSlo(slo: SloLayer & { readonly type: SloType }, ground: SloGround): readonly Problem[] {
  return [
    ...foreignFields(slo, ground),
    ...missingFields(slo, ground),
    ...checkTargets(slo, ground),
    ...checkTexts(slo, ground),
    ...checkFormula(slo, ground),
    ...checkMonitorsOf(slo, ground),
  ];
}

function foreignFields(slo: SloLayer & { type: SloType }, { owner, at }: SloGround): readonly Problem[] {
  const foreign = Object.entries(FIELDS_OF).flatMap(([type, fields]) =>
    type === slo.type
      ? []
      : fields.filter((field) => slo[field] !== undefined).map((field) => ({ type, field })),
  );
  return foreign.map(({ type, field }) => {
    const path = below(at, field);
    const message = `${path} is for SLOs of type ${type}; this one is of type ${slo.type}`;
    return { owner, reason: "InvalidValue", path, message };
  });
}

function missingFields(slo: SloLayer & { type: SloType }, { owner, at }: SloGround): readonly Problem[] {
  const missing = (field: string): Problem => ({
    owner,
    reason: "MissingField",
    path: at,
    message: `${at === "" ? "the SLO" : at} needs ${field}, as it is of type ${slo.type}`,
  });
  switch (slo.type) {
    case "metric":
      return (["numerator", "denominator"] as const)
        .filter((field) => slo[field] === undefined)
        .map((field) => missing(field));
    case "monitor":
      return slo.monitors === undefined ? [missing("monitors")] : [];
    case "time-slice":
      return [
        ...(slo.query === undefined && slo.queries === undefined
          ? [missing("query, or queries and formula")]
          : []),
        ...(slo.threshold === undefined ? [missing("threshold")] : []),
      ];
    default:
      return slo.type satisfies never;
  }
}

function checkTargets(slo: SloLayer, { owner, at }: SloGround): readonly Problem[] {
  const thresholds = sloThresholds(slo);
  if (thresholds.length === 0) {
    const message = `${at === "" ? "the SLO" : at} needs a target, such as target: 99.9`;
    return [{ owner, reason: "MissingField", path: at, message }];
  }
  const problems: Problem[] = [];
  const refuse = (field: string, why: string): void => {
    const path = below(at, field);
    problems.push({ owner, reason: "InvalidValue", path, message: `${path} ${why}` });
  };
  if (slo.thresholds !== undefined) {
    for (const field of ["target", "warning", "timeframe"] as const)
      if (slo[field] !== undefined) refuse(field, "stands in thresholds already; leave one of the two out");
  }
  const seen = new Set<string>();
  for (const [position, { timeframe, target, warning }] of thresholds.entries()) {
    const place = slo.thresholds === undefined ? "" : `thresholds.${position}.`;
    if (seen.has(timeframe)) refuse(`${place}timeframe`, `is ${timeframe} twice`);
    seen.add(timeframe);
    if (warning !== undefined && warning <= target)
      refuse(`${place}warning`, `must be above the target, ${target}, not ${warning}`);
  }
  return problems;
}

const TEXTS = ["name", "description", "numerator", "denominator", "query", "formula"] as const;

function checkTexts(slo: SloLayer, { owner, at, variables }: SloGround): readonly Problem[] {
  const texts = [
    ...TEXTS.map((field) => [field, slo[field] ?? ""] as const),
    ...Object.entries(slo.queries ?? {}).map(([name, text]) => [`queries.${name}`, text] as const),
    ...(slo.groups ?? []).map((text, position) => [`groups.${position}`, text] as const),
  ];
  return texts.flatMap(([field, text]) => {
    const path = below(at, field);
    return [...checkVariables({ owner, path }, text, variables), ...checkNoReferences(owner, [[path, text]])];
  });
}

function checkFormula(slo: SloLayer, { owner, at }: SloGround): readonly Problem[] {
  const { query, queries, formula } = slo;
  const refuse = (reason: string, field: string, why: string): Problem[] => {
    const path = below(at, field);
    return [{ owner, reason, path, message: `${path} ${why}` }];
  };
  if (query !== undefined && queries !== undefined)
    return refuse("InvalidValue", "queries", "stands beside query; leave one of the two out");
  if (queries === undefined) {
    return formula === undefined
      ? []
      : refuse("MissingField", "formula", "needs queries, by the names that it uses");
  }
  if (formula === undefined)
    return refuse("MissingField", "queries", "needs a formula that puts them together, such as a / b");
  const names = Object.keys(queries);
  // A name before a parenthesis is a function's.
  const used = [...formula.matchAll(/[A-Za-z_]\w*(?!\w|\s*\()/g)].map(([name]) => name);
  const unknown = used
    .filter((name) => !names.includes(name))
    .flatMap((name) =>
      refuse(
        "UnknownVariable",
        "formula",
        `names ${name}, which is none of the queries${didYouMean(name, names)}`,
      ),
    );
  const idle = names
    .filter((name) => !used.includes(name))
    .flatMap((name) => refuse("InvalidValue", `queries.${name}`, "isn't used by the formula"));
  return [...unknown, ...idle];
}

function checkMonitorsOf(slo: SloLayer, { owner, at, own }: SloGround): readonly Problem[] {
  const { monitors = [], groups } = slo;
  const path = below(at, "groups");
  const tooMany: Problem[] =
    groups !== undefined && groups.length > 0 && monitors.length > 1
      ? [{ owner, reason: "InvalidValue", path, message: `${path} needs exactly one monitor` }]
      : [];
  return [...tooMany, ...checkMonitorNames({ owner, path: below(at, "monitors") }, monitors, own)];
}
