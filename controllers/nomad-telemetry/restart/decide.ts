import type { Progress, Step } from "./progress.ts";

/** What a machine's own Nomad says. */
export type AgentState =
  | { readonly isUp: false; readonly message: string }
  | {
      readonly isUp: true;
      /** True if it runs with what its folder's files say now. */
      readonly runsAsWished: boolean;
      /** In which way it doesn't. */
      readonly message: string;
    };

/** How far this process has come with the command, for the step that stands in the record. */
export type CommandState =
  | { readonly state: "notRun" }
  | { readonly state: "ended" }
  | { readonly state: "failed"; readonly message: string };

export interface Gate {
  /** CamelCase: `WaitingForWindow`. */
  readonly reason: string;
  readonly message: string;
}

/** What a machine knows when it decides. */
export interface View {
  readonly node: string;
  readonly nowMs: number;
  /** The version of the wish that this machine knows. */
  readonly generation: number;
  /** The drop-in that is wished here now. Undefined if a restart is not wished any more. */
  readonly file: string | undefined;
  /** True if this machine's Nomad waits for a restart. */
  readonly isWaiting: boolean;
  /** What keeps every machine from beginning: a pause, a closed window, a missing approval. */
  readonly gate: Gate | undefined;
  readonly agent: AgentState;
  /** What is not in order in the cluster or on this machine. Empty if all is well, for as long as it must be. */
  readonly troubles: readonly string[];
  readonly command: CommandState;
  /** How long Nomad may take to come back, and what runs on it to run again. */
  readonly comeBackMs: number;
  readonly settleMs: number;
}

export type Decision =
  /** Nothing to do for this machine. */
  | { readonly do: "release" }
  /** Keep the lock and look again soon. */
  | { readonly do: "wait"; readonly reason: string; readonly message: string }
  | { readonly do: "write"; readonly progress: Progress }
  /** Say who is next, and take a machine off the list. */
  | { readonly do: "handOn"; readonly done: string | undefined }
  | { readonly do: "runCommand"; readonly announced: Step<"restarting"> }
  /** Put the last good file in place; run the command too if Nomad is not up. */
  | { readonly do: "rollBack"; readonly announced: Step<"rollingBack">; readonly runs: boolean };

/** A machine that is next and doesn't begin while the lock is free is gone. */
export const TURN_MS = 120_000;
/** Clocks of machines differ. To call something failed late is harmless. */
export const SLACK_MS = 60_000;
/** A command is run this soon after the record that announces it, or announced again: its time begins there. */
export const FRESH_MS = 10_000;
const MOST_ATTEMPTS = 3;

/**
 * What the machine that holds the lock does next. Pure.
 *
 * Nothing here starts a restart on a second machine: one begins only by a record that names it, and
 * a record that names a machine which has begun passes on only when that machine is done.
 */
export function decide(progress: Progress, view: View): Decision {
  switch (progress.step) {
    case "idle":
      return view.isWaiting && view.gate === undefined ? { do: "handOn", done: undefined } : RELEASE;
    case "turn":
      return progress.node === view.node ? begin(view) : takeOver(progress, view);
    case "restarting":
      return progress.node === view.node ? goOn(progress, view) : callFailed(progress, view);
    case "settling":
      return progress.node === view.node ? settle(progress, view) : callFailed(progress, view);
    case "rollingBack":
      return progress.node === view.node ? rollBack(progress, view) : callFailed(progress, view);
    case "failed":
      return beginAnew(progress, view);
    default:
      return progress satisfies never;
  }
}

/** The steps of a machine that has begun. */
type Working = Step<"restarting"> | Step<"settling"> | Step<"rollingBack">;

const RELEASE: Decision = { do: "release" };

function begin(view: View): Decision {
  // All machines know the gate, so nobody keeps the lock for the hours that it may be closed.
  if (!view.isWaiting || view.file === undefined || view.gate !== undefined)
    return { do: "handOn", done: view.node };
  if (!view.agent.isUp) return wait("WaitingForHealth", view.agent.message);
  if (view.troubles.length > 0) return wait("WaitingForHealth", view.troubles.join("; "));
  return write({ step: "restarting", ...work(view, view.file, view.comeBackMs) });
}

/** A version that is older than the one that failed is a machine's that lags behind. */
function beginAnew(progress: Step<"failed">, view: View): Decision {
  const isNewer = view.generation > progress.generation;
  return isNewer && view.isWaiting && view.gate === undefined ? { do: "handOn", done: undefined } : RELEASE;
}

function takeOver(progress: Step<"turn">, view: View): Decision {
  const isGone = view.nowMs > Date.parse(progress.since) + TURN_MS;
  return isGone ? { do: "handOn", done: progress.node } : RELEASE;
}

