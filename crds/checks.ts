import { checkBudget } from "./budget.ts";
import { checkEvaluators } from "./evaluator-check.ts";
import type { GlobalMonitor } from "./global-monitor.ts";
import { checkHandles, handlesIn, type Mention } from "./handles.ts";
import { checkInstrumentation } from "./instrumentation-check.ts";
import type { MonitorLayer } from "./monitor.ts";
import { notifiedBy } from "./notify.ts";
import { wrongOption } from "./options.ts";
import { placeholdersIn, type Pack } from "./pack.ts";
import { objectMentions, checkObjects } from "./object-checks.ts";
import { below, referenceIn, textsIn } from "./placeholders.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import type { Wish } from "./resolve.ts";
import { didYouMean } from "./suggest.ts";
import type { WishLayer } from "./wish.ts";

/** What a complete wish asks for that its pack or the operator's policy doesn't allow. */
export function checkWish(wish: Wish, policy: Policy): readonly Problem[] {
  return [
    ...checkAgent(wish),
    ...checkMonitors(wish),
    ...checkObjects(wish, policy),
    ...checkInstrumentation(wish, policy),
    ...checkEvaluators(wish, policy),
    ...checkBudget(wish.service, wish.budget, wish.pack),
    ...checkPolicy(wish, policy),
  ];
}

/** Names in `_defaults` that no pack knows: slips, as what another pack knows is only left out. */
export function checkDefaults(
  { agent = {}, monitors = {}, slos = {} }: WishLayer,
  packs: ReadonlyMap<string, Pack>,
): readonly Problem[] {
  // Asked for every service, and mostly there is nothing to look at.
  if ([agent, monitors, slos].every((names) => Object.keys(names).length === 0)) return [];
  const known = {
    agent: new Set([...packs.values()].flatMap((pack) => Object.keys(pack.options))),
    monitors: new Set([...packs.values()].flatMap((pack) => Object.keys(pack.monitors))),
    slos: new Set([...packs.values()].flatMap((pack) => Object.keys(pack.slos))),
  };
  const tuned = Object.entries(monitors).filter(
    ([, monitor]) => typeof monitor === "boolean" || monitor.query === undefined,
  );
  const tunedSlos = Object.entries(slos).filter(
    ([, slo]) => typeof slo === "boolean" || slo.type === undefined,
  );
  return [
    ...unknownNames("agent", Object.keys(agent), known.agent),
    ...unknownNames(
      "monitors",
      tuned.map(([name]) => name),
      known.monitors,
    ),
    ...unknownNames(
      "slos",
      tunedSlos.map(([name]) => name),
      known.slos,
    ),
  ];
}

function unknownNames(
  field: string,
  names: readonly string[],
  known: ReadonlySet<string>,
): readonly Problem[] {
  return names
    .filter((name) => !known.has(name))
    .map((name) => ({
      owner: "_defaults",
      reason: "UnknownField",
      path: `${field}.${name}`,
      message: `${field}.${name} is in no pack${didYouMean(name, known)}`,
    }));
}

function checkAgent({ service, agent, pack }: Wish): readonly Problem[] {
  return Object.entries(agent).flatMap(([name, value]): Problem[] => {
    const path = `agent.${name}`;
    const option = Object.hasOwn(pack.options, name) ? pack.options[name] : undefined;
    if (option === undefined) {
      const message = `${path} is not an option of pack ${pack.name}${likelyOption(name, pack)}`;
      return [{ owner: service, reason: "UnknownField", path, message }];
    }
    if (option.wish !== undefined) {
      const message = `${path} is given by ${option.wish}; write that instead`;
      return [{ owner: service, reason: "NotTunable", path, message }];
    }
    const wrong = wrongOption(option, value);
    return wrong === undefined
      ? []
      : [{ owner: service, reason: "InvalidValue", path, message: `${path} ${wrong}` }];
  });
}

