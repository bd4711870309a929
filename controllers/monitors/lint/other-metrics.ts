import type { KnownName } from "./known-metrics.ts";

/** What the Agent says of its own machine, where the unit decides about thresholds. Not complete; no pack has them. */
const HOST: Readonly<Record<string, KnownName>> = {
  "system.cpu.idle": { type: "gauge", unit: "percent" },
  "system.cpu.system": { type: "gauge", unit: "percent" },
  "system.cpu.user": { type: "gauge", unit: "percent" },
  "system.disk.in_use": { type: "gauge", unit: "fraction" },
  "system.mem.pct_usable": { type: "gauge", unit: "fraction" },
};

/** Counters that AI agents send by convention, over DogStatsD. */
const AGENTS: readonly string[] = [
  ...["completed", "failed", "retried"].map((name) => `ai.agent.tasks.${name}`),
  ...["requested", "granted", "rejected"].map((name) => `ai.agent.human_approval.${name}`),
  ...["selected", "failed"].map((name) => `ai.agent.tool.${name}`),
  "ai.agent.hallucinations",
  "ai.agent.modification.rejected",
  "ai.agent.safety_gate.triggered",
];

/** What is known of metrics that no pack has, by name. */
export const OTHER_METRICS: ReadonlyMap<string, KnownName> = new Map([
  ...Object.entries(HOST),
  ...AGENTS.map((name): [string, KnownName] => [name, { type: "rate" }]),
]);
