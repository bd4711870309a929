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