/** People also write an option as the Agent's file has it. */
function likelyOption(name: string, pack: Pack): string {
  const byAgentName = Object.entries(pack.options).find(([, { option }]) => option === name)?.[0];
  if (byAgentName !== undefined) return `; did you mean ${byAgentName}?`;
  return didYouMean(name, Object.keys(pack.options));
}

function checkMonitors(wish: Wish): readonly Problem[] {
  return Object.entries(wish.monitors).flatMap(([name, monitor]): readonly Problem[] => [
    ...checkShape(wish, name, monitor),
    ...(typeof monitor === "object"
      ? checkPlaceholders(wish.service, `monitors.${name}`, monitor, [
          ...MONITOR_VARIABLES,
          ...Object.keys(wish.pack.options).map((option) => `option.${option}`),
        ])
      : []),
  ]);
}

type MonitorWish = Wish["monitors"][string];

/** A pack's monitor can be tuned; one of one's own must be complete. */
function checkShape({ service, pack }: Wish, name: string, monitor: MonitorWish): readonly Problem[] {
  const path = `monitors.${name}`;
  const problem = (reason: string, message: string, at = path): Problem[] => [
    { owner: service, reason, path: at, message },
  ];
  if (Object.hasOwn(pack.monitors, name)) {
    const fixed = (["type", "query"] as const).filter(
      (field) => typeof monitor === "object" && monitor[field] !== undefined,
    );
    return fixed.flatMap((field) => {
      const message = `${path}.${field} belongs to pack ${pack.name}; give the monitor another name to define one of your own`;
      return problem("NotTunable", message, `${path}.${field}`);
    });
  }
  const hint = didYouMean(name, Object.keys(pack.monitors));
  if (typeof monitor === "boolean")
    return problem("UnknownMonitor", `${path} is not in pack ${pack.name}${hint}`);
  if (monitor.query === undefined) {
    const message = `${path} is not in pack ${pack.name}${hint} (a monitor of your own needs type and query)`;
    return problem("UnknownMonitor", message);
  }
  return monitor.type === undefined
    ? problem("MissingField", `${path} needs a type, such as type: query alert`)
    : [];
}

/** What `${…}` can stand for in the texts of a monitor. */
export const MONITOR_VARIABLES = [
  "scope",
  "scopeAnyCluster",
  "scopeTags",
  "service",
  "env",
  "critical",
  "warning",
] as const;

/** The same where there is no service. */
export const GLOBAL_MONITOR_VARIABLES: readonly string[] = MONITOR_VARIABLES.filter(
  (name) => name !== "service",
);

/** @param at The monitor's path inside the document; empty if the document is the monitor. */
function checkPlaceholders(
  owner: string,
  at: string,
  monitor: MonitorLayer,
  known: readonly string[],
): readonly Problem[] {
  const problems: Problem[] = [];
  const common = known.filter((variable) => !variable.includes("."));
  for (const [path, text] of textsOf(at, monitor)) {
    for (const variable of placeholdersIn(text)) {
      if (known.includes(variable)) continue;
      const hint = didYouMean(variable, known) || `; there are ${common.join(", ")}`;
      const message = `${path}: \${${variable}} stands for nothing${hint}`;
      problems.push({ owner, reason: "UnknownVariable", path, message });
    }
    const kind = referenceIn(text)?.kind;
    if (kind === undefined || (path === below(at, "query") && mayName(monitor.type, kind))) continue;
    const where = kind.startsWith("slo")
      ? "an SLO in the query of an SLO's alert"
      : "a monitor in the query of a composite";
    const message =
      kind.startsWith("slo") || kind.startsWith("monitor")
        ? `${path}: \${${kind}:…} stands for ${where} only`
        : `${path}: \${${kind}:…} stands for nothing in a monitor`;
    problems.push({ owner, reason: "UnknownVariable", path, message });
  }
  const thresholds = placeholdersIn(monitor.query ?? "").filter(
    (variable) => (variable === "critical" || variable === "warning") && monitor[variable] === undefined,
  );
  for (const threshold of new Set(thresholds)) {
    const path = below(at, "query");
    const message = `${path} uses \${${threshold}}, but ${at === "" ? "the monitor" : at} has no ${threshold}`;
    problems.push({ owner, reason: "MissingField", path, message });
  }
  return problems;
}

