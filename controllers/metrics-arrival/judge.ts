import { ApiError } from "../../clients/errors.ts";
import type { Condition } from "../../engine/status/status.ts";
import type { Arrival, MetricFound } from "./ask.ts";
import type { Expected } from "./expected.ts";

export const METRICS_ARRIVING = "MetricsArriving";

/** Said instead of what is missing while that is no wonder yet. */
export const WAITING_FOR_DATA = "WaitingForData";

/**
 * Says whether a service's metrics arrive. Pure.
 *
 * @param isNew True while the service, or what is expected of it, is so new that nothing can have arrived yet.
 * @returns undefined if nothing was learnt, and nothing a person could mend is in the way.
 */
export function judgeArrival(arrival: Arrival, isNew: boolean): Condition | undefined {
  const { expected, any } = arrival;
  const condition = any === undefined ? judgeMetrics(arrival) : judgeAny(any, expected);
  if (condition?.status !== "False" || !isNew) return condition;
  const message = `${condition.message}; it is new, so this may still be under way`;
  return { ...condition, status: "Unknown", reason: WAITING_FOR_DATA, message };
}

function judgeMetrics({ expected, metrics }: Arrival): Condition | undefined {
  const { windowMs, scope } = expected;
  const arriving = metrics.filter(({ state }) => state === "arrives");
  const mistagged = metrics.filter((one) => one.state === "otherTags");
  const missing = metrics.filter(({ state }) => state !== "arrives" && state !== "unknown");
  const unknown = metrics.find((one) => one.state === "unknown");
  const minutes = `the last ${windowMs / 60_000} minutes`;

  if (missing.length > 0) {
    const names = namesIn(missing);
    if (mistagged[0] !== undefined)
      return say("False", "TagsMissing", `${namesIn(mistagged)}: ${tagsInWords(mistagged[0], scope)}`);
    if (arriving.length > 0)
      return say(
        "False",
        "Partial",
        `${missing.length} of ${metrics.length} key metrics have no points of ${minutes}: ${names}`,
      );
    return say("False", "NoData", `no points of ${minutes} with ${scope.join(", ")}: ${names}`);
  }
  if (unknown !== undefined) return notKnown(unknown.error);
  const all = metrics.length === 1 ? "the key metric has" : `all ${metrics.length} key metrics have`;
  return say("True", "Arriving", `${all} points of ${minutes}`);
}

function judgeAny(any: readonly string[] | ApiError, { windowMs, scope }: Expected): Condition | undefined {
  if (any instanceof ApiError) return notKnown(any);
  const minutes = `the last ${windowMs / 60_000} minutes`;
  return any.length > 0
    ? say("True", "Arriving", `metrics with ${scope.join(", ")} have points of ${minutes}`)
    : say("False", "NoData", `no metric has points of ${minutes} with ${scope.join(", ")}`);
}

/** `it arrives with service:ray, but without cluster:dc1` */
export function tagsInWords(
  { found }: Extract<MetricFound, { readonly state: "otherTags" }>,
  scope: readonly string[],
): string {
  const lacking = scope.filter((tag) => !found.includes(tag.toLowerCase()));
  const others = found.filter((tag) => !scope.some((own) => own.toLowerCase() === tag));
  const instead = others.length === 0 ? "" : ` (instead: ${others.join(", ")})`;
  return `arrives without ${lacking.join(", ")}${instead}`;
}

const MOST_NAMES = 3;

function namesIn(metrics: readonly MetricFound[]): string {
  const shown = metrics.slice(0, MOST_NAMES).map(({ metric }) => metric);
  const more = metrics.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** An API that is down is told of elsewhere, and says nothing about the metrics. */
function notKnown(error: ApiError): Condition | undefined {
  if (error.failure === "unavailable" || error.failure === "rateLimited") return undefined;
  const reason = error.failure === "unauthorized" ? "Unauthorized" : "Rejected";
  return say("Unknown", reason, error.hint === undefined ? error.message : `${error.message}. ${error.hint}`);
}

function say(status: Condition["status"], reason: string, message: string): Condition {
  return { type: METRICS_ARRIVING, status, reason, message };
}
