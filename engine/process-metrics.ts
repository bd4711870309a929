import { Counter, Gauge, type Registry } from "prom-client";

import { systemClock, type Clock } from "./clock.ts";
import type { WatchState } from "./sources/watch.ts";

/**
 * What the process says of itself: how long each watch has been without news of any kind, and what it uses.
 *
 * @param watches Asked at each reading, since watches come as roles start. Of two with one name, such as
 *   the orders that both roles follow, the quieter one counts.
 */
export function measureProcess(
  registry: Registry,
  watches: () => readonly Readonly<WatchState>[],
  clock: Pick<Clock, "wallMs"> = systemClock,
): void {
  const registers = [registry];
  void new Gauge({
    name: "dd_observe_watch_silence_seconds",
    help: "Seconds since a watch of Consul had its last good answer; up to 65 while all is well.",
    labelNames: ["watch"],
    registers,
    collect() {
      this.reset();
      const quietest = new Map<string, number>();
      for (const { name, lastProgressMs, startedMs } of watches()) {
        const seconds = Math.max(0, clock.wallMs() - Math.max(lastProgressMs, startedMs)) / 1_000;
        quietest.set(name, Math.max(seconds, quietest.get(name) ?? 0));
      }
      for (const [watch, seconds] of quietest) this.set({ watch }, seconds);
    },
  });
  void new Gauge({
    name: "dd_observe_memory_bytes",
    help: "Memory that the process holds (resident set).",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  void new Counter({
    name: "dd_observe_cpu_seconds_total",
    help: "Processor time that the process has used.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
}