/** Only these queries name other objects. */
function mayName(type: MonitorLayer["type"], kind: string): boolean {
  if (kind.startsWith("monitor")) return type === "composite";
  return kind.startsWith("slo") && type === "slo alert";
}

/** Every text of a monitor that placeholders are filled in of, with its path. */
function* textsOf(at: string, monitor: MonitorLayer): Generator<readonly [path: string, text: string]> {
  const fields = [
    "name",
    "query",
    "message",
    "escalationMessage",
    "criticalQuery",
    "criticalRecoveryQuery",
  ] as const;
  for (const field of fields) yield [below(at, field), monitor[field] ?? ""];
  yield* textsIn(monitor.variables ?? [], below(at, "variables"));
}

function checkPolicy(wish: Wish, policy: Policy): readonly Problem[] {
  const { service, pack } = wish;
  const refuse = (path: string, message: string): Problem => ({
    owner: service,
    reason: "NotAllowed",
    path,
    message,
  });
  const problems: Problem[] = [];
  if (policy.packs !== undefined && !policy.packs.includes(pack.name)) {
    const allowed = policy.packs.join(", ");
    problems.push(
      refuse("pack", `pack ${pack.name} is not allowed by the operator's policy; allowed: ${allowed}`),
    );
  }
  const count = Object.values(wish.monitors).filter((monitor) => monitor !== false).length;
  if (count > policy.maxMonitors) {
    const message = `monitors has ${count} entries; the operator's policy allows ${policy.maxMonitors}`;
    problems.push(refuse("monitors", message));
  }
  return [
    ...problems,
    ...checkHandles(service, mentions(wish), policy),
    ...checkHandles(service, objectMentions(wish), policy),
  ];
}

/** What a monitor of no service asks for that can't be, or that the operator's policy doesn't allow. */
export function checkGlobalMonitor(wish: GlobalMonitor, policy: Policy): readonly Problem[] {
  const { key, monitor, notify } = wish;
  const problems: Problem[] = [];
  if (!policy.globalMonitors) {
    const message = "monitors of no service are not allowed by the operator's policy (globalMonitors)";
    problems.push({ owner: key, reason: "NotAllowed", message });
  }
  const mentioned = [
    ...notifiedBy(notify),
    ...mentionsIn("", monitor),
    ...mentionedIn("messageTemplate", wish.messageTemplate),
  ];
  return [
    ...problems,
    ...checkPlaceholders(key, "", monitor, GLOBAL_MONITOR_VARIABLES),
    ...checkHandles(key, mentioned, policy),
  ];
}

/** Everyone that a wish's monitors would notify. */
function* mentions(wish: Wish): Generator<Mention> {
  yield* notifiedBy(wish.notify);
  yield* mentionedIn("messageTemplate", wish.messageTemplate);
  for (const [name, monitor] of Object.entries(wish.monitors)) {
    if (typeof monitor === "object") yield* mentionsIn(`monitors.${name}`, monitor);
  }
}

/** Datadog also reads handles inside a message. */
function* mentionsIn(at: string, monitor: MonitorLayer): Generator<Mention> {
  for (const handle of monitor.notify ?? []) yield { path: below(at, "notify"), handle };
  for (const field of ["message", "escalationMessage"] as const)
    yield* mentionedIn(below(at, field), monitor[field]);
}

function mentionedIn(path: string, text: string | undefined): readonly Mention[] {
  return handlesIn(text ?? "").map((handle) => ({ path, handle }));
}
