import { setTimeout as sleep } from "node:timers/promises";

import { CLUSTER_CONTROLLERS } from "../../controllers/index.ts";
import {
  hasStrictDouble,
  ownFake,
  strictDouble,
  type DatadogDouble,
  type Exchange,
} from "../contracts/datadog-double.ts";
import { nowMs, startCluster, type Cluster } from "./cluster.ts";
import { consulWrites, startController, until, type ControllerSubject } from "./controller.ts";
import { quantile, type Row } from "./row.ts";
import { callsByOperation, CREATES, paceOf } from "./traffic.ts";

type Say = (text: string) => void;

/** As often as people have it. */
const RESYNC_MS = 60_000;
/** So that several fit into a measurement. */
const SHORT_RESYNC_MS = 8_000;
const RESYNCS = 3;
/** A write takes Datadog a good while: whoever sends few at once doesn't come to the limit. */
const LATENCY_MS = 200;
const NO_LIMIT = { limit: 1_000_000, periodSeconds: 60 };

interface Ground {
  readonly cluster: Cluster;
  readonly double: DatadogDouble;
  readonly controller: ControllerSubject;
}

async function withController<T>(
  start: () => Promise<readonly [Cluster, DatadogDouble]>,
  resyncMs: number,
  measure: (ground: Ground) => Promise<T>,
): Promise<T> {
  const [cluster, double] = await start();
  const controller = startController(cluster, double, { resyncMs });
  try {
    return await measure({ cluster, double, controller });
  } finally {
    await controller.stop();
    await cluster.stop();
    await double.stop();
  }
}

/** Creating all monitors, one per service by the generic pack, under the recorded limits. */
export async function measureCreation(services: number, say: Say): Promise<readonly Row[]> {
  const rows = await measureCreationAgainst(
    services,
    { name: "", start: async () => await ownFake({ latencyMs: LATENCY_MS }) },
    say,
  );
  // It checks every request, and takes its time.
  if (!hasStrictDouble || services > 1_000) return rows;
  return [
    ...rows,
    ...(await measureCreationAgainst(services, { name: " (strict double)", start: strictDouble }, say)),
  ];
}

async function measureCreationAgainst(
  services: number,
  { name, start }: { readonly name: string; readonly start: () => Promise<DatadogDouble> },
  say: Say,
): Promise<readonly Row[]> {
  return await withController(
    async () => [await startCluster(services, { onNode: false }), await start()],
    RESYNC_MS,
    async ({ cluster, double, controller }) => {
      const before = await consulWrites(cluster);
      await until(
        () => createsIn(double.traffic(), 200).length >= services,
        services * 40 + 60_000,
        "creates",
      );
      const cpuSeconds = controller.cpuSeconds();
      const peak = controller.peakRssMib();
      await controller.settle();
      const traffic = double.traffic();
      const monitorTraffic = traffic.filter(({ path }) => path.startsWith("/api/v1/monitor"));
      const pace = paceOf(createsIn(traffic, 200), CREATES);
      say(`${services} monitors${name}: ${callsByOperation(traffic)}`);
      say(`  delays after a window's start: ${pace.delaysMs.map(Math.round).join(", ")} ms`);
      const writes = (await consulWrites(cluster)) - before;
      const row = (figure: string, measured: number, unit: string, more: Partial<Row> = {}): Row => ({
        figure: `Datadog${name}: ${figure}`,
        services,
        measured,
        unit,
        ...more,
      });
      return [
        row("from the first create to the last", pace.tookMs / 1_000, "s", {
          // What an answer says of its window's end is rounded up to a second, and a second of jitter comes on top.
          bar: pace.leastMs / 1_000 + 3,
          barText: `${(pace.leastMs / 1_000).toFixed(1)} + 3`,
          note: `500 in 10 s allow no less than ${(pace.leastMs / 1_000).toFixed(1)} s`,
        }),
        row("calls about monitors", monitorTraffic.length, "", { bar: services + 3 }),
        row("answers 429", traffic.filter(({ status }) => status === 429).length, "", { bar: 0 }),
        row("windows not used to their limit", pace.wasted, "", { bar: 0 }),
        row("start of a window → its first create, p50", quantile(pace.delaysMs, 0.5), "ms"),
        row("the same, longest", Math.max(...pace.delaysMs), "ms", { bar: 2_000 }),
        row("creates within 100 ms, most", pace.busiest, ""),
        row("CPU for a create, status and all", (cpuSeconds / services) * 1_000, "ms"),
        row("writes to Consul for a create", writes / services, ""),
        row("RSS, most during the creates", peak, "MiB"),
        row("RSS after them", controller.rssMib(), "MiB"),
        row("heap after them, collected", await controller.heapMib(), "MiB"),
      ];
    },
  );
}

function createsIn(traffic: readonly Exchange[], status: number): readonly number[] {
  return traffic.flatMap((one) =>
    one.method === "POST" && one.path === "/api/v1/monitor" && one.status === status ? [one.at] : [],
  );
}

