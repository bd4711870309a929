import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { nowMs, startCluster, type Cluster } from "./cluster.ts";
import { againstFloor, median, quantile, type Row } from "./row.ts";
import { startSubject, untilSynced, type Subject, type SubjectName } from "./subject.ts";
import { Eye } from "./visible.ts";

export interface NodeRoleOptions {
  readonly services: number;
  readonly only: ReadonlySet<string>;
  /** Single changes that are timed, for each subject. */
  readonly changes: number;
  /** How often the subjects take turns. */
  readonly rounds: number;
}

/** What one subject came to, a value per round or per change. */
interface Findings {
  readonly coldMs: number[];
  readonly coldCpu: number[];
  readonly coldRss: number[];
  readonly latencies: number[];
  readonly cpuPerChangeMs: number[];
  readonly rss: number[];
  readonly connections: number[];
  lost: number;
}

const SUBJECTS: readonly SubjectName[] = ["floor", "node"];
/** Consul may be read ten times a second for long: so many changes and no more are seen one by one. */
const GAP_MS = 150;

/** Cold sync, single changes, memory and connections of the node role, in turns with the floor. */
export async function measureNodeRole(
  options: NodeRoleOptions,
  say: (text: string) => void,
): Promise<readonly Row[]> {
  const { services: n, rounds } = options;
  const cluster = await startCluster(n, { onNode: true });
  const eye = new Eye();
  const found = new Map(SUBJECTS.map((name) => [name, nothingFound()]));
  try {
    for (let round = 0; round < rounds; round++) {
      for (const name of SUBJECTS) {
        const findings = found.get(name)!;
        const subject = startSubject(name, cluster);
        try {
          await measureRound(subject, cluster, eye, options, findings);
        } finally {
          await subject.stop();
        }
        say(
          `${n} services, round ${round + 1}, ${name}: cold ${Math.round(findings.coldMs.at(-1) ?? 0)} ms, ` +
            `p50 so far ${quantile(findings.latencies, 0.5).toFixed(1)} ms`,
        );
      }
    }
  } finally {
    await eye.close();
    await cluster.stop();
  }
  return rowsOf(options, found.get("floor")!, found.get("node")!);
}

function nothingFound(): Findings {
  return {
    coldMs: [],
    coldCpu: [],
    coldRss: [],
    latencies: [],
    cpuPerChangeMs: [],
    rss: [],
    connections: [],
    lost: 0,
  };
}

async function measureRound(
  subject: Subject,
  cluster: Cluster,
  eye: Eye,
  { changes, rounds, only }: NodeRoleOptions,
  found: Findings,
): Promise<void> {
  found.coldMs.push((await untilSynced(subject, cluster)) - subject.startedAt);
  await subject.settle();
  found.coldCpu.push(subject.cpuSeconds());
  found.coldRss.push(subject.rssMib());
  if (only.has("latency") || only.has("memory")) {
    const count = Math.ceil(changes / rounds);
    for (let warm = 0; warm < 3; warm++) await changeOne(subject, cluster, eye);
    const before = subject.cpuSeconds();
    for (let at = 0; at < count; at++) {
      const latency = await changeOne(subject, cluster, eye);
      if (latency === undefined) found.lost++;
      else found.latencies.push(latency);
    }
    found.cpuPerChangeMs.push(((subject.cpuSeconds() - before) * 1_000) / count);
    found.rss.push(subject.rssMib());
  }
  found.connections.push(subject.connections());
}

/** @returns ms from the sending of a change to its being seen in the file; undefined if it never was. */
async function changeOne(subject: Subject, cluster: Cluster, eye: Eye): Promise<number | undefined> {
  const service = anyOf(cluster.services);
  const [{ sentAt }, seenAt] = await changeAndSee(subject, cluster, eye, service);
  await sleep(GAP_MS + Math.random() * 50);
  return seenAt === undefined ? undefined : seenAt - sentAt;
}

async function changeAndSee(
  subject: Subject,
  cluster: Cluster,
  eye: Eye,
  service: string,
): Promise<[{ readonly sentAt: number }, number | undefined]> {
  const change = cluster.change(service);
  // The mark stands as soon as the change is begun; the file may show it before Consul's answer is here.
  const seen = eye.see(subject.fileOf(service), cluster.markOf(service));
  return [await change, await seen];
}

function anyOf(services: readonly string[]): string {
  return services[Math.floor(Math.random() * services.length)]!;
}

