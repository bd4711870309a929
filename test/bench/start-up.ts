import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { nowMs, startCluster } from "./cluster.ts";
import { median, type Row } from "./row.ts";
import { ENTRY, startSubject, untilSynced } from "./subject.ts";

const REPETITIONS = 9;

/** How long `--help` takes, beside the shortest life of a Node process. */
export async function measureHelp(): Promise<readonly Row[]> {
  const help: number[] = [];
  const node: number[] = [];
  for (let at = 0; at <= REPETITIONS; at++) {
    const [empty, full] = [await timed(["-e", ""]), await timed([ENTRY, "--help"])];
    // The first one fills the caches.
    if (at === 0) continue;
    node.push(empty);
    help.push(full);
  }
  const note = `an empty Node process lives ${Math.round(median(node))} ms here`;
  return [
    { figure: "start: --help", services: undefined, measured: median(help), unit: "ms", bar: 150, note },
  ];
}

async function timed(args: readonly string[]): Promise<number> {
  const startedAt = nowMs();
  await promisify(execFile)(process.execPath, [...args]);
  return nowMs() - startedAt;
}

/** From the start of the process to the first file, with one service. */
export async function measureFirstFile(): Promise<readonly Row[]> {
  const cluster = await startCluster(1, { onNode: true });
  const times: number[] = [];
  const floors: number[] = [];
  try {
    for (let at = 0; at <= REPETITIONS; at++) {
      for (const name of ["floor", "node"] as const) {
        const subject = startSubject(name, cluster);
        try {
          const took = (await untilSynced(subject, cluster, 30_000)) - subject.startedAt;
          // The first one fills the caches.
          if (at > 0) (name === "floor" ? floors : times).push(took);
        } finally {
          await subject.stop();
        }
      }
    }
  } finally {
    await cluster.stop();
  }
  return [
    {
      figure: "start: node role until its first file",
      services: 1,
      measured: median(times),
      floor: median(floors),
      unit: "ms",
      bar: 400,
    },
  ];
}