/** How long a person's change waits while thousands of monitors are being made. */
export async function measureUrgency(services: number, say: Say): Promise<readonly Row[]> {
  return await withController(
    async () => [await startCluster(services, { onNode: false }), await ownFake({ latencyMs: LATENCY_MS })],
    RESYNC_MS,
    async ({ cluster, double, controller }) => {
      await until(() => double.monitors().length >= 600, 60_000, "600 monitors");
      const updates: number[] = [];
      const creates: number[] = [];
      const made = new Set(double.monitors().flatMap((monitor) => serviceOf(monitor) ?? []));
      const standing = cluster.services.filter((service) => made.has(service));
      for (let n = 0; n < 6; n++) {
        const service = standing[Math.floor(Math.random() * standing.length)]!;
        const { mark, sentAt } = await cluster.change(service);
        const has = (): boolean => double.monitors().some(({ tags }) => (tags as string[]).includes(mark));
        await until(has, 300_000, "change of a person");
        updates.push(nowMs() - sentAt);
        const name = `zz-new-${n}`;
        const put = await cluster.put(name, "pack: generic\nendpoint: {port: 1234}\n");
        await until(() => double.monitors().some((one) => serviceOf(one) === name), 300_000, "new monitor");
        creates.push(nowMs() - put.sentAt);
        say(
          `  during the flood: update ${Math.round(updates.at(-1)!)} ms, create ${Math.round(creates.at(-1)!)} ms`,
        );
        // At another point of a window each time.
        await sleep(1_700);
      }
      const left = services - double.monitors().length;
      if (left <= 0) throw new Error("the flood was over before the last change");
      const traffic = double.traffic();
      say(`  ${callsByOperation(traffic)}; ${left} left`);
      const pace = paceOf(createsIn(traffic, 200), CREATES);
      const row = (figure: string, measured: number, unit: string, more: Partial<Row> = {}): Row => ({
        figure: `Datadog, while ${services.toLocaleString("en-US")} are made: ${figure}`,
        services,
        measured,
        unit,
        ...more,
      });
      return [
        row("a person's update, p50", quantile(updates, 0.5), "ms"),
        row("the same, longest", Math.max(...updates), "ms", { bar: 2_000 }),
        row("a person's new monitor, p50", quantile(creates, 0.5), "ms"),
        row("the same, longest", Math.max(...creates), "ms", {
          bar: 14_000,
          note: "it needs the same limit, so the next window at the latest",
        }),
        row("windows not used to their limit", pace.wasted, "", { bar: 0 }),
        row("answers 429", traffic.filter(({ status }) => status === 429).length, "", { bar: 0 }),
        row("CPU so far", controller.cpuSeconds(), "s"),
      ];
    },
  );
}

function serviceOf({ tags }: Readonly<Record<string, unknown>>): string | undefined {
  const tag = (tags as string[]).find((one) => one.startsWith("dd-observe-key:"));
  return tag?.slice("dd-observe-key:".length).split("/")[0];
}

/** How many of each kind stand there for a measurement. Kinds that no controller keeps are left out. */
export interface Stock {
  readonly monitors: number;
  readonly dashboards: number;
  readonly slos: number;
}

const SLO = `slos:
  up: { name: Up, type: monitor, monitors: [endpoint-down], target: 99.5 }
`;
const DASHBOARD = `dashboards:
  bench:
    definition:
      title: Bench
      layout_type: ordered
      widgets: [{ definition: { type: note, content: Bench } }]
`;

/** Calls, time and CPU of a look at an unchanged world. */
export async function measureResync(stock: Stock, say: Say): Promise<readonly Row[]> {
  const keeps = (name: string): boolean => CLUSTER_CONTROLLERS.some((one) => one.name === name);
  const slos = keeps("slos") ? stock.slos : 0;
  const dashboards = keeps("dashboards") ? stock.dashboards : 0;
  const { monitors } = stock;
  const extra = (at: number): string => (at < slos ? SLO : "") + (at < dashboards ? DASHBOARD : "");
  const cluster = await startCluster(monitors, { onNode: false, extra });
  const double = await ownFake({ limit: NO_LIMIT });
  try {
    const isWhole = (): boolean =>
      double.objects("monitors").length >= monitors &&
      double.objects("slos").length >= slos &&
      double.objects("dashboards").length >= dashboards;
    const first = startController(cluster, double, { resyncMs: RESYNC_MS });
    try {
      await until(isWhole, 300_000, "world to look at");
      const cpu = first.cpuSeconds().toFixed(1);
      say(`${monitors} monitors without limits: ${cpu} s CPU until all stood there`);
      await first.settle();
    } finally {
      await first.stop();
    }
    return await measureChecks({ cluster, double }, { monitors, slos, dashboards }, say);
  } finally {
    await cluster.stop();
    await double.stop();
  }
}

