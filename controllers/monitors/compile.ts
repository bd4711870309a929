import { driftOf } from "../../crds/drift.ts";
import type { GlobalMonitor } from "../../crds/global-monitor.ts";
import type { GlobalWish } from "../../crds/global.ts";
import type { MonitorLayer, PackMonitor } from "../../crds/monitor.ts";
import { fillInText, type Variables } from "../../crds/pack.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, remember, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired, DesiredObject } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { effectiveOptions, optionVariables } from "../options.ts";
import { allTags, commonVariables, serviceVariables } from "../scope.ts";
import { canonicalDesired, type MonitorBody } from "./canonical.ts";
import { markTags } from "./mark.ts";
import { splitComparison } from "./comparison.ts";
import { checkMonitor } from "./query.ts";

/** A pack's monitor with a document's tuning over it, or a document's own. */
interface Definition extends MonitorLayer {
  readonly summary?: string;
  readonly runbook?: readonly string[];
  /** Thresholds that the document itself states; the others yield where they contradict these. */
  readonly stated: ReadonlySet<string>;
}

/** Works out every monitor that the services of a cluster want, and those of no service. Pure; one changed document costs one compile. */
export function compileMonitors(clusterId: string): (snapshot: Snapshot) => Desired<MonitorBody> {
  const compileOne = remember((wish: Wish) => compileWish(wish, clusterId));
  const compileGlobal = remember((wish: GlobalWish) =>
    wish.kind === "monitor" ? compileOfNoService(wish, clusterId) : undefined,
  );
  return compileEach({ compileOne, compileGlobal });
}

function compileWish(wish: Wish, clusterId: string): Compiled<MonitorBody> {
  const base = serviceVariables(wish, clusterId);
  const options = effectiveOptions(wish, base);
  const variables = { ...base, ...optionVariables(wish, options) };
  const retain = wish.deletion === "retain";
  const objects: DesiredObject<MonitorBody>[] = [];
  const held = new Map<string, string>();
  const problems: Problem[] = [];

  for (const [name, definition] of definitionsOf(wish, options)) {
    const key = `${wish.service}/${name}`;
    const compiled = compileMonitor(definition, {
      title: `[${wish.service}] `,
      footer: `Kept by dd-observe for service ${wish.service} (pack ${wish.pack.name}). Edits here are undone; change the wish instead.`,
      tags: [
        ...allTags(wish, clusterId),
        ...(definition.tags ?? []),
        ...markTags({ clusterId, key, retain }),
      ],
      notify: wish.notify,
      variables,
    });
    if ("body" in compiled) {
      const drift = driftOf(definition.drift, wish.drift);
      objects.push({ key, owner: wish.service, body: compiled.body, drift, retain });
      continue;
    }
    for (const { reason, message } of compiled.problems) {
      const path = `monitors.${name}`;
      problems.push({ owner: wish.service, reason, path, message: `${path}: ${message}` });
    }
    held.set(key, compiled.problems[0]?.message ?? "the monitor is not valid");
  }
  return { objects, held, problems };
}

function compileOfNoService(wish: GlobalMonitor, clusterId: string): Compiled<MonitorBody> {
  const { key, name, drift } = wish;
  const retain = wish.deletion === "retain";
  const stated = new Set(Object.keys(wish.monitor));
  const compiled = compileMonitor(
    { name, ...wish.monitor, stated },
    {
      title: "",
      footer: `Kept by dd-observe (document ${key}). Edits here are undone; change the document instead.`,
      tags: [...allTags(wish, clusterId), ...markTags({ clusterId, key, retain })],
      notify: wish.notify,
      variables: commonVariables(wish, clusterId),
    },
  );
  if ("body" in compiled) return { objects: [{ key, owner: key, body: compiled.body, drift, retain }] };
  return {
    objects: [],
    held: new Map([[key, compiled.problems[0]?.message ?? "the monitor is not valid"]]),
    problems: compiled.problems.map((problem) => ({ owner: key, ...problem })),
  };
}

/** The pack's monitors that are wanted, tuned, and the document's own, by name. */
function definitionsOf(
  wish: Wish,
  options: Readonly<Record<string, unknown>>,
): readonly (readonly [string, Definition])[] {
  const definitions: [string, Definition][] = [];
  for (const [name, monitor] of Object.entries(wish.pack.monitors)) {
    const wished = wish.monitors[name];
    if (!isWanted(monitor, wished, options)) continue;
    const { needs: _needs, default: _default, source: _source, ...definition } = monitor;
    const tuning = typeof wished === "object" ? wished : {};
    definitions.push([name, { ...definition, ...tuning, stated: new Set(Object.keys(tuning)) }]);
  }
  for (const [name, wished] of Object.entries(wish.monitors)) {
    if (typeof wished === "boolean" || Object.hasOwn(wish.pack.monitors, name)) continue;
    definitions.push([name, { name, ...wished, stated: new Set(Object.keys(wished)) }]);
  }
  return definitions;
}

