import type { ApiError } from "../../clients/errors.ts";

/** The way from a registered service to what is seen of it in Datadog, in order. */
export const STEPS = {
  registered: "registered in Consul",
  wished: "asked for, by tag or document",
  accepted: "wish accepted",
  file: "file written on each node",
  endpoint: "endpoint answers with the expected metrics",
  receivers: "the Agent listens for what is sent",
  agent: "the Agent runs the check",
  data: "points in Datadog",
  controller: "a controller keeps Datadog",
  monitors: "monitors stand and have data",
  objects: "SLOs, dashboards and the rest stand",
} as const;

export type StepName = keyof typeof STEPS;

/** `unknown`: it could not be looked at. `none`: this service has no such thing. */
export type StepState = "well" | "broken" | "unknown" | "none";

/** What there is to say of one step. */
export interface Finding {
  readonly state: StepState;
  /** One line: what is so, or what is wrong. */
  readonly message: string;
  /** More lines: one for each node, metric or object. */
  readonly details?: readonly string[];
  /** What the person can do. */
  readonly action?: string | undefined;
}

export interface Step extends Finding {
  readonly step: StepName;
}

/** What was learnt, or why it could not be. */
export type Learnt<T> = { readonly value: T } | { readonly error: ApiError };

export function well(message: string, details?: readonly string[]): Finding {
  return { state: "well", message, ...(details === undefined ? {} : { details }) };
}

export function broken(message: string, action: string | undefined, details?: readonly string[]): Finding {
  return { state: "broken", message, action, ...(details === undefined ? {} : { details }) };
}

export function unknown(message: string, action?: string): Finding {
  return { state: "unknown", message, action };
}

export function none(message: string): Finding {
  return { state: "none", message };
}

/** What was tried, what came back, and the right that is missing. */
export function notLookedAt({ message, hint }: ApiError): Finding {
  return unknown(message, hint);
}

/** `2 instances`, `1 instance` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** `a, b and 3 more` */
export function listed(names: readonly string[], most = 3): string {
  const more = names.length - most;
  if (more > 0) return `${names.slice(0, most).join(", ")} and ${more} more`;
  return names.length < 2 ? (names[0] ?? "none") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)!}`;
}
