import { setTimeout as sleep } from "node:timers/promises";

import { startFakeDatadog } from "../fakes/datadog.ts";
import { nowMs, startCluster } from "./cluster.ts";
import type { Row } from "./row.ts";
import { ENTRY, startNode } from "./subject.ts";

const RESYNC_MS = 5_000;
const RESYNCS = 3;

/**
 * Calls of one drift check, and the time to create all monitors: one per service, by the generic
 * pack. The stand-in for Datadog sets no limit here; the real one allows far fewer creates a minute.
 */
export async function measureMonitors(services: number): Promise<readonly Row[]> {
  const datadog = await startFakeDatadog({ limit: { limit: 1_000_000, periodSeconds: 60 } });
  const cluster = await startCluster(services, { onNode: false });
  const startedAt = nowMs();
  const controller = startNode([ENTRY, "run", "--role", "controller"], {
    CONSUL_HTTP_ADDR: cluster.consul.url,
    DD_API_URL: datadog.url,
    DD_API_KEY: datadog.apiKey,
    DD_APP_KEY: datadog.appKey,
    DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
    DD_OBSERVE_RESYNC: `${RESYNC_MS}ms`,
    DD_OBSERVE_LOG_LEVEL: "warn",
  });
  try {
    while (datadog.monitors.size < services) {
      if (nowMs() - startedAt > 300_000)
        throw new Error(`only ${datadog.monitors.size} monitors after 300 s`);
      await sleep(10);
    }
    const tookSeconds = (nowMs() - startedAt) / 1_000;
    // Statuses are stored, and the first check after the creates is over.
    await controller.settle();
    await sleep(RESYNC_MS);
    const from = datadog.log.length;
    const cpuBefore = controller.cpuSeconds();
    await sleep(RESYNC_MS * RESYNCS);
    const calls = datadog.log.slice(from);
    const checks = calls.filter(({ query }) => /[?&]page=0(&|$)/.test(query)).length;
    const writes = calls.filter(({ method }) => method !== "GET").length;
    const pages = Math.ceil(services / 1_000);
    return [
      {
        figure: "Datadog: all monitors created",
        services,
        measured: tookSeconds,
        unit: "s",
        note: "from the start of the process; no rate limit",
      },
      {
        figure: "Datadog: calls per drift check",
        services,
        measured: calls.length / checks,
        unit: "",
        bar: pages + 1,
        note: `${checks} checks, ${Math.round(((controller.cpuSeconds() - cpuBefore) / checks) * 1_000)} ms CPU each`,
      },
      { figure: "Datadog: writes in drift checks", services, measured: writes, unit: "", bar: 0 },
      {
        figure: "Datadog: RSS of the controller role",
        services,
        measured: controller.rssMib(),
        unit: "MiB",
      },
    ];
  } finally {
    await controller.stop();
    await cluster.stop();
    await datadog.stop();
  }
}
