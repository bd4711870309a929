import type { ServiceStatus } from "../../engine/status/status.ts";
import type { Samples } from "./samples.ts";
import type { World } from "./world.ts";

/** How long the first sync may take with `--once`. */
export const ONCE_MS = 30_000;

/** Each has a condition of its own, also where a sample wishes nothing of it. */
const KINDS = ["Monitors", "SLOs", "Dashboards", "Downtimes", "MetricTags", "Catalog"];

/** Every sample stands, and the one with a mistake has been told so. */
export function complete(
  statuses: readonly ServiceStatus[],
  { services, broken }: Samples,
  { agent }: Pick<World, "agent">,
): boolean {
  const conditionsOf = (service: string): ServiceStatus["conditions"] =>
    statuses.filter((status) => status.service === service).flatMap(({ conditions }) => conditions);
  // An Agent of the person's own doesn't read that folder.
  const needed = [
    "Accepted",
    "ConfigWritten",
    ...KINDS.map((kind) => `${kind}Synced`),
    ...(agent === undefined ? [] : ["AgentLoaded"]),
  ];
  const isWell = (service: string): boolean => {
    const conditions = conditionsOf(service);
    return (
      needed.every((type) => conditions.some((one) => one.type === type && one.status === "True")) &&
      conditions.every(({ type, status }) => !type.endsWith("Synced") || status === "True")
    );
  };
  return (
    services.every(isWell) &&
    conditionsOf(broken).some(({ type, status }) => type === "Accepted" && status === "False")
  );
}

export function notComplete(statuses: readonly ServiceStatus[], { services }: Samples): string {
  const open = statuses
    .filter(({ service }) => services.includes(service))
    .flatMap(({ service, conditions }) =>
      conditions
        .filter(({ status }) => status !== "True")
        .map(({ type, reason, message }) => `  ${service}: ${type}: ${reason}. ${message}`),
    );
  const seconds = ONCE_MS / 1_000;
  return [`the first sync was not complete within ${seconds} s`, ...open].join("\n");
}
