import { ApiError } from "../../clients/errors.ts";
import type { MonitorGroup } from "../../clients/datadog.ts";
import type { Arrival, MetricFound } from "../../controllers/metrics-arrival/ask.ts";
import { mayBeSilent } from "../../controllers/metrics-arrival/expected.ts";
import { judgeArrival, METRICS_ARRIVING, tagsInWords } from "../../controllers/metrics-arrival/judge.ts";
import type { MonitorBody } from "../../controllers/monitors/canonical.ts";
import type { Wish } from "../../crds/resolve.ts";
import type { ServiceStatus, StoredCondition } from "../../engine/status/status.ts";
import type { MonitorView, MonitorViews } from "../monitors-view.ts";
import { ago } from "../table.ts";
import { ACTIONS } from "../why-actions.ts";
import type { ServiceFacts } from "./gather.ts";
import {
  broken,
  counted,
  listed,
  none,
  notLookedAt,
  unknown,
  well,
  type Finding,
  type Learnt,
} from "./step.ts";

/** What the steps that happen in Datadog rest on. */
export interface DatadogGround {
  readonly facts: ServiceFacts;
  /** Undefined if no wish is accepted. */
  readonly wish: Wish | undefined;
  /** Why Datadog was not asked. Undefined if it was. */
  readonly notAsked: string | undefined;
  readonly arrival: Arrival | undefined;
  readonly monitors: MonitorViews;
  /** As they are wished, by key. */
  readonly bodies: ReadonlyMap<string, MonitorBody>;
  /** What its monitors watch, in groups. Empty where none is without data. */
  readonly groups: readonly MonitorGroup[];
  /** ms since the epoch */
  readonly nowMs: number;
}

const NO_WISH = "no wish yet";

/** By reason: where to look. */
const HELP: Readonly<Record<string, string>> = {
  NoData:
    "If all steps before are well, the Agent collects and its points get lost: look at the forwarder and the API key in datadog-agent status, and whether its site is the one that is asked here (DD_SITE).",
  Partial:
    "Look whether the endpoint serves it, and whether an option of the wish (dd-observe describe) leaves it out.",
  TagsMissing:
    "Somebody else sends it: look for another file of this check in conf.d. A system that sends by itself needs the tags set where it sends; dd-observe describe shows how.",
};

/** Whether points arrive. Datadog is asked, and the leader's word counts where it can't be. */
export function data({ facts, wish, notAsked, arrival, nowMs }: DatadogGround): Finding {
  if (wish === undefined) return none(NO_WISH);
  if (arrival === undefined) return asTheLeaderSays(facts.status, notAsked ?? "Datadog was not asked");
  const condition = judgeArrival(arrival, false);
  const { any, expected, metrics } = arrival;
  const failed = any instanceof ApiError ? any : metrics.find((one) => one.state === "unknown")?.error;
  if (condition === undefined)
    return failed === undefined ? unknown("nothing was learnt") : notLookedAt(failed);
  const details = [
    ...metrics.map((metric) => detailOf(metric, expected.scope, nowMs)),
    ...(Array.isArray(any) && any.length > 0 ? [`arriving: ${listed(any as readonly string[], 5)}`] : []),
  ];
  const { status, reason, message } = condition;
  if (status === "True") return well(message, details);
  if (status === "Unknown") return { ...unknown(message), details };
  if (mayBeSilent(expected))
    return unknown(`${message}; it sends by itself, so it may simply have nothing to say`);
  const isNew = sinceAccepted(facts, nowMs) < NEW_MS;
  const news = isNew ? "; it is new, so this may still be under way: --wait 10m" : "";
  return broken(`${message}${news}`, HELP[reason], details);
}

const NEW_MS = 10 * 60_000;

function sinceAccepted({ status }: ServiceFacts, nowMs: number): number {
  const conditions = "value" in status ? (status.value?.conditions ?? []) : [];
  const accepted = conditions.find(({ type }) => type === "Accepted");
  return accepted === undefined ? 0 : nowMs - Date.parse(accepted.lastTransitionTime);
}

function detailOf(found: MetricFound, scope: readonly string[], nowMs: number): string {
  const { metric, state } = found;
  if (state === "arrives") return `${metric}: newest point ${ago(Math.max(0, nowMs - found.lastAtMs))} ago`;
  if (state === "otherTags") return `${metric}: ${tagsInWords(found, scope)}`;
  if (state === "unknown") return `${metric}: not known`;
  return `${metric}: no points${found.elsewhere ? "; others send a metric of this name" : ""}`;
}

function asTheLeaderSays(status: Learnt<ServiceStatus | undefined>, why: string): Finding {
  const conditions = "value" in status ? (status.value?.conditions ?? []) : [];
  const said = conditions.find(({ type }) => type === METRICS_ARRIVING);
  if (said === undefined) return unknown(why, "Set DD_API_KEY and DD_APP_KEY to have Datadog asked.");
  const message = `${said.message} (as the leader saw it)`;
  if (said.status === "True") return well(message);
  return said.status === "False" ? broken(message, HELP[said.reason]) : unknown(message);
}