function goOn(progress: Step<"restarting">, view: View): Decision {
  const { agent, command } = view;
  if (agent.isUp && (agent.runsAsWished || view.file === undefined))
    return write({ step: "settling", ...work(view, progress.file, view.settleMs) });
  if (command.state === "failed")
    return agent.isUp
      ? write(failed(progress, view, `the restart command failed and Nomad runs on: ${command.message}`))
      : write(undo(progress, view, `the restart command failed: ${command.message}`));
  // A process that died after it wrote the record may or may not have run it. A second restart harms nothing.
  if (command.state === "notRun") {
    if (!isStale(progress, view)) return { do: "runCommand", announced: progress };
    if (progress.attempt < MOST_ATTEMPTS) return write(again(progress, view, view.comeBackMs));
    const message = `it was tried ${progress.attempt} times, and dd-observe ended each time`;
    return write(agent.isUp ? failed(progress, view, message) : undo(progress, view, message));
  }
  if (agent.isUp && view.file !== undefined && view.file !== progress.file)
    return write({ step: "restarting", ...work(view, view.file, view.comeBackMs) });
  if (!isLate(progress, view)) return wait("Restarting", agent.message);
  return agent.isUp
    ? write(
        failed(
          progress,
          view,
          `the restart command ended well, but Nomad still runs as before: ${agent.message}`,
        ),
      )
    : write(undo(progress, view, `Nomad did not come back: ${agent.message}`));
}

function settle(progress: Step<"settling">, view: View): Decision {
  if (view.agent.isUp && view.troubles.length === 0) return { do: "handOn", done: view.node };
  const what = view.agent.isUp ? view.troubles.join("; ") : view.agent.message;
  if (!isLate(progress, view)) return wait("Settling", what);
  return view.agent.isUp
    ? write(failed(progress, view, `Nomad runs again, but not all is well: ${what}`))
    : write(undo(progress, view, `Nomad came back and went away again: ${what}`));
}

function rollBack(progress: Step<"rollingBack">, view: View): Decision {
  const { message } = progress;
  if (view.command.state === "notRun") {
    if (!isStale(progress, view)) return { do: "rollBack", announced: progress, runs: !view.agent.isUp };
    return progress.attempt < MOST_ATTEMPTS
      ? write(again(progress, view, view.comeBackMs))
      : write(failed(progress, view, `${message}. Going back was tried ${progress.attempt} times`));
  }
  if (view.agent.isUp)
    return write(
      failed(progress, view, `${message}. The file that it ran with before stands again, and Nomad runs`),
    );
  const command = view.command.state === "failed" ? ` (${view.command.message})` : "";
  if (!isLate(progress, view) && view.command.state !== "failed")
    return wait("RollingBack", view.agent.message);
  return write(
    failed(
      progress,
      view,
      `${message}. The file that it ran with before stands again, but Nomad doesn't come back with it either${command}: ${view.agent.message}`,
    ),
  );
}

function callFailed(progress: Working, view: View): Decision {
  if (view.nowMs <= Date.parse(progress.until) + SLACK_MS) return RELEASE;
  const message = `${progress.node} began at ${progress.since} and nothing was heard of it by ${progress.until}: its dd-observe ended, or can't reach Consul`;
  return write(failed(progress, view, message));
}

function work(view: View, file: string, limitMs: number): Omit<Step<"restarting">, "step"> {
  return {
    node: view.node,
    generation: view.generation,
    since: new Date(view.nowMs).toISOString(),
    until: new Date(view.nowMs + limitMs).toISOString(),
    file,
    attempt: 1,
  };
}

/** The same step with its time before it. */
function again<Doing extends Working>(progress: Doing, { nowMs }: View, limitMs: number): Doing {
  return {
    ...progress,
    since: new Date(nowMs).toISOString(),
    until: new Date(nowMs + limitMs).toISOString(),
    attempt: progress.attempt + 1,
  };
}

function undo(
  progress: Step<"restarting"> | Step<"settling">,
  view: View,
  message: string,
): Step<"rollingBack"> {
  return { step: "rollingBack", ...work(view, progress.file, view.comeBackMs), message };
}

/** The generation is the newest that was tried: what a person wishes after it may be tried again. */
function failed(progress: Working, view: View, message: string): Step<"failed"> {
  return {
    step: "failed",
    node: progress.node,
    generation: progress.generation,
    since: new Date(view.nowMs).toISOString(),
    message,
  };
}

/** True if so much time has gone since a step was announced that it must be announced again. */
export function isStale({ since }: { readonly since: string }, { nowMs }: Pick<View, "nowMs">): boolean {
  return nowMs > Date.parse(since) + FRESH_MS;
}

function isLate({ until }: { readonly until: string }, { nowMs }: View): boolean {
  return nowMs > Date.parse(until);
}

function write(progress: Progress): Decision {
  return { do: "write", progress };
}

function wait(reason: string, message: string): Decision {
  return { do: "wait", reason, message };
}
