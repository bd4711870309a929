import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { ownFake } from "../contracts/datadog-double.ts";
import { startCluster, markOf, type Cluster, type ClusterSize } from "./cluster.ts";
import { startMember, type Member } from "./members.ts";
import type { Applied } from "./member.ts";
import { cpuSecondsOf, rssMibOf } from "./proc.ts";
import { NO_TRAFFIC, since, sum, type Traffic } from "./traffic.ts";

export interface SimulationOptions extends ClusterSize {
  /** How many of the nodes have a node role. */
  readonly simulated: number;
  /** In so many processes. */
  readonly processes: number;
  /** Controller roles: one leads, the others stand by. */
  readonly controllers: number;
  /** Over how long the nodes start. */
  readonly spreadMs: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a step cost, and how long it took until each node concerned had written its files. */
export interface Finding {
  readonly step: string;
  /** Milliseconds from the change to the last file of each node, sorted. */
  readonly convergedMs: readonly number[];
  readonly files: number;
  readonly tookMs: number;
  readonly consulCpuSeconds: number;
  readonly consulRssMib: number;
  /** Between the nodes and Consul. */
  readonly nodes: Traffic;
  /** Between the controllers and Consul. */
  readonly controllers: Traffic;
  readonly leaderCpuSeconds: number;
  readonly leaderRssMib: number;
  /** Transactions and writes that Consul's log took. */
  readonly writes: number;
  readonly load: number;
}

/** Everything that is counted, at one moment. */
interface Look {
  readonly atMs: number;
  readonly consulPid: number;
  readonly consulCpu: number;
  readonly consulRss: number;
  readonly controllerCpu: readonly number[];
  readonly writes: number;
  readonly nodes: Traffic;
  readonly controllers: Traffic;
}

/** How many files each node must write. */
export type Expected = ReadonlyMap<string, number>;

/** Until nothing is written any more: statuses follow their files by a second or two. */
const QUIET_MS = 2_000;

export class Simulation {
  readonly cluster: Cluster;
  /** The nodes with a node role. */
  readonly nodes: readonly string[];
  readonly #members: readonly Member[];
  readonly #controllers: readonly Member[];
  readonly #folder: string;
  readonly #atStart: Look;
  readonly #close: () => Promise<void>;

  private constructor(parts: {
    cluster: Cluster;
    nodes: readonly string[];
    members: readonly Member[];
    controllers: readonly Member[];
    folder: string;
    startedMs: number;
    consulCpu: number;
    writes: number;
    close: () => Promise<void>;
  }) {
    this.cluster = parts.cluster;
    this.nodes = parts.nodes;
    this.#members = parts.members;
    this.#controllers = parts.controllers;
    this.#folder = parts.folder;
    this.#atStart = {
      atMs: parts.startedMs,
      consulPid: parts.cluster.consul.pid() ?? 0,
      consulCpu: parts.consulCpu,
      consulRss: 0,
      controllerCpu: parts.controllers.map(() => 0),
      writes: parts.writes,
      nodes: NO_TRAFFIC,
      controllers: NO_TRAFFIC,
    };
    this.#close = parts.close;
  }