/** Whether every monitor stands and sees data. */
export function monitors(ground: DatadogGround): Finding {
  const { facts, wish, monitors: views, bodies } = ground;
  if (wish === undefined) return none(NO_WISH);
  const wanted = views.monitors.filter(({ isWanted }) => isWanted);
  const synced = conditionOf(facts.status, "MonitorsSynced");
  if (synced?.status === "False") return broken(synced.message, ACTIONS[synced.reason]);
  if (wanted.length === 0) return none("the wish asks for no monitors");
  if (views.notAsked !== undefined) return unknown(views.notAsked);
  const absent = wanted.filter(({ id, state }) => id === undefined || state === undefined);
  if (absent.length > 0)
    return broken(
      `${absent.length} of ${counted(wanted.length, "monitor")} not there: ${listed(absent.map(nameOf))}`,
      synced?.status === "Unknown"
        ? "The controller is still at it."
        : "The controller makes them in its next pass; see the step before.",
    );

  const silent = wanted.filter(({ state }) => state === "No Data");
  const alarming = silent.filter(({ key }) => alertsOnMissing(bodies.get(key)));
  const groups = groupsInWords(ground, silent);
  if (alarming.length > 0)
    return broken(
      `${alarming.length} of ${counted(wanted.length, "monitor")} in No Data: ${listed(alarming.map(nameOf))}`,
      "Look at the steps before: these monitors expect data at all times.",
      groups,
    );
  if (silent.length === wanted.length)
    return broken(
      "all its monitors are in No Data",
      "Look at the steps before: no data reaches them.",
      groups,
    );

  const alerts = wanted.filter(({ state }) => state === "Alert" || state === "Warn");
  const notes = [
    ...(silent.length === 0
      ? []
      : [`in No Data, which they don't alert on: ${listed(silent.map(nameOf), 5)}`]),
    ...groups,
    ...alerts.map((monitor) => `${nameOf(monitor)}: ${monitor.state}`),
  ];
  return well(`${counted(wanted.length, "monitor")} as wished`, notes);
}

/** The groups without data, by monitor: of a grouped one only some may have none. */
function groupsInWords(
  { groups, monitors: views }: DatadogGround,
  silent: readonly MonitorView[],
): readonly string[] {
  return silent.flatMap((monitor) => {
    const id = views.monitors.find(({ key }) => key === monitor.key)?.id;
    const without = groups.filter(
      (one) => one.monitor === id && one.status === "No Data" && one.group !== "total",
    );
    return without.length === 0
      ? []
      : [`${nameOf(monitor)}: no data of ${listed(without.map(({ group }) => group))}`];
  });
}

function nameOf({ key }: MonitorView): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** Others are silent by nature, such as those of counters that only count failures. */
function alertsOnMissing(body: MonitorBody | undefined): boolean {
  const options = body?.options ?? {};
  const onMissing = options["on_missing_data"];
  return options["notify_no_data"] === true || onMissing === "show_and_notify_no_data";
}

/** SLOs, dashboards and the others, as the leader says. */
export function objects({ facts, wish }: DatadogGround): Finding {
  if (wish === undefined) return none(NO_WISH);
  const { status, composed } = facts;
  if ("error" in status) return notLookedAt(status.error);
  if (status.value === undefined) return unknown("no controller has said anything of it");
  const own = status.value.conditions
    .filter(({ type }) => type.endsWith("Synced") && type !== "MonitorsSynced")
    .map((condition) => ({ ...condition, of: condition.type, isShared: false }));
  const shared = [...composed].flatMap(([key, learnt]) => {
    const condition = conditionOf(learnt, "DashboardsSynced");
    return condition === undefined ? [] : [{ ...condition, of: key, isShared: true }];
  });
  const all = [...own, ...shared];
  const wrong = all.filter(({ status: is }) => is === "False");
  if (wrong[0] !== undefined)
    return broken(
      `${wrong[0].of}: ${wrong[0].message}`,
      ACTIONS[wrong[0].reason],
      wrong.slice(1).map(({ of, message }) => `${of}: ${message}`),
    );
  const open = all.find(({ status: is }) => is === "Unknown");
  if (open !== undefined) return unknown(`${open.of}: ${open.message}`);
  const there = all.filter(({ reason }) => reason !== "NothingWanted");
  if (there.length === 0) return none("the wish asks for none");
  const counts = there.map(({ of, isShared, message }) =>
    isShared ? of.slice(of.indexOf("/") + 1) : message.replace(/ as wished$/, ""),
  );
  return well(
    `${listed(counts, 6)} as wished`,
    there.map(({ of, message }) => `${of}: ${message}`),
  );
}

function conditionOf(status: Learnt<ServiceStatus | undefined>, type: string): StoredCondition | undefined {
  return "value" in status ? status.value?.conditions.find((one) => one.type === type) : undefined;
}
