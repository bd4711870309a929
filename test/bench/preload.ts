import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import path from "node:path";
import { promisify } from "node:util";

import { NO_PYTHON, pythonBinary } from "../servers/python.ts";
import { installPython } from "../workloads/install-python.ts";
import { installWorkloads, WORKLOADS } from "../workloads/install.ts";
import { PRELOAD } from "../workloads/start.ts";
import { median, type Row } from "./row.ts";

const run = promisify(execFile);

const CALLS = 2_000;
const ROUNDS = 3;
const MEMORY_CALLS = 100_000;
const TRAFFIC_CALLS = 1_000;

/** What the documentation promises: µs of CPU for one more call of a model or a tool. */
const MAX_CALL_US = 500;
/** What the heap may differ by after 10,000 and after 100,000 calls, in MiB. */
const MAX_GROWTH = 2;

/** How a benchmark program is started, without and with the preload. */
interface Subject {
  readonly name: "Node" | "Python";
  readonly argv: readonly [string, ...string[]];
  /** What loads the preload. */
  readonly env: Readonly<Record<string, string>>;
}

type Part = "calls" | "memory" | "traffic";
interface Memory {
  /** MiB after a full collection; Python has none. */
  readonly heap?: number;
  readonly rss: number;
}

/** What the preload costs an application: CPU for each call, memory, and what it sends. */
export async function measurePreload(say: (text: string) => void): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const subject of await subjects(say)) {
    for (const measure of [measureCalls, measureTraffic, measureMemory]) {
      const found = await measure(subject);
      rows.push(...found);
      for (const { figure, measured, unit } of found) say(`${figure}: ${measured.toFixed(1)} ${unit}`);
    }
  }
  return rows;
}

async function subjects(say: (text: string) => void): Promise<readonly Subject[]> {
  const found: Subject[] = [];
  const absent = await installWorkloads();
  if (absent !== undefined) say(`skipped: the preload for Node (${absent})`);
  else {
    const program = path.join(WORKLOADS, "agent", "bench.mjs");
    const NODE_OPTIONS = `--import=${path.join(PRELOAD, "node", "register.mjs")}`;
    found.push({ name: "Node", argv: [process.execPath, "--expose-gc", program], env: { NODE_OPTIONS } });
  }
  const python = pythonBinary();
  if (python === undefined) say(`${NO_PYTHON}: the preload for Python`);
  else {
    const installed = await installPython(python);
    if (typeof installed === "string") say(`skipped: the preload for Python (${installed})`);
    else {
      const program = path.join(WORKLOADS, "python", "bench.py");
      const argv = [path.join(installed.bin, "python"), "-B", program] as const;
      found.push({ name: "Python", argv, env: { PYTHONPATH: path.join(PRELOAD, "python") } });
    }
  }
  return found;
}

interface Question {
  readonly part: Part;
  readonly count: number;
  /** The preload is loaded; or a handler that does nothing is part of each call, which LangChain has to tell. */
  readonly by?: "preload" | "nothing";
  /** Where metrics go. Without it nobody listens. */
  readonly port?: number;
}

/** Runs one part of a benchmark program, and reads what it prints. */
async function ask(subject: Subject, { part, count, by, port = 1 }: Question): Promise<unknown> {
  const [program, ...args] = subject.argv;
  const followed = by === "nothing" ? ["--followed"] : [];
  const { stdout } = await run(program, [...args, part, String(count), ...followed], {
    env: {
      PATH: process.env["PATH"],
      DD_SERVICE: "bench",
      DD_ENV: "bench",
      DD_DOGSTATSD_URL: `udp://127.0.0.1:${port}`,
      ...(by === "preload" ? subject.env : {}),
    },
  });
  return stdout === "" ? undefined : JSON.parse(stdout);
}

/**
 * In turns, so that a busy machine is busy for all; the median of the differences counts. The floor is what a handler
 * that does nothing adds: LangChain's own cost of being followed by anybody.
 */
async function measureCalls(subject: Subject): Promise<readonly Row[]> {
  type Found = Readonly<Record<"model" | "tool" | "graph", number>>;
  const turns: { readonly plain: Found; readonly floor: Found; readonly loaded: Found }[] = [];
  const calls = { part: "calls", count: CALLS } as const;
  for (let at = 0; at < ROUNDS; at++)
    turns.push({
      plain: (await ask(subject, calls)) as Found,
      floor: (await ask(subject, { ...calls, by: "nothing" })) as Found,
      loaded: (await ask(subject, { ...calls, by: "preload" })) as Found,
    });
  const row = (kind: keyof Found, what: string, bar?: number): Row => ({
    figure: `preload for ${subject.name}: CPU for ${what}`,
    services: undefined,
    measured: median(turns.map(({ plain, loaded }) => loaded[kind] - plain[kind])),
    floor: median(turns.map(({ plain, floor }) => floor[kind] - plain[kind])),
    unit: "µs",
    ...(bar === undefined ? {} : { bar }),
    note: `${Math.round(median(turns.map(({ plain }) => plain[kind])))} µs without`,
  });
  return [
    row("model", "one more call of the model", MAX_CALL_US),
    row("tool", "one more call of a tool", MAX_CALL_US),
    row("graph", "one more run of a graph with two calls of the model and one of a tool"),
  ];
}

async function measureMemory(subject: Subject): Promise<readonly Row[]> {
  type Found = { readonly early: Memory; readonly late: Memory };
  const without = (await ask(subject, { part: "memory", count: MEMORY_CALLS })) as Found;
  const loaded = (await ask(subject, { part: "memory", count: MEMORY_CALLS, by: "preload" })) as Found;
  const figure = `preload for ${subject.name}`;
  const rows: Row[] = [
    {
      figure: `${figure}: RSS more after 100,000 calls`,
      services: undefined,
      measured: loaded.late.rss - without.late.rss,
      unit: "MiB",
      note: `${Math.round(without.late.rss)} MiB without`,
    },
  ];
  const { early, late } = loaded;
  const growth = early.heap === undefined ? late.rss - early.rss : late.heap! - early.heap;
  rows.push({
    figure: `${figure}: ${early.heap === undefined ? "RSS" : "heap"} between 10,000 and 100,000 calls`,
    services: undefined,
    measured: growth,
    unit: "MiB",
    bar: MAX_GROWTH,
  });
  return rows;
}

/** Packets for so many calls of the model and of a tool each, within a few flushes. */
async function measureTraffic(subject: Subject): Promise<readonly Row[]> {
  const socket = createSocket("udp4");
  let packets = 0;
  let bytes = 0;
  socket.on("message", (packet) => {
    packets += 1;
    bytes += packet.length;
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  try {
    const { port } = socket.address();
    await ask(subject, { part: "traffic", count: TRAFFIC_CALLS, by: "preload", port });
    // What was sent last is in the socket's queue.
    await new Promise((resolve) => setTimeout(resolve, 100));
  } finally {
    socket.close();
  }
  const figure = `preload for ${subject.name}: 1,000 calls of the model and of a tool`;
  return [{ figure, services: undefined, measured: packets, unit: "packets", note: `${bytes} bytes` }];
}
