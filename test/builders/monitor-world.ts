import { datadogWriter } from "../../clients/datadog.ts";
import { monitorTarget, type MonitorTargetOptions } from "../../controllers/monitors/target.ts";
import { Budget } from "../../engine/budget.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { startFakeDatadog, type FakeDatadog, type FakeDatadogOptions } from "../fakes/datadog.ts";
import { CLUSTER } from "./monitors.ts";

export interface MonitorWorldOptions extends FakeDatadogOptions {
  readonly target?: Partial<MonitorTargetOptions>;
  readonly timeoutMs?: number;
}

/** A Datadog of its own, and the target that keeps monitors there. Time passes only by `clock.advance`. */
export async function startMonitorWorld({
  target: targetOptions = {},
  timeoutMs = 2_000,
  ...options
}: MonitorWorldOptions = {}) {
  const api = await startFakeDatadog(options);
  const memory = new Memory();
  const settings = { url: api.url, apiKey: api.apiKey, appKey: api.appKey, timeoutMs, gate: new Budget() };
  const datadog = datadogWriter(settings);
  let now = 0;
  const clock = { now: () => now, advance: (ms: number) => (now += ms) };
  const target = monitorTarget({
    datadog,
    clusterId: CLUSTER,
    memory,
    now: clock.now,
    lookAgainMs: 1,
    ...targetOptions,
  });
  return { api, memory, target, settings, clock, datadog };
}

/** The ids of the monitors that carry this key's mark. */
export function marked(api: FakeDatadog, key: string): readonly number[] {
  return [...api.monitors.values()]
    .filter((monitor) => monitor.tags.includes(`dd-observe-key:${key}`))
    .map((monitor) => monitor.id);
}

/** The one monitor that carries this key's mark. */
export function only(api: FakeDatadog, key: string) {
  const [id, ...others] = marked(api, key);
  if (id === undefined || others.length > 0) throw new Error(`not exactly one monitor for ${key}`);
  const monitor = api.monitors.get(id);
  if (monitor === undefined) throw new Error(`no monitor ${id}`);
  return monitor;
}
