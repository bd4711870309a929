import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { NODE, nowMs, type Cluster } from "./cluster.ts";

export type SubjectName = "floor" | "node";

/** One process under test. */
export interface Subject {
  readonly name: SubjectName;
  readonly pid: number;
  /** Wall time, ms since the epoch. */
  readonly startedAt: number;
  fileOf(service: string): string;
  /** User and system time since its start. */
  cpuSeconds(): number;
  rssMib(): number;
  /** The most that it ever was. */
  peakRssMib(): number;
  /** Established ones to Consul. */
  connections(): number;
  /** Waits until it has used less than 3 % of a core for half a second. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** The clock of `/proc/<pid>/stat`. */
const TICKS_PER_SECOND = 100;

export const ENTRY = fileURLToPath(new URL("../../cmd/dd-observe.ts", import.meta.url));
const FLOOR = fileURLToPath(new URL("floor.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export function startSubject(name: SubjectName, cluster: Cluster): Subject {
  const confd = mkdtempSync(join(tmpdir(), "dd-observe-bench-"));
  const args = name === "floor" ? [FLOOR] : [ENTRY, "run", "--role", "node"];
  const process_ = startNode(args, {
    CONSUL_HTTP_ADDR: cluster.consul.url,
    CONFD_DIR: confd,
    ...(name === "floor" ? {} : operatorEnv(confd)),
  });
  return {
    ...process_,
    name,
    fileOf: (service) => join(confd, "openmetrics.d", `dd-observe-${service}.yaml`),
    connections: () => connectionsOf(process_.pid, Number(new URL(cluster.consul.url).port)),
    async stop() {
      await process_.stop();
      rmSync(confd, { recursive: true, force: true });
    },
  };
}

function operatorEnv(confd: string): Record<string, string> {
  return {
    DD_OBSERVE_CONFD_DIR: confd,
    DD_OBSERVE_NODE_NAME: NODE,
    DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
    // Nothing answers there: what the Agent says is no part of these rows.
    DD_OBSERVE_AGENT_URL: "http://127.0.0.1:9",
    DD_OBSERVE_LOG_LEVEL: "warn",
  };
}

/** Starts the Node that runs the benchmark on a script of the project. */
export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Pick<Subject, "pid" | "startedAt" | "cpuSeconds" | "rssMib" | "peakRssMib" | "settle" | "stop"> {
  const startedAt = performance.timeOrigin + performance.now();
  const child = spawn(process.execPath, [...args], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...env },
  });
  const pid = child.pid ?? 0;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const cpuSeconds = (): number => cpuOf(pid);
  return {
    pid,
    startedAt,
    cpuSeconds,
    rssMib: () => statusMib(pid, "VmRSS"),
    peakRssMib: () => statusMib(pid, "VmHWM"),
    async settle() {
      const until = nowMs() + 60_000;
      for (let before = cpuSeconds(); nowMs() < until;) {
        await sleep(500);
        const now = cpuSeconds();
        if (now - before < 0.015) return;
        before = now;
      }
    },
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/**
 * Waits until every file shows the mark of its document.
 *
 * @returns When the newest of them was written, ms since the epoch: looking costs no time.
 */
export async function untilSynced(subject: Subject, cluster: Cluster, timeoutMs = 120_000): Promise<number> {
  const until = nowMs() + timeoutMs;
  let left = cluster.services;
  for (;;) {
    left = left.filter((service) => !contentOf(subject.fileOf(service)).includes(cluster.markOf(service)));
    if (left.length === 0) break;
    if (nowMs() > until)
      throw new Error(`${subject.name}: ${left.length} files are not there, such as ${left[0]}`);
    await sleep(5);
  }
  return Math.max(...cluster.services.map((service) => statSync(subject.fileOf(service)).ctimeMs));
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function statusMib(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024;
}

function connectionsOf(pid: number, port: number): number {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const established = new Set<string>();
  for (const line of readFileSync("/proc/net/tcp", "latin1").split("\n").slice(1)) {
    const [, , remote = "", state, , , , , , inode = ""] = line.trim().split(/\s+/);
    if (state === "01" && remote.endsWith(`:${hexPort}`)) established.add(`socket:[${inode}]`);
  }
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return established.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false; // Closed since the folder was read.
    }
  }).length;
}
