import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import type { DatadogDouble } from "../contracts/datadog-double.ts";
import { nowMs, type Cluster } from "./cluster.ts";
import { ENTRY, startNode } from "./subject.ts";

const HEAP = fileURLToPath(new URL("heap.ts", import.meta.url));

/** The controller role under test. */
export interface ControllerSubject extends ReturnType<typeof startNode> {
  /** What the heap holds after a full collection. */
  heapMib(): Promise<number>;
}

export function startController(
  cluster: Cluster,
  { url, apiKey, appKey }: DatadogDouble,
  { resyncMs }: { readonly resyncMs: number },
): ControllerSubject {
  const folder = mkdtempSync(join(tmpdir(), "dd-observe-bench-"));
  const heapFile = join(folder, "heap");
  const controller = startNode(
    ["--expose-gc", ...profiling(), "--import", HEAP, ENTRY, "run", "--role", "controller"],
    {
      CONSUL_HTTP_ADDR: cluster.consul.url,
      DD_API_URL: url,
      DD_API_KEY: apiKey,
      DD_APP_KEY: appKey,
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      DD_OBSERVE_RESYNC: `${resyncMs}ms`,
      DD_OBSERVE_LOG_LEVEL: "warn",
      // Nobody sends metrics here, and what is measured are the objects.
      DD_OBSERVE_ARRIVAL_INTERVAL: "0",
      BENCH_HEAP_FILE: heapFile,
    },
  );
  return {
    ...controller,
    async heapMib() {
      rmSync(heapFile, { force: true });
      process.kill(controller.pid, "SIGUSR2");
      await until(() => existsSync(heapFile) && readFileSync(heapFile, "utf8") !== "", 10_000, "heap's size");
      return Number(readFileSync(heapFile, "utf8"));
    },
    async stop() {
      await controller.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** `BENCH_CPU_PROF=folder` profiles each controller; look at the files with Chromium's developer tools. */
function profiling(): readonly string[] {
  const folder = process.env["BENCH_CPU_PROF"];
  return folder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${folder}`];
}

/** Waits until something is true, and looks often. */
export async function until(isTrue: () => boolean, timeoutMs: number, what: string): Promise<void> {
  const end = nowMs() + timeoutMs;
  while (!isTrue()) {
    if (nowMs() > end) throw new Error(`no ${what} within ${timeoutMs / 1_000} s`);
    await sleep(5);
  }
}

/** The last entry of Consul's log: how many transactions and writes it has taken so far. */
export async function consulWrites(cluster: Cluster): Promise<number> {
  const info = await cluster.consul.run("info");
  return Number(/last_log_index = (\d+)/.exec(info)?.[1]);
}
