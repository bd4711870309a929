import { z } from "zod";

import { serviceCost } from "./cost.ts";

export type ConditionStatus = "True" | "False" | "Unknown";

/** One statement about a service, as Kubernetes has them. Types and reasons are part of the public interface. */
export interface Condition {
  /** `Accepted`, `ConfigWritten`, `AgentLoaded`, `MonitorsSynced`, `Ready`, `Stalled`, … */
  readonly type: string;
  readonly status: ConditionStatus;
  /** CamelCase, for programs. */
  readonly reason: string;
  /** For people: what is so, and what they can do. */
  readonly message: string;
}

const storedCondition = z.object({
  type: z.string(),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string(),
  message: z.string(),
  /** Which version of the document this was said of: its ModifyIndex, 0 for a wish by tag alone. */
  observedGeneration: z.number(),
  /** When `status` changed last, ISO 8601. */
  lastTransitionTime: z.string(),
});
export type StoredCondition = z.infer<typeof storedCondition>;

/** A field that a person changed by hand. */
const storedDrift = z.object({
  path: z.string(),
  wanted: z.unknown().optional(),
  found: z.unknown().optional(),
  /** Hash of what is wanted. */
  wish: z.string(),
  /** ISO 8601 */
  since: z.string(),
  /** When it is set right, ISO 8601, or `never` where drift is only reported. Absent if at once. */
  until: z.string().optional(),
  by: z.string().optional(),
});
export type StoredDrift = z.infer<typeof storedDrift>;

const storedObject = z.object({
  controller: z.string(),
  key: z.string(),
  ref: z.string(),
  applied: z.string(),
  /** Fields that the other system stored otherwise than they were written. */
  rewritten: z.array(z.object({ path: z.string(), stored: z.string() })).optional(),
  drift: z.array(storedDrift).optional(),
  /** True if its wish says that it stays, of objects that can't carry that themselves. */
  retain: z.boolean().optional(),
  /** When it was created, ISO 8601, if no list had shown it yet. */
  createdAt: z.string().optional(),
});
export type StoredObject = z.infer<typeof storedObject>;

const storedEvent = z.object({
  /** CamelCase: `Created`, `Updated`, `DriftCorrected`, `Deleted`, `Failed`. */
  reason: z.string(),
  message: z.string(),
  count: z.number(),
  lastSeen: z.string(),
});
export type StoredEvent = z.infer<typeof storedEvent>;

/** What one writer says of one service, as it stands in Consul's KV. */
export const serviceStatus = z.object({
  service: z.string(),
  /** The process that wrote it: `controller` or a node's name. */
  writer: z.string(),
  generation: z.number(),
  conditions: z.array(storedCondition),
  objects: z.array(storedObject),
  events: z.array(storedEvent),
  /** Since when the wish is gone while objects remain, ISO 8601. */
  absentSince: z.string().optional(),
  /** True if no wish of it was ever seen: only objects were found, as after Consul lost its state. */
  isStranger: z.boolean().optional(),
  cost: serviceCost.optional(),
});
export type ServiceStatus = z.infer<typeof serviceStatus>;

/** Reads a status from KV. Undefined if it isn't one: an older version's, or a person's. */
export function parseStatus(text: string): ServiceStatus | undefined {
  try {
    return serviceStatus.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Where statuses stand, below the state prefix. Never below the watched one: a status must not wake a watch. */
export const STATUS_KEYS = {
  ofController: (prefix: string): string => `${prefix}/status/services/`,
  ofNodes: (prefix: string): string => `${prefix}/status/nodes/`,
  ofNode: (prefix: string, node: string): string => `${prefix}/status/nodes/${encodeURIComponent(node)}/`,
} as const;

/**
 * The sum of a service's conditions. `Ready` if all hold; `Stalled` if one of them needs a person.
 *
 * @param conditions Of all writers.
 */
export function summarize(conditions: readonly Condition[]): readonly Condition[] {
  const ordered = conditions.toSorted((a, b) => rankOf(a) - rankOf(b));
  const failing = ordered.filter(({ status }) => status === "False");
  const worst = failing[0] ?? ordered.find(({ status }) => status === "Unknown");
  const stalled = failing.find(({ reason }) => NEEDS_A_PERSON.has(reason));
  const ready: Condition =
    worst === undefined
      ? { type: "Ready", status: "True", reason: "AllConditionsMet", message: "everything is as wished" }
      : {
          type: "Ready",
          status: failing.length > 0 ? "False" : "Unknown",
          reason: worst.reason,
          message: worst.message,
        };
  const isStalled: Condition =
    stalled === undefined
      ? { type: "Stalled", status: "False", reason: "Progressing", message: "nothing waits for a person" }
      : { type: "Stalled", status: "True", reason: stalled.reason, message: stalled.message };
  return [ready, isStalled];
}

/**
 * Of what breaks on the way of the data the first says why; the rest follows from it. An endpoint that is away
 * makes the Agent's check fail, and then no points arrive. All that isn't on this way comes before.
 */
const WAY_OF_DATA = [
  "ConfigWritten",
  "EndpointReachable",
  "ReceiversReady",
  "AgentLoaded",
  "MetricsArriving",
];

function rankOf({ type }: Condition): number {
  return WAY_OF_DATA.indexOf(type);
}

/** Reasons that no retry can mend. */
const NEEDS_A_PERSON: ReadonlySet<string> = new Set([
  "InvalidWish",
  "Rejected",
  "Unauthorized",
  "NoApiKey",
  "BrakeEngaged",
  "OtherOrganisation",
  "SuspiciouslyEmpty",
  "ConfigRejected",
  "RefusedByNomad",
  "RolledBack",
  "RestartFailed",
  "NoRestartCommand",
  "AddressRefused",
  "NotAllowed",
  "NoPort",
  "InvalidQuery",
  "InvalidThreshold",
  "InvalidDashboard",
  "InvalidCombination",
  "InvalidPlaceholder",
  "Conflict",
  "UnknownReference",
  "JobDoesNotTake",
]);
