import { driftOf } from "../../crds/drift.ts";
import type { GlobalMonitor } from "../../crds/global-monitor.ts";
import type { GlobalWish } from "../../crds/global.ts";
import { fillInText, type Variables } from "../../crds/pack.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, remember, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired, DesiredObject } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { effectiveOptions, isWanted, optionVariables } from "../options.ts";
import { allTags, commonVariables, serviceVariables } from "../scope.ts";
import { canonicalDesired, type MonitorBody } from "./canonical.ts";
import { checkCombinations } from "./combinations.ts";
import { withMonitorDefaults } from "./defaults.ts";
import type { Definition } from "./definition.ts";
import { markTags } from "./mark.ts";
import { linksOf, messageOf, type MessageFrame } from "./message.ts";
import { optionsOf, outerFieldsOf } from "./options.ts";
import { checkMonitor } from "./query.ts";
import { withKeys, type Neighbours } from "./references.ts";

/**
 * Works out every monitor that the services of a cluster want, and those of no service. Pure; one
 * changed document costs one compile.
 *
 * @param appUrl Where people look at Datadog, without a slash at the end: `https://app.datadoghq.eu`.
 */
export function compileMonitors(
  clusterId: string,
  { appUrl }: { readonly appUrl: string },
): (snapshot: Snapshot) => Desired<MonitorBody> {
  const compileOne = remember((wish: Wish) => compileWish(wish, { clusterId, appUrl }));
  const compileGlobal = remember((wish: GlobalWish) =>
    wish.kind === "monitor" ? compileOfNoService(wish, clusterId) : undefined,
  );
  return compileEach({ compileOne, compileGlobal });
}

function compileWish(
  wish: Wish,
  { clusterId, appUrl }: { readonly clusterId: string; readonly appUrl: string },
): Compiled<MonitorBody> {
  const base = serviceVariables(wish, clusterId);
  const options = effectiveOptions(wish, base);
  const variables = { ...base, ...optionVariables(wish, options) };
  const retain = wish.deletion === "retain";
  const objects: DesiredObject<MonitorBody>[] = [];
  const held = new Map<string, string>();
  const problems: Problem[] = [];

  const definitions = definitionsOf(wish, options);
  const names = new Set(definitions.map(([name]) => name));
  const slos = new Set(
    [...Object.keys(wish.pack.slos), ...Object.keys(wish.slos)].filter((name) => wish.slos[name] !== false),
  );
  const links = linksOf(wish, { appUrl, clusterId });

  for (const [name, definition] of definitions) {
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
      team: wish.team,
      template: wish.messageTemplate,
      runbookUrl: wish.runbookUrl,
      links,
      variables,
      neighbours: { key, service: wish.service, names, slos },
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
      team: wish.team,
      template: wish.messageTemplate,
      runbookUrl: undefined,
      links: {},
      variables: commonVariables(wish, clusterId),
      neighbours: { key, service: undefined, names: new Set(), slos: new Set() },
    },
  );
  if ("body" in compiled) return { objects: [{ key, owner: key, body: compiled.body, drift, retain }] };
  return {
    objects: [],
    held: new Map([[key, compiled.problems[0]?.message ?? "the monitor is not valid"]]),
    problems: compiled.problems.map((problem) => ({ owner: key, ...problem })),
  };
}

/** Names of the monitors that a service wants. */
export function monitorNamesOf(wish: Wish, clusterId: string): readonly string[] {
  const options = effectiveOptions(wish, serviceVariables(wish, clusterId));
  return definitionsOf(wish, options).map(([name]) => name);
}

/** The pack's monitors that are wanted, tuned, and the document's own, by name. */
function definitionsOf(
  wish: Wish,
  options: Readonly<Record<string, unknown>>,
): readonly (readonly [string, Definition])[] {
  const definitions: [string, Definition][] = [];
  for (const [name, monitor] of Object.entries(wish.pack.monitors)) {
    const wished = wish.monitors[name];
    if (wished === false || !isWanted(monitor, wished !== undefined, options)) continue;
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

type CompiledMonitor =
  | { readonly body: MonitorBody }
  | { readonly problems: readonly { readonly reason: string; readonly message: string }[] };

/** What a monitor takes from whoever wants it. */
interface Frame extends MessageFrame {
  /** What stands before the monitor's own title. */
  readonly title: string;
  /** With our mark. */
  readonly tags: readonly string[];
  readonly variables: Variables;
  readonly neighbours: Neighbours;
}

function compileMonitor(said: Definition, frame: Frame): CompiledMonitor {
  const { critical, warning } = said;
  const all = { ...frame.variables, critical, warning };
  try {
    const named =
      said.type === "composite" || said.type === "slo alert"
        ? withKeys(said.query ?? "", frame.neighbours)
        : { query: said.query ?? "", problems: [] };
    const query = fillInText(named.query, all);
    const definition = withMonitorDefaults(said, query);
    const wire = {
      type: definition.type,
      name: `${frame.title}${fillInText(definition.name ?? "", all)}`,
      query,
      message: messageOf(definition, frame, all),
      tags: frame.tags,
      ...(definition.priority === undefined ? {} : { priority: definition.priority }),
      ...outerFieldsOf(definition),
      options: optionsOf(definition, query, all),
    };
    const problems = [...named.problems, ...checkCombinations(definition, query), ...checkMonitor(wire)];
    return problems.length > 0 ? { problems } : { body: canonicalDesired(wire) };
  } catch (error) {
    return {
      problems: [
        { reason: "InvalidPlaceholder", message: error instanceof Error ? error.message : String(error) },
      ],
    };
  }
}
