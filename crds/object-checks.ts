import type { DashboardDefinition } from "./dashboard.ts";
import type { DowntimeLayer } from "./downtime.ts";
import { handlesIn, type Mention } from "./handles.ts";
import { parseInstant } from "./instant.ts";
import type { MetricTagsLayer } from "./metric-tags.ts";
import {
  below,
  checkMonitorNames,
  checkNoReferences,
  checkReferences,
  checkVariables,
  OBJECT_VARIABLES,
  textsIn,
  type OwnNames,
} from "./placeholders.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import type { Wish } from "./resolve.ts";
import { checkSlo } from "./slo-check.ts";
import { FIXED_SLO_FIELDS, tunedSlo, type SloLayer } from "./slo.ts";
import { didYouMean } from "./suggest.ts";

/** What a wish says of SLOs, dashboards, downtimes, metrics and the catalog that can't be, or that the policy doesn't allow. */
export function checkObjects(wish: Wish, policy: Policy): readonly Problem[] {
  const own = ownNamesOf(wish);
  const variables = objectVariablesOf(wish);
  return [
    ...Object.entries(wish.slos).flatMap(([name, slo]) => checkOneSlo(wish, name, slo, own)),
    ...Object.entries(wish.dashboards).flatMap(([name, { definition }]) => {
      const at = `dashboards.${name}`;
      return definition === undefined
        ? [missing(wish.service, at, `${at} needs a definition, the JSON that the dashboard's page exports`)]
        : checkDefinition(wish.service, `${at}.definition`, definition, { variables, own });
    }),
    ...Object.entries(wish.downtimes).flatMap(([name, downtime]) =>
      checkDowntime(wish.service, `downtimes.${name}`, downtime, own),
    ),
    ...Object.entries(wish.metrics).flatMap(([name, metric]) => checkMetric(wish.service, name, metric)),
    ...checkCatalog(wish, policy),
    ...checkQuotas(wish, policy),
  ];
}

/** Names by which the objects of a service can be referred to. */
function ownNamesOf({ service, pack, monitors, slos, dashboards }: Wish): OwnNames {
  const named = (packs: object, own: Readonly<Record<string, unknown>>): readonly string[] =>
    [...new Set([...Object.keys(packs), ...Object.keys(own)])].filter((name) => own[name] !== false);
  return {
    service,
    monitors: named(pack.monitors, monitors),
    slos: named(pack.slos, slos),
    dashboards: Object.keys(dashboards),
  };
}

function objectVariablesOf({ pack }: Wish): readonly string[] {
  return [...OBJECT_VARIABLES, ...Object.keys(pack.options).map((option) => `option.${option}`)];
}

function missing(owner: string, path: string, message: string): Problem {
  return { owner, reason: "MissingField", path, message };
}

/** A pack's SLO can be tuned; one of one's own must be complete. */
function checkOneSlo(wish: Wish, name: string, slo: boolean | SloLayer, own: OwnNames): readonly Problem[] {
  const { service: owner, pack } = wish;
  const path = `slos.${name}`;
  const ground = { owner, at: path, variables: objectVariablesOf(wish), own };
  const known = Object.hasOwn(pack.slos, name) ? pack.slos[name] : undefined;
  if (known !== undefined) {
    if (typeof slo === "boolean") return [];
    const fixed = FIXED_SLO_FIELDS.filter((field) => slo[field] !== undefined);
    if (fixed.length === 0) return checkSlo({ ...tunedSlo(known, slo), type: known.type }, ground);
    return fixed.map((field) => {
      const at = `${path}.${field}`;
      const message = `${at} belongs to pack ${pack.name}; give the SLO another name to define one of your own`;
      return { owner, reason: "NotTunable", path: at, message };
    });
  }
  const hint = didYouMean(name, Object.keys(pack.slos));
  if (typeof slo === "boolean" || slo.type === undefined) {
    const more = typeof slo === "boolean" ? "" : " (an SLO of your own needs a type)";
    const message = `${path} is not in pack ${pack.name}${hint}${more}`;
    return [{ owner, reason: "UnknownSlo", path, message }];
  }
  return checkSlo({ ...slo, type: slo.type }, ground);
}

/** Placeholders and references inside a dashboard that stand for nothing. */
export function checkDefinition(
  owner: string,
  at: string,
  definition: DashboardDefinition,
  { variables, own }: { readonly variables: readonly string[]; readonly own?: OwnNames },
): readonly Problem[] {
  return textsIn(definition, at).flatMap(([path, text]) => [
    ...checkVariables({ owner, path }, text, variables),
    ...checkReferences({ owner, path }, text, own),
  ]);
}