/** The same world, looked at by a new process: what it costs once it stands. */
async function measureChecks(
  { cluster, double }: Pick<Ground, "cluster" | "double">,
  { monitors, slos, dashboards }: Stock,
  say: Say,
): Promise<readonly Row[]> {
  const beginning = double.traffic().length;
  const controller = startController(cluster, double, { resyncMs: SHORT_RESYNC_MS });
  try {
    await until(() => checksIn(double.traffic().slice(beginning)) >= 2, 180_000, "second look");
    const startCalls = double.traffic().slice(beginning);
    await controller.settle();
    const from = double.traffic().length;
    const cpuBefore = controller.cpuSeconds();
    await sleep(SHORT_RESYNC_MS * RESYNCS);
    await controller.settle();
    const traffic = double.traffic().slice(from);
    const checks = checksIn(traffic);
    const cpuMs = ((controller.cpuSeconds() - cpuBefore) / checks) * 1_000;
    say(`start beside ${monitors}: ${callsByOperation(startCalls)}`);
    say(`${checks} looks: ${callsByOperation(traffic)}`);
    const kinds = `${monitors.toLocaleString("en-US")} monitors, ${dashboards} dashboards, ${slos.toLocaleString("en-US")} SLOs`;
    const row = (figure: string, measured: number, unit: string, more: Partial<Row> = {}): Row => ({
      figure: `Datadog, unchanged: ${figure}`,
      services: monitors,
      measured,
      unit,
      ...more,
    });
    const least = Math.ceil(monitors / 1_000) + Math.ceil(slos / 1_000) + 1;
    return [
      row("calls of a look", callsOfALook(traffic), "", {
        bar: least,
        note: `${checks} looks at ${kinds}`,
      }),
      row("writes, of a start and all looks", writesIn(double.traffic().slice(beginning)), "", { bar: 0 }),
      row("CPU of a look", cpuMs, "ms"),
      row("RSS of a process that began beside them", controller.rssMib(), "MiB"),
      row("its heap, collected", await controller.heapMib(), "MiB"),
    ];
  } finally {
    await controller.stop();
  }
}

function checksIn(traffic: readonly Exchange[]): number {
  return traffic.filter(
    ({ path, query }) =>
      path === "/api/v1/monitor" && /[?&]page=0(&|$)/.test(query) && /page_size=1000/.test(query),
  ).length;
}

/** Each kind has its own rhythm: its calls are counted against its own looks, which begin with the first page of a list. */
function callsOfALook(traffic: readonly Exchange[]): number {
  const kinds = Map.groupBy(traffic, ({ path }) => /^\/api\/v\d\/([a-z]+)/.exec(path)?.[1] ?? path);
  return [...kinds.values()].reduce((sum, calls) => {
    const looks = calls.filter(
      ({ path, query }) => !/\/[^/]*\d[^/]*$/.test(path.slice("/api/v1/".length)) && isFirstPage(query),
    ).length;
    return sum + calls.length / Math.max(1, looks);
  }, 0);
}

function isFirstPage(query: string): boolean {
  return !/[?&](?:page|start|offset)=[1-9]/.test(query);
}

function writesIn(traffic: readonly Exchange[]): number {
  return traffic.filter(({ method }) => method !== "GET").length;
}

/** A change of `_defaults` that every monitor shows, under the recorded limits. */
export async function measureDefaults(services: number, say: Say): Promise<readonly Row[]> {
  return await withController(
    async () => [await startCluster(services, { onNode: false }), await ownFake({ latencyMs: LATENCY_MS })],
    RESYNC_MS,
    async ({ cluster, double, controller }) => {
      await until(() => double.monitors().length >= services, 300_000, "monitors");
      await controller.settle();
      const [from, cpuBefore] = [double.traffic().length, controller.cpuSeconds()];
      const writesBefore = await consulWrites(cluster);
      await cluster.put("_defaults", "notify: ['@slack-bench']\n");
      const puts = (): readonly number[] =>
        double
          .traffic()
          .slice(from)
          .flatMap(({ method, at }) => (method === "PUT" ? [at] : []));
      const sentAt = Date.now();
      await until(() => puts().length >= services, 300_000, "updates");
      const tookSeconds = (Math.max(...puts()) - sentAt) / 1_000;
      await controller.settle();
      const traffic = double.traffic().slice(from);
      say(`_defaults for ${services}: ${callsByOperation(traffic)}`);
      const pace = paceOf(puts(), CREATES);
      const cpuMs = ((controller.cpuSeconds() - cpuBefore) / services) * 1_000;
      const writes = ((await consulWrites(cluster)) - writesBefore) / services;
      const row = (figure: string, measured: number, unit: string, more: Partial<Row> = {}): Row => ({
        figure: `Datadog, _defaults that touch all: ${figure}`,
        services,
        measured,
        unit,
        ...more,
      });
      return [
        row("until the last update", tookSeconds, "s", {
          bar: pace.leastMs / 1_000 + 3,
          barText: `${(pace.leastMs / 1_000).toFixed(1)} + 3`,
        }),
        row("calls", traffic.length, "", {
          bar: 2 * services,
          note: "a look before each write, so that nothing of others is lost",
        }),
        row("answers 429", traffic.filter(({ status }) => status === 429).length, "", { bar: 0 }),
        row("CPU for an update, backup and status", cpuMs, "ms"),
        row("writes to Consul for an update", writes, ""),
      ];
    },
  );
}
