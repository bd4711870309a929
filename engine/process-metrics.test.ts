import { Registry } from "prom-client";
import { expect, test } from "vitest";

import { measureProcess } from "./process-metrics.ts";
import type { WatchState } from "./sources/watch.ts";

const watch = (name: string, startedMs: number, lastProgressMs: number): WatchState => ({
  name,
  ready: lastProgressMs > 0,
  startedMs,
  lastProgressMs,
  error: undefined,
});

async function silence(watches: readonly WatchState[], nowMs: number): Promise<Record<string, number>> {
  const registry = new Registry();
  measureProcess(registry, () => watches, { wallMs: () => nowMs });
  const { values } = await registry.getSingleMetric("dd_observe_watch_silence_seconds")!.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels["watch"], value]));
}

test("a watch is silent since its last good answer, and before the first since it began", async () => {
  expect(await silence([watch("node", 1_000, 61_000), watch("orders", 1_000, 0)], 91_000)).toEqual({
    node: 30,
    orders: 90,
  });
});

test("of two watches with one name the quieter counts", async () => {
  expect(await silence([watch("orders", 0, 10_000), watch("orders", 0, 90_000)], 91_000)).toEqual({
    orders: 81,
  });
});

test("a clock that was set back makes no silence", async () => {
  expect(await silence([watch("node", 50_000, 60_000)], 40_000)).toEqual({ node: 0 });
});

test("memory and processor time are this process's own", async () => {
  const registry = new Registry();
  measureProcess(registry, () => []);
  const value = async (name: string): Promise<number> =>
    (await registry.getSingleMetric(name)!.get()).values[0]!.value;

  const before = await value("dd_observe_cpu_seconds_total");
  for (const end = performance.now() + 30; performance.now() < end;);

  expect(await value("dd_observe_memory_bytes")).toBeGreaterThan(10e6);
  expect(await value("dd_observe_cpu_seconds_total")).toBeGreaterThan(before);
  expect(before).toBeGreaterThan(0);
});