function rowsOf({ services, only }: NodeRoleOptions, floor: Findings, node: Findings): readonly Row[] {
  const rows: Row[] = [];
  const common = (figure: string, unit: string): Pick<Row, "figure" | "services" | "unit"> => ({
    figure,
    services,
    unit,
  });
  if (only.has("latency")) {
    const p50 = common("change → file visible, p50", "ms");
    const note = `${node.latencies.length} changes, ${node.lost} lost`;
    rows.push(
      againstFloor({ ...p50, note }, quantile(node.latencies, 0.5), quantile(floor.latencies, 0.5), 1.5),
      {
        ...common("change → file visible, p99", "ms"),
        measured: quantile(node.latencies, 0.99),
        floor: quantile(floor.latencies, 0.99),
      },
      {
        ...common("CPU per change, status and all", "ms"),
        measured: median(node.cpuPerChangeMs),
        floor: median(floor.cpuPerChangeMs),
      },
    );
  }
  if (only.has("cold")) {
    const note = `CPU ${median(node.coldCpu).toFixed(2)} s, floor ${median(floor.coldCpu).toFixed(2)} s`;
    rows.push(
      againstFloor({ ...common("cold sync", "ms"), note }, median(node.coldMs), median(floor.coldMs), 1.3),
    );
  }
  if (only.has("memory")) rows.push(...memoryRows(services, floor, node));
  rows.push({ ...common("connections to Consul", ""), measured: Math.max(...node.connections), bar: 16 });
  return rows;
}

function memoryRows(services: number, floor: Findings, node: Findings): readonly Row[] {
  const cold = { figure: "RSS after the cold sync", services, unit: "MiB" };
  const changed = { figure: "RSS after the changes", services, unit: "MiB" };
  const [atCold, afterChanges] = [median(node.coldRss), median(node.rss)];
  const [floorCold, floorAfter] = [median(floor.coldRss), median(floor.rss)];
  if (services > 1_000) {
    return [againstFloor(cold, atCold, floorCold, 1), againstFloor(changed, afterChanges, floorAfter, 1)];
  }
  return [
    { ...cold, measured: atCold, floor: floorCold, bar: 100 },
    { ...changed, measured: afterChanges, floor: floorAfter, bar: 100 },
  ];
}

export interface ChurnOptions {
  readonly services: number;
  readonly perSecond: number;
  readonly seconds: number;
}

/** Many changes a second, while somebody reads: what it costs, and that nothing is lost or torn. */
export async function measureChurn(
  options: ChurnOptions,
  say: (text: string) => void,
): Promise<readonly Row[]> {
  const cluster = await startCluster(options.services, { onNode: true });
  const results = new Map<SubjectName, ChurnResult>();
  try {
    for (const name of SUBJECTS) {
      const subject = startSubject(name, cluster);
      try {
        await untilSynced(subject, cluster);
        await subject.settle();
        results.set(name, await churn(subject, cluster, options));
      } finally {
        await subject.stop();
      }
      say(`churn, ${name}: ${JSON.stringify(results.get(name))}`);
    }
  } finally {
    await cluster.stop();
  }
  const [floor, node] = [results.get("floor")!, results.get("node")!];
  const { services, perSecond, seconds } = options;
  const note = `${perSecond}/s for ${seconds} s; all files right ${Math.round(node.behindMs)} ms after the last change`;
  return [
    againstFloor({ figure: "churn: CPU", services, unit: "s", note }, node.cpu, floor.cpu, 2),
    { figure: "churn: changes lost", services, unit: "", measured: node.lost, bar: 0 },
    {
      figure: "churn: torn reads",
      services,
      unit: "",
      measured: node.torn,
      bar: 0,
      note: `of ${node.reads.toLocaleString("en-US")}`,
    },
  ];
}

interface ChurnResult {
  readonly cpu: number;
  readonly lost: number;
  readonly reads: number;
  readonly torn: number;
  readonly behindMs: number;
}

async function churn(
  subject: Subject,
  cluster: Cluster,
  { perSecond, seconds }: ChurnOptions,
): Promise<ChurnResult> {
  const before = subject.cpuSeconds();
  const startedAt = nowMs();
  const puts: Promise<unknown>[] = [];
  let reads = 0;
  let torn = 0;
  for (let at = 0; at < perSecond * seconds; at++) {
    // The clock decides, not the answers.
    await sleep(Math.max(0, startedAt + (at * 1_000) / perSecond - nowMs()));
    puts.push(cluster.change(anyOf(cluster.services)));
    for (let read = 0; read < 20; read++, reads++)
      if (!isWhole(subject.fileOf(anyOf(cluster.services)))) torn++;
  }
  await Promise.all(puts);
  const lastPut = performance.timeOrigin + performance.now();
  const syncedAt = await untilSynced(subject, cluster, 30_000).catch(() => undefined);
  const lost = syncedAt === undefined ? staleFiles(subject, cluster) : 0;
  const cpu = subject.cpuSeconds() - before;
  return { cpu, lost, reads, torn, behindMs: Math.max(0, (syncedAt ?? Number.NaN) - lastPut) };
}

/** The mark is the last of the tags, which both subjects write last. */
function isWhole(path: string): boolean {
  const text = readFileSync(path, "utf8");
  return text.includes("init_config:") && /bench-revision:\S+-end/.test(text);
}

function staleFiles(subject: Subject, cluster: Cluster): number {
  return cluster.services.filter(
    (service) => !readFileSync(subject.fileOf(service), "utf8").includes(cluster.markOf(service)),
  ).length;
}
