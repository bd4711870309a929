import { ApiError } from "../../clients/errors.ts";
import { hashOf } from "../../engine/hash.ts";
import type { RawObject } from "../datadog/kind.ts";
import { createdAt } from "./raw.ts";

/** A metric that nobody sends is asked after so often. */
const METRIC_RETRY_MS = 3_600_000;
/** What is being deleted is gone after seconds, at times minutes. */
const DELETE_RETRY_MS = 15_000;

/** What Datadog answers to a create, as what it means. */
export function explained(tried: string, error: ApiError): ApiError {
  const { failure, message, status } = error;
  if (failure !== "rejected") return error;
  const details = { cause: error, ...(status === undefined ? {} : { status }) };
  if (/metric that does not exist/i.test(message))
    return new ApiError(tried, "Datadog doesn't know the metric yet", {
      ...details,
      failure: "notFound",
      reason: "WaitingForMetric",
      retryAfterMs: METRIC_RETRY_MS,
      hint: "It is tried again every hour. Send the metric, or correct its name in the document.",
    });
  if (/integration metric/i.test(message))
    return new ApiError(tried, "it is a metric of one of Datadog's integrations", {
      ...details,
      failure: "rejected",
      hint: "Datadog configures tags of custom metrics only. Take the metric out of the document.",
    });
  return error;
}

/** Somebody else's configuration stands there. */
export function conflict(tried: string, raw: RawObject, owner: string | undefined): ApiError {
  const metric = String(raw["id"]);
  const at = createdAt(raw);
  const since = at === undefined ? "" : ` since ${new Date(at).toISOString()}`;
  return new ApiError(tried, `somebody else has configured it${since}`, {
    failure: "conflict",
    hint: `Ask whoever keeps ${metric} in Datadog (Metrics Summary; the audit trail says who), or take it over: dd-observe adopt metric-tags ${metric} ${owner ?? "SERVICE"}`,
  });
}

/** Datadog still has what was deleted a moment ago: it can neither be changed nor be made anew. */
export function deleting(tried: string): ApiError {
  return new ApiError(tried, "the one before it is still being deleted", {
    failure: "notFound",
    reason: "WaitingForDelete",
    retryAfterMs: DELETE_RETRY_MS,
    hint: "Datadog needs seconds, at times minutes. It is tried again by itself.",
  });
}

/** The name of one take-over, as a person approves it. Another configuration of the same metric has another. */
export function takeOverHash(raw: RawObject): string {
  return hashOf({ takeOver: raw["id"], createdAt: createdAt(raw) ?? null }).slice(0, 12);
}