/** A monitor is left out when switched off, and when its metric isn't collected (unless the document asks for it by name). */
function isWanted(
  monitor: PackMonitor,
  wished: boolean | MonitorLayer | undefined,
  options: Readonly<Record<string, unknown>>,
): boolean {
  if (wished === false) return false;
  if (monitor.needs !== undefined && isOff(options[monitor.needs])) return false;
  return wished !== undefined || monitor.default !== false;
}

function isOff(value: unknown): boolean {
  return value === undefined || value === false;
}

type CompiledMonitor =
  | { readonly body: MonitorBody }
  | { readonly problems: readonly { readonly reason: string; readonly message: string }[] };

/** What a monitor takes from whoever wants it. */
interface Frame {
  /** What stands before the monitor's own title. */
  readonly title: string;
  /** Last line of the message: where the monitor comes from. */
  readonly footer: string;
  /** With our mark. */
  readonly tags: readonly string[];
  /** Who is told unless the monitor itself says who. */
  readonly notify: readonly string[];
  readonly variables: Variables;
}

function compileMonitor(definition: Definition, frame: Frame): CompiledMonitor {
  const { critical, warning } = definition;
  const all = { ...frame.variables, critical, warning };
  try {
    const query = fillInText(definition.query ?? "", all);
    const wire = {
      type: definition.type,
      name: `${frame.title}${fillInText(definition.name ?? "", all)}`,
      query,
      message: messageOf(definition, frame, all),
      tags: frame.tags,
      ...(definition.priority === undefined ? {} : { priority: definition.priority }),
      options: optionsOf(definition, query),
    };
    const problems = checkMonitor(wire);
    return problems.length > 0 ? { problems } : { body: canonicalDesired(wire) };
  } catch (error) {
    return {
      problems: [
        { reason: "InvalidPlaceholder", message: error instanceof Error ? error.message : String(error) },
      ],
    };
  }
}

/** What is wrong, what to look at first, who is told, and where the monitor comes from. */
function messageOf(definition: Definition, { notify, footer }: Frame, variables: Variables): string {
  const handles = definition.notify ?? notify;
  const text = definition.stated.has("message")
    ? definition.message
    : (definition.summary ?? definition.message);
  const steps = definition.stated.has("message") ? [] : (definition.runbook ?? []);
  return [
    fillInText(text ?? "", variables),
    steps.length === 0
      ? ""
      : `First look at:\n${steps.map((step, at) => `${at + 1}. ${fillInText(step, variables)}`).join("\n")}`,
    handles.join(" "),
    footer,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function optionsOf(definition: Definition, query: string): Readonly<Record<string, unknown>> {
  return withoutUndefined({
    thresholds: thresholdsOf(definition, query),
    require_full_window: definition.requireFullWindow,
    notify_no_data: definition.notifyNoData,
    no_data_timeframe: definition.noDataTimeframe,
    on_missing_data: definition.onMissingData,
    renotify_interval: definition.renotifyInterval,
    evaluation_delay: definition.evaluationDelay,
    new_group_delay: definition.newGroupDelay,
    timeout_h: definition.timeoutHours,
    escalation_message: definition.escalationMessage,
    include_tags: definition.includeTags,
    notify_audit: definition.notifyAudit,
  });
}

/**
 * The thresholds, without those of the pack that a document's own contradict: whoever lowers
 * `critical` below the pack's `warning` doesn't have to know that there was one.
 */
function thresholdsOf(definition: Definition, query: string): Readonly<Record<string, unknown>> | undefined {
  const { critical, warning, criticalRecovery, warningRecovery, ok, stated } = definition;
  const below = splitComparison(query)?.operator.startsWith("<") === true;
  const keeps = (name: string, inner: number | undefined, outer: number | undefined): number | undefined => {
    if (inner === undefined || outer === undefined || stated.has(name)) return inner;
    return (below ? inner > outer : inner < outer) ? inner : undefined;
  };
  const isCheck = definition.type === "service check";
  const kept = isCheck ? warning : keeps("warning", warning, critical);
  const thresholds = withoutUndefined({
    critical,
    warning: kept,
    critical_recovery: keeps("criticalRecovery", criticalRecovery, critical),
    warning_recovery: kept === undefined ? undefined : keeps("warningRecovery", warningRecovery, kept),
    ok,
  });
  return Object.keys(thresholds).length === 0 ? undefined : thresholds;
}

function withoutUndefined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
