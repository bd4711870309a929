import { setTimeout as sleep } from "node:timers/promises";

import type { ControllerProcess } from "./controller.ts";
import type { Line } from "./network.ts";
import { leaderOf, until, type Stage } from "./stage.ts";

export type AccidentKind =
  | "sigterm"
  | "sigkill"
  | "sigstop"
  | "short-stop"
  | "consul-cut"
  | "all-cut"
  | "consul-leader";

/** What became of one accident. All times in milliseconds. */
export interface Happened {
  readonly kind: AccidentKind;
  /** Until a spare led. Undefined where the leader stayed. */
  readonly leadsAfterMs: number | undefined;
  /** Until whoever leads then wrote to Datadog. */
  readonly writesAfterMs: number;
  /** For how long the old leader went on writing. */
  readonly wroteOnMs: number;
}

/** What happens to the leader, by kind. */
export const ACCIDENTS: Readonly<Record<AccidentKind, (stage: Stage) => Promise<Happened>>> = {
  sigterm: async (stage) => await end(stage, "SIGTERM"),
  sigkill: async (stage) => await end(stage, "SIGKILL"),
  async sigstop(stage) {
    const leader = await theLeader(stage);
    const at = performance.now();
    leader.signal("SIGSTOP");
    const happened = await succession(stage, "sigstop", leader, at);
    await sleep(stage.random.below(3_000));
    leader.signal("SIGCONT");
    await resigned(leader);
    return happened;
  },
  async "short-stop"(stage) {
    const leader = await theLeader(stage);
    leader.signal("SIGSTOP");
    await sleep(1_000 + stage.random.below(5_000));
    const at = performance.now();
    leader.signal("SIGCONT");
    return await goesOn(stage, "short-stop", at);
  },
  "consul-cut": async (stage) => await cut(stage, "consul-cut", ["consul"]),
  "all-cut": async (stage) => await cut(stage, "all-cut", ["consul", "datadog"]),
  async "consul-leader"(stage) {
    await theLeader(stage);
    const at = performance.now();
    const startAgain = await stage.killConsulLeader();
    // What was under way may still be written; from now on only what somebody wishes after the election.
    await sleep(500);
    const since = performance.now();
    await until("Consul takes a change again", () => stage.changedAt() > since);
    const happened = await goesOn(stage, "consul-leader", at, stage.changedAt());
    await startAgain();
    return happened;
  },
};

export const ACCIDENT_KINDS = Object.keys(ACCIDENTS) as readonly AccidentKind[];
/** These need a network of its own for each controller. */
export const NEEDS_CUT: ReadonlySet<AccidentKind> = new Set(["consul-cut", "all-cut"]);

/** Accidents happen to a leader that works. */
async function theLeader(stage: Stage): Promise<ControllerProcess> {
  const since = performance.now();
  await until("a leader writes", () => {
    const leader = leaderOf(stage);
    return stage.witness.writes.some(({ writer, cameAt }) => writer === leader?.name && cameAt > since);
  });
  const leader = leaderOf(stage);
  if (leader === undefined) throw new Error("nobody leads");
  return leader;
}

async function end(stage: Stage, signal: "SIGTERM" | "SIGKILL"): Promise<Happened> {
  const leader = await theLeader(stage);
  const at = performance.now();
  leader.signal(signal);
  const kind = signal === "SIGTERM" ? "sigterm" : "sigkill";
  const happened = await succession(stage, kind, leader, at);
  await leader.ended;
  await stage.replace(leader);
  return happened;
}

async function cut(stage: Stage, kind: "consul-cut" | "all-cut", lines: readonly Line[]): Promise<Happened> {
  const leader = await theLeader(stage);
  const at = performance.now();
  for (const line of lines) leader.place?.cut(line);
  const happened = await succession(stage, kind, leader, at);
  await sleep(stage.random.below(3_000));
  for (const line of lines) leader.place?.mend(line);
  await resigned(leader);
  return happened;
}

/** Waits until another process leads and writes. */
async function succession(
  { controllers, witness }: Stage,
  kind: AccidentKind,
  old: ControllerProcess,
  at: number,
): Promise<Happened> {
  const termAfter = (): { writer: string; at: number } | undefined =>
    controllers
      .filter((one) => one !== old)
      .flatMap(({ terms }) => terms)
      .find((term) => term.at > at);
  await until(`another one leads after ${kind}`, () => termAfter() !== undefined);
  const term = termAfter()!;
  const first = () => witness.writes.find(({ writer, cameAt }) => writer === term.writer && cameAt >= at);
  await until(`${term.writer} writes after ${kind}`, () => first() !== undefined);
  const lastOfOld = witness.writes.findLast(({ writer }) => writer === old.name)?.cameAt ?? at;
  return {
    kind,
    leadsAfterMs: term.at - at,
    writesAfterMs: first()!.cameAt - at,
    wroteOnMs: Math.max(0, lastOfOld - at),
  };
}

/** Waits until somebody writes, most likely whoever led before. */
async function goesOn(stage: Stage, kind: AccidentKind, at: number, from = at): Promise<Happened> {
  const next = () => stage.witness.writes.find(({ cameAt }) => cameAt > from);
  await until(`a leader writes after ${kind}`, () => next() !== undefined);
  const term = stage.controllers.flatMap(({ terms }) => terms).find((one) => one.at > at);
  return {
    kind,
    leadsAfterMs: term === undefined ? undefined : term.at - at,
    writesAfterMs: next()!.cameAt - at,
    wroteOnMs: 0,
  };
}

async function resigned(old: ControllerProcess): Promise<void> {
  await until(`${old.name} leads no more`, () => old.standing === "spare");
}
