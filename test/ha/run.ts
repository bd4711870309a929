import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Random } from "../chaos/random.ts";
import { ACCIDENT_KINDS, NEEDS_CUT, type AccidentKind } from "./accidents.ts";
import { spread } from "./judge.ts";
import { bringUpLoopback, canCut, IN_OWN_NETWORK } from "./network.ts";
import { play, type PlayResult } from "./play.ts";

/** How often each kind of accident happens, of a hundred. */
const SHARES: Readonly<Record<AccidentKind, number>> = {
  sigterm: 36,
  sigkill: 28,
  sigstop: 12,
  "short-stop": 6,
  "consul-cut": 6,
  "all-cut": 6,
  "consul-leader": 6,
};

const { values } = parseArgs({
  options: {
    /** How many accidents in all. */
    kills: { type: "string", default: "100" },
    /** Plays beside each other, each with a Consul and controllers of its own: most of the time is waiting. */
    lanes: { type: "string", default: "3" },
    seed: { type: "string", default: "1" },
    /** Only these kinds, in this order: `sigkill,sigstop`. */
    only: { type: "string" },
    /** One play in this process, its result as a line of JSON. For what this program starts itself. */
    lane: { type: "boolean", default: false },
  },
});

process.exitCode = values.lane ? await playLane() : await playAll();

async function playLane(): Promise<number> {
  const isCut = canCut();
  if (isCut) bringUpLoopback();
  const accidents = (values.only ?? "").split(",") as AccidentKind[];
  const result = await play({
    seed: Number(values.seed),
    accidents,
    canCut: isCut,
    onHappened: ({ kind, leadsAfterMs, writesAfterMs, wroteOnMs }) =>
      process.stderr.write(
        `${kind}: led after ${Math.round(leadsAfterMs ?? 0)} ms, wrote after ${Math.round(writesAfterMs)} ms, old one wrote on for ${Math.round(wroteOnMs)} ms\n`,
      ),
  });
  print(JSON.stringify(result));
  return 0;
}

async function playAll(): Promise<number> {
  const isCut = canCut();
  if (!isCut) print("The network is not cut: that takes root on Linux, with ip, unshare and nsenter.");
  const seed = Number(values.seed);
  const accidents = drawn(new Random(seed), isCut);
  const count = Math.min(Number(values.lanes), accidents.length);
  const lanes = Array.from({ length: count }, (_, lane) =>
    accidents.filter((_one, at) => at % count === lane),
  );
  const startedAt = performance.now();
  const results = await Promise.all(
    lanes.map(async (kinds, lane) => await startLane(kinds, seed + lane, isCut)),
  );
  tell(results);
  const wrong = results.flatMap((result) => result.wrong);
  print(
    `${accidents.length} accidents in ${Math.round((performance.now() - startedAt) / 1_000)} s, seed ${seed}`,
  );
  for (const line of wrong) print(`WRONG ${line}`);
  return wrong.length === 0 ? 0 : 1;
}

function drawn(random: Random, isCut: boolean): readonly AccidentKind[] {
  if (values.only !== undefined) return values.only.split(",").map(kindOf);
  const able = ACCIDENT_KINDS.filter((kind) => isCut || !NEEDS_CUT.has(kind));
  const sum = able.reduce((total, kind) => total + SHARES[kind], 0);
  const kills = Number(values.kills);
  const exact = able.flatMap((kind) =>
    Array<AccidentKind>(Math.floor((SHARES[kind] / sum) * kills)).fill(kind),
  );
  while (exact.length < kills) exact.push("sigterm");
  const order = exact.map((kind) => ({ kind, at: random.next() }));
  return order.sort((a, b) => a.at - b.at).map(({ kind }) => kind);
}

function kindOf(text: string): AccidentKind {
  const kind = ACCIDENT_KINDS.find((one) => one === text);
  if (kind === undefined) throw new Error(`No accident is named "${text}": ${ACCIDENT_KINDS.join(", ")}`);
  return kind;
}

async function startLane(kinds: readonly AccidentKind[], seed: number, isCut: boolean): Promise<PlayResult> {
  const own = [process.execPath, fileURLToPath(import.meta.url), "--lane"];
  const [program = "", ...args] = isCut ? [...IN_OWN_NETWORK, ...own] : own;
  const child = spawn(program, [...args, "--seed", String(seed), "--only", kinds.join(",")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (out += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`The play with seed ${seed} ended with ${String(code)}`);
  return JSON.parse(out) as PlayResult;
}

function tell(results: readonly PlayResult[]): void {
  const happened = results.flatMap((result) => result.happened);
  print(
    "| accident | times | a spare leads, p50 / max | the first write, p50 / max | the old one wrote on, max |",
  );
  print("| --- | --- | --- | --- | --- |");
  for (const kind of ACCIDENT_KINDS) {
    const of = happened.filter((one) => one.kind === kind);
    const leads = spread(of.flatMap(({ leadsAfterMs }) => leadsAfterMs ?? []));
    const writes = spread(of.map(({ writesAfterMs }) => writesAfterMs));
    const wroteOn = spread(of.map(({ wroteOnMs }) => wroteOnMs));
    print(
      `| ${[kind, of.length, both(leads), both(writes), wroteOn === undefined ? "–" : seconds(wroteOn.max)].join(" | ")} |`,
    );
  }
  const sum = (of: (result: PlayResult) => number): number =>
    results.reduce((total, one) => total + of(one), 0);
  print(
    `${sum(({ writes }) => writes)} writes to Datadog, ${sum(({ changes }) => changes)} changes of wishes`,
  );
}

function both(of: { readonly p50: number; readonly max: number } | undefined): string {
  return of === undefined ? "–" : `${seconds(of.p50)} / ${seconds(of.max)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 1_000 ? 3 : 1)} s`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