export function checkDowntime(
  owner: string,
  at: string,
  { start, end, recurrences, monitors = [], message = "", scope = "" }: DowntimeLayer,
  own?: OwnNames,
): readonly Problem[] {
  const problems: Problem[] = [];
  const refuse = (field: string, why: string): void => {
    const path = below(at, field);
    problems.push({ owner, reason: "InvalidValue", path, message: `${path} ${why}` });
  };
  if (recurrences !== undefined) {
    for (const [field, value] of Object.entries({ start, end }))
      if (value !== undefined)
        refuse(field, "can't stand beside recurrences, which have starts of their own");
  }
  if (start !== undefined && end !== undefined && parseInstant(end)! <= parseInstant(start)!)
    refuse("end", `must be after the start, ${start}`);
  const texts = [
    [below(at, "message"), message],
    [below(at, "scope"), scope],
  ] as const;
  return [
    ...problems,
    ...checkNoReferences(owner, texts),
    ...checkMonitorNames({ owner, path: below(at, "monitors") }, monitors, own),
  ];
}

function checkMetric(owner: string, name: string, metric: MetricTagsLayer): readonly Problem[] {
  const { tags, excludeTags, percentiles, type } = metric;
  const at = `metrics.${name}`;
  const invalid = (field: string, why: string): Problem => {
    const path = `${at}.${field}`;
    return { owner, reason: "InvalidValue", path, message: `${path} ${why}` };
  };
  if (tags === undefined && percentiles === undefined)
    return [missing(owner, at, `${at} needs tags, or percentiles: true`)];
  return [
    ...(excludeTags !== undefined && tags === undefined ? [invalid("excludeTags", "needs tags")] : []),
    ...(percentiles === true && type !== undefined && type !== "distribution"
      ? [invalid("percentiles", `is for distributions only, not for a ${type}`)]
      : []),
  ];
}

function checkCatalog({ service, catalog, dependencies }: Wish, policy: Policy): readonly Problem[] {
  const problems: Problem[] = [];
  if (catalog !== false && !policy.catalog) {
    const message = "catalog: the Software Catalog is not allowed by the operator's policy (catalog)";
    problems.push({ owner: service, reason: "NotAllowed", path: "catalog", message });
  }
  const itself = dependencies.findIndex((name) => name === service || name === `service:default/${service}`);
  if (itself !== -1) {
    const path = `dependencies.${itself}`;
    const message = `${path}: a service can't depend on itself`;
    problems.push({ owner: service, reason: "InvalidValue", path, message });
  }
  return [...problems, ...checkNoReferences(service, textsIn(catalog, "catalog"))];
}

function checkQuotas(wish: Wish, policy: Policy): readonly Problem[] {
  const quotas = [
    ["slos", policy.maxSlos],
    ["dashboards", policy.maxDashboards],
    ["downtimes", policy.maxDowntimes],
    ["metrics", policy.maxMetrics],
  ] as const;
  return quotas.flatMap(([path, most]): Problem[] => {
    const count = Object.values(wish[path]).filter((object) => object !== false).length;
    const message = `${path} has ${count} entries; the operator's policy allows ${most}`;
    return count > most ? [{ owner: wish.service, reason: "NotAllowed", path, message }] : [];
  });
}

/** Everyone that a wish's dashboards and downtimes would notify. */
export function* objectMentions({ dashboards, downtimes }: Wish): Generator<Mention> {
  for (const [name, { definition }] of Object.entries(dashboards))
    if (definition !== undefined) yield* dashboardMentions(`dashboards.${name}.definition`, definition);
  for (const [name, downtime] of Object.entries(downtimes))
    yield* downtimeMentions(`downtimes.${name}`, downtime);
}

export function* dashboardMentions(
  at: string,
  { notify_list: list }: DashboardDefinition,
): Generator<Mention> {
  for (const user of list ?? []) {
    const handle = user.startsWith("@") ? user : `@${user}`;
    yield { path: below(at, "notify_list"), handle };
  }
}

export function* downtimeMentions(at: string, { message = "" }: DowntimeLayer): Generator<Mention> {
  for (const handle of handlesIn(message)) yield { path: below(at, "message"), handle };
}