  /** Starts Consul, the stand-in for Datadog and all processes. The nodes are still at their start then. */
  static async start(options: SimulationOptions): Promise<Simulation> {
    const cluster = await startCluster(options);
    // What limits of Datadog cost is measured elsewhere.
    const datadog = await ownFake({ limit: { limit: 1_000_000, periodSeconds: 10 } });
    const folder = mkdtempSync(join(memoryFolder(), "dd-observe-scale-"));
    const nodes = cluster.nodes.slice(0, options.simulated);
    const env = {
      CONSUL_HTTP_ADDR: cluster.consul.url,
      DD_OBSERVE_CLUSTER_ID: "scale",
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      DD_OBSERVE_AGENT_URL: "http://127.0.0.1:9",
      // Services and Agents are only registered: there is nothing to ask.
      DD_OBSERVE_PROBE_INTERVAL: "0",
      DD_OBSERVE_ARRIVAL_INTERVAL: "0",
      DD_OBSERVE_COST_INTERVAL: "0",
      DD_API_URL: datadog.url,
      DD_API_KEY: datadog.apiKey,
      DD_APP_KEY: datadog.appKey,
      ...options.env,
    };
    const duty = { env, folder, spreadMs: options.spreadMs };
    const before = {
      startedMs: Date.now(),
      consulCpu: cpuSecondsOf(cluster.consul.pid() ?? 0),
      writes: await writesOf(cluster),
    };
    const controllers = Array.from({ length: options.controllers }, () =>
      startMember({ ...duty, nodes: [] }),
    );
    const share = Math.ceil(nodes.length / options.processes);
    const members = Array.from({ length: options.processes }, (_, at) =>
      nodes.slice(at * share, (at + 1) * share),
    )
      .filter((part) => part.length > 0)
      .map((part) => startMember({ ...duty, nodes: part }));
    const close = async (): Promise<void> => {
      await Promise.all([...members, ...controllers].map(async (member) => await member.stop()));
      await datadog.stop();
      await cluster.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return new Simulation({ cluster, nodes, members, controllers, folder, close, ...before });
  }

  async stop(): Promise<void> {
    await this.#close();
  }

  /**
   * Does something, waits until every node has written what must follow, and until nothing more is said.
   *
   * @throws {Error} if that takes longer than `timeoutMs`.
   */
  async measure(
    step: string,
    act: () => Promise<Expected>,
    {
      timeoutMs = 120_000,
      restMs = 0,
      fromStart = false,
    }: { readonly timeoutMs?: number; readonly restMs?: number; readonly fromStart?: boolean } = {},
  ): Promise<Finding> {
    if (!fromStart) await this.#applied();
    const before = fromStart ? this.#atStart : await this.#look();
    const startedMs = before.atMs;
    const acting = act();
    const applied = new Map<string, { lastMs: number; count: number }>();
    const expected = await acting;
    const actedMs = Date.now();
    for (;;) {
      for (const [node, { lastMs, count }] of Object.entries(await this.#applied()))
        applied.set(node, { lastMs, count: count + (applied.get(node)?.count ?? 0) });
      const late = [...expected].filter(([node, count]) => (applied.get(node)?.count ?? 0) < count);
      if (late.length === 0) break;
      if (Date.now() - actedMs > timeoutMs)
        throw new Error(
          `${step}: ${late.length} of ${expected.size} nodes are not there, such as ${late[0]?.[0]}`,
        );
      await sleep(50);
    }
    await sleep(restMs);
    await this.#untilQuiet();
    const after = await this.#look();
    const convergedMs = [...expected.keys()]
      .map((node) => (applied.get(node)?.lastMs ?? Number.NaN) - startedMs)
      .toSorted((a, b) => a - b);
    return {
      step,
      convergedMs,
      files: [...applied.values()].reduce((total, { count }) => total + count, 0),
      tookMs: after.atMs - before.atMs,
      // One that was started again begins at nothing.
      consulCpuSeconds: after.consulCpu - (after.consulPid === before.consulPid ? before.consulCpu : 0),
      consulRssMib: after.consulRss,
      nodes: since(before.nodes, after.nodes),
      controllers: since(before.controllers, after.controllers),
      leaderCpuSeconds: Math.max(...after.controllerCpu.map((cpu, at) => cpu - before.controllerCpu[at]!), 0),
      leaderRssMib: Math.max(...this.#controllers.map((one) => one.rssMib()), 0),
      writes: after.writes - before.writes,
      load: os.loadavg()[0]!,
    };
  }

  /** Waits until all nodes have a snapshot and no watch that fails. */
  async untilSettled(timeoutMs = 300_000): Promise<void> {
    for (const until = Date.now() + timeoutMs; ; await sleep(100)) {
      const settled = await Promise.all(this.#members.map(async (member) => await member.ask("settled")));
      const count = settled.reduce((total, one) => total + one, 0);
      if (count === this.nodes.length) return;
      if (Date.now() > until) throw new Error(`only ${count} of ${this.nodes.length} nodes have settled`);
    }
  }

  /** Files that don't show the newest revision of their service's document, and what is missing or too much. */
  wrongFiles(alsoIn: (service: string) => string | undefined = () => undefined): readonly string[] {
    return this.nodes.flatMap((node) => {
      const dir = join(this.#folder, node, "openmetrics.d");
      const services = this.cluster.servicesOf(node);
      const there = new Set(readdirSync(dir).filter((name) => name.endsWith(".yaml")));
      return services.filter((service) => {
        const file = `dd-observe-${service}.yaml`;
        if (!there.has(file)) return true;
        const text = readFileSync(join(dir, file), "utf8");
        const revision = this.cluster.revisionOf(service);
        const also = alsoIn(service);
        if (also !== undefined && !text.includes(also)) return true;
        return revision > 0 && !text.includes(markOf(service, revision));
      });
    });
  }

  /** Counts of all nodes and controllers so far. */
  async traffic(): Promise<{ readonly nodes: Traffic; readonly controllers: Traffic }> {
    const of = async (members: readonly Member[]): Promise<Traffic> =>
      sum(await Promise.all(members.map(async (member) => await member.ask("traffic"))));
    return { nodes: await of(this.#members), controllers: await of(this.#controllers) };
  }

  async #applied(): Promise<Applied> {
    const parts = await Promise.all(this.#members.map(async (member) => await member.ask("applied")));
    return Object.assign({}, ...parts) as Applied;
  }

  async #untilQuiet(): Promise<void> {
    for (let before = await writesOf(this.cluster); ;) {
      await sleep(QUIET_MS);
      const now = await writesOf(this.cluster);
      if (now === before) return;
      before = now;
    }
  }

  async #look(): Promise<Look> {
    const pid = this.cluster.consul.pid() ?? 0;
    const writes = await writesOf(this.cluster);
    return {
      atMs: Date.now(),
      consulPid: pid,
      consulCpu: cpuSecondsOf(pid),
      consulRss: rssMibOf(pid),
      controllerCpu: this.#controllers.map((one) => one.cpuSeconds()),
      writes,
      ...(await this.traffic()),
    };
  }
}

/** The last entry of Consul's log. */
async function writesOf(cluster: Cluster): Promise<number> {
  return Number(/last_log_index = (\d+)/.exec(await cluster.consul.run("info"))?.[1]);
}

/** Files in memory: the disk of one machine is not that of a thousand. */
function memoryFolder(): string {
  try {
    readdirSync("/dev/shm");
    return "/dev/shm";
  } catch {
    return os.tmpdir();
  }
}
