import type { Consul, KvEntry, TxnOp } from "../../../clients/consul.ts";
import { ApiError, toError } from "../../../clients/errors.ts";
import type { Nomad, NomadSelf } from "../../../clients/nomad.ts";
import { systemClock, type Clock } from "../../../engine/clock.ts";
import {
  campaign,
  readLeader,
  type CampaignOptions,
  type Standing,
  type Term,
} from "../../../engine/leader/lease.ts";
import type { Log } from "../../../engine/log.ts";
import type { Condition } from "../../../engine/status/status.ts";
import { nextTurn } from "./choose.ts";
import { runRestartCommand, type RestartCommand } from "./command.ts";
import { conditionOf, NOMAD_RESTARTED } from "./condition.ts";
import { decide, isStale, type AgentState, type CommandState, type Decision, type View } from "./decide.ts";
import { runningHere, troublesOf } from "./health.ts";
import {
  parseProgress,
  parseRequest,
  progressText,
  requestText,
  RESTART_KEYS,
  type Progress,
  type RestartRequest,
} from "./progress.ts";
import { gateOf, type RestartWish } from "./wish.ts";

export interface RestartOptions {
  readonly consul: Consul;
  readonly statePrefix: string;
  /** This machine's name in Consul. */
  readonly node: string;
  /** Who we are, for people: `node-1/4711`. */
  readonly holder: string;
  readonly nomad: Nomad;
  /** Undefined if none is configured: then only a person restarts this Nomad. */
  readonly command: RestartCommand | undefined;
  /** Undefined while nobody wishes that Nomad be restarted, or that is not known. */
  readonly wish: () => RestartWish | undefined;
  readonly approved: () => ReadonlySet<string>;
  /** Puts the file in place that Nomad ran with before, or takes ours away if there was none. Must not be undone by the next pass. */
  readonly rollBack: (why: string, signal: AbortSignal) => Promise<void>;
  /** Says what is to be said of the restart; undefined takes it back. */
  readonly tell: (condition: Condition | undefined) => void;
  readonly log: Log;
  readonly clock?: Clock | undefined;
  readonly timings?: Partial<RestartTimings> | undefined;
}

export interface RestartTimings {
  /** Between two looks of a machine whose turn it is. */
  readonly lookMs: number;
  /** Between two looks of one that waits. */
  readonly waitMs: number;
  /** How long the first machine waits for others to ask as well, so that the order is that of all. */
  readonly gatherMs: number;
  /** How long all must be well before the next machine begins. */
  readonly steadyMs: number;
  readonly commandMs: number;
  readonly lock: Pick<CampaignOptions, "ttlMs" | "renewEveryMs" | "lockDelayMs">;
}

const TIMINGS: RestartTimings = {
  lookMs: 2_000,
  waitMs: 5_000,
  gatherMs: 30_000,
  steadyMs: 10_000,
  commandMs: 180_000,
  lock: {},
};

/** A lock that is held is not waited for longer than this: the record may change meanwhile. */
const LOCK_MS = 30_000;

/** Restarts this machine's Nomad when that is wished and its turn has come, until the signal aborts. */
export async function runRestarts(options: RestartOptions, signal: AbortSignal): Promise<void> {
  await new RestartRunner(options, signal).run();
}

/** The record as it was read. */
interface Read {
  readonly progress: Progress;
  readonly modifyIndex: number;
}

class RestartRunner {
  readonly #options: RestartOptions;
  readonly #stop: AbortSignal;
  readonly #clock: Clock;
  readonly #timings: RestartTimings;
  /** How far the command is, and the record that it was run for. */
  #command: CommandState = { state: "notRun" };
  #commandOf = "";
  /** Since when all is well. */
  #wellSinceMs: number | undefined;
  /** Whether this machine is on the list. Undefined at first: an earlier process may have put it there. */
  #isAsking: boolean | undefined;
  #askedSinceMs = 0;
  /** Whether the record names this machine, so that it must be read whatever is wished. Undefined before it was read. */
  #isNamed: boolean | undefined;
  #told: string | undefined;
  #error: string | undefined;

  constructor(options: RestartOptions, signal: AbortSignal) {
    this.#options = options;
    this.#stop = signal;
    this.#clock = options.clock ?? systemClock;
    this.#timings = { ...TIMINGS, ...options.timings };
  }

  async run(): Promise<void> {
    while (!this.#stop.aborted) {
      try {
        await this.#round();
        this.#error = undefined;
      } catch (error) {
        if (this.#stop.aborted) return;
        this.#complain(toError(error));
      }
      const pauseMs = this.#timings.waitMs * (0.75 + this.#clock.random() / 2);
      await this.#clock.sleep(pauseMs, this.#stop).catch(() => undefined);
    }
  }

  /** Looks whether there is anything to do for this machine, and if so takes the lock and does it. */
  async #round(): Promise<void> {
    const wish = this.#options.wish();
    // Where nobody wishes or allows a restart, its keys are none of our business, nor do we need rights to them.
    if (wish === undefined && this.#options.command === undefined) return this.#tell(undefined);
    if (wish === undefined && this.#isNamed === false) {
      this.#tell(undefined);
      await this.#ask(false, undefined);
      return;
    }
    const read = await this.#read(this.#stop);
    const { view, self } = await this.#look(read.progress, this.#stop);
    this.#isNamed = read.progress.step !== "idle" && read.progress.node === view.node;
    const decision = decide(read.progress, view);
    if (this.#options.command === undefined && view.isWaiting && !this.#isNamed) {
      this.#tell(noCommand(view.agent));
      await this.#ask(false, self);
      return;
    }
    this.#tell(conditionOf(read.progress, view, decision));
    await this.#ask(view.isWaiting && view.gate === undefined, self);
    if (decision.do === "release" || this.#isGathering(read.progress)) return;
    const lock = RESTART_KEYS.lock(this.#options.statePrefix);
    // Of a thousand machines that look, those whose turn it isn't leave a lock alone that somebody holds.
    if (!this.#isNamed && (await readLeader(this.#options.consul, lock, this.#stop)) !== undefined) return;
    await this.#takeLock(lock);
  }

  async #takeLock(key: string): Promise<void> {
    const { consul, holder } = this.#options;
    const signal = AbortSignal.any([this.#stop, AbortSignal.timeout(LOCK_MS)]);
    const { lock } = this.#timings;
    const onStanding = (standing: Standing): void => {
      if (standing.role === "unknown") this.#complain(standing.error);
    };
    await campaign(
      { consul, key, holder, signal, clock: this.#clock, onStanding, ...lock },
      async (term) => await this.#hold(term),
    );
  }

  /** Once for each error, however often it comes. */
  #complain(error: Error): void {
    if (error.message !== this.#error)
      this.#options.log.warn({ error: error.message }, "restart not looked at");
    this.#error = error.message;
  }

  /** Does what is to be done while we hold the lock. */
  async #hold(term: Term): Promise<void> {
    const signal = AbortSignal.any([term.signal, this.#stop]);
    while (!signal.aborted) {
      const read = await this.#read(signal);
      const { view, self } = await this.#look(read.progress, signal);
      this.#isNamed = read.progress.step !== "idle" && read.progress.node === view.node;
      const decision = decide(read.progress, view);
      this.#tell(conditionOf(read.progress, view, decision));
      if (decision.do === "release") return;
      if (decision.do === "wait")
        await this.#clock.sleep(this.#timings.lookMs, signal).catch(() => undefined);
      else await this.#act(decision, { read, view, self }, term, signal);
    }
  }

  async #act(
    decision: Exclude<Decision, { readonly do: "release" | "wait" }>,
    now: Now,
    term: Term,
    signal: AbortSignal,
  ): Promise<void> {
    if (decision.do === "write") {
      await this.#write(decision.progress, now, term, signal);
      return;
    }
    if (decision.do === "handOn") {
      await this.#handOn(decision.done, now, term, signal);
      return;
    }
    const { announced } = decision;
    // Between what was read and here the process may have been stopped for hours.
    await term.check();
    if (isStale(announced, { nowMs: this.#clock.wallMs() })) return;
    if (announced.step === "rollingBack") await this.#options.rollBack(announced.message, signal);
    if (announced.step === "restarting" || (decision.do === "rollBack" && decision.runs))
      await this.#runCommand(announced);
    else this.#noteCommand(announced, { state: "ended" });
  }

  /** A machine that begins says first what runs on it, so that whoever goes on knows what must run again. */
  async #write(progress: Progress, { read, self }: Now, term: Term, signal: AbortSignal): Promise<void> {
    const { nomad, node, statePrefix, log } = this.#options;
    const ops = [this.#recordOp(progress, read)];
    if (progress.step === "restarting" && read.progress.step === "turn" && self !== undefined) {
      const before = [...(await runningHere(nomad, self, signal))];
      const text = requestText({ ...requestOf(node, self, this.#clock.wallMs()), before });
      ops.push({ verb: "set", key: RESTART_KEYS.request(statePrefix, node), text });
    }
    await term.fencedTxn(ops);
    const { step } = progress;
    if (progress.step === "failed")
      log.error({ step, node: progress.node, error: progress.message }, "restart failed");
    else log.info({ step }, "restart goes on");
  }

  /** Says who is next. Whoever says so without being done waits as well. */
  async #handOn(done: string | undefined, now: Now, term: Term, signal: AbortSignal): Promise<void> {
    const { consul, nomad, node, statePrefix, log, wish } = this.#options;
    const entries = await consul.kvList(RESTART_KEYS.requests(statePrefix), { consistent: true }, signal);
    const nowMs = this.#clock.wallMs();
    const own = done === undefined && now.self !== undefined ? [requestOf(node, now.self, nowMs)] : [];
    const requests = entries.flatMap(({ text }) => parseRequest(text) ?? []);
    const waiting = [...requests.filter((one) => one.node !== done && one.node !== own[0]?.node), ...own];
    const leader = await nomad.statusLeader(signal).catch(() => "");
    const order = wish()?.rules.order ?? "servers-first";
    const progress = nextTurn(waiting, { order, leader }, { generation: now.view.generation, nowMs });
    const key = RESTART_KEYS.request(statePrefix, done ?? node);
    const text = own[0] === undefined ? undefined : requestText(own[0]);
    await term.fencedTxn([
      this.#recordOp(progress, now.read),
      text === undefined ? { verb: "delete", key } : { verb: "set", key, text },
    ]);
    if (done === node) this.#isAsking = false;
    log.info({ done, next: progress.step === "turn" ? progress.node : undefined }, "restart handed on");
  }

  #recordOp(progress: Progress, { modifyIndex }: Read): TxnOp {
    const key = RESTART_KEYS.progress(this.#options.statePrefix);
    return { verb: "cas", key, text: progressText(progress), modifyIndex };
  }

  async #runCommand(announced: Progress): Promise<void> {
    const { command, log } = this.#options;
    if (command === undefined) {
      this.#noteCommand(announced, { state: "failed", message: "no restart command is configured any more" });
      return;
    }
    const [program] = command;
    log.info({ program }, "restarting nomad");
    // Not the lock's signal: a restart that has begun is finished, whoever holds the lock then.
    const outcome = await runRestartCommand(command, {
      timeoutMs: this.#timings.commandMs,
      signal: this.#stop,
    });
    if (outcome === undefined) return;
    this.#noteCommand(announced, outcome);
    if (outcome.state === "failed") {
      log.error({ program, error: outcome.message }, "restart command failed");
      // What it ended may still answer for a moment.
      await this.#clock.sleep(this.#timings.lookMs, this.#stop).catch(() => undefined);
    }
  }

  #noteCommand(announced: Progress, command: CommandState): void {
    this.#command = command;
    this.#commandOf = progressText(announced);
  }

  async #read(signal: AbortSignal): Promise<Read> {
    const { consul, statePrefix } = this.#options;
    const key = RESTART_KEYS.progress(statePrefix);
    const entry: KvEntry | undefined = await consul.kvGet(key, { consistent: true }, signal);
    const parsed = parseProgress(entry?.text);
    if (!parsed.ok)
      throw new ApiError("read how far the restart of Nomad is", `"${key}" holds no record of this version`, {
        failure: "rejected",
        hint: `If no Nomad agent is being restarted, delete it: consul kv delete ${key}`,
      });
    return { progress: parsed.progress, modifyIndex: entry?.modifyIndex ?? 0 };
  }

  async #look(progress: Progress, signal: AbortSignal): Promise<Pick<Now, "view" | "self">> {
    const { node, wish: wishNow, approved } = this.#options;
    const wish = wishNow();
    const { agent, self } = await this.#agent(wish, signal);
    const isOurs = progress.step !== "idle" && progress.node === node;
    const isAtWork = isOurs && (progress.step === "turn" || progress.step === "settling");
    const troubles = isAtWork && self !== undefined ? await this.#troubles(progress, self, signal) : [];
    const nowMs = this.#clock.wallMs();
    return {
      self,
      view: {
        node,
        nowMs,
        generation: wish?.generation ?? 0,
        file: wish?.file,
        isWaiting: wish !== undefined && agent.isUp && !agent.runsAsWished,
        gate: wish === undefined ? undefined : gateOf(wish, approved(), nowMs),
        agent,
        troubles,
        command: progressText(progress) === this.#commandOf ? this.#command : { state: "notRun" },
        comeBackMs: wish?.rules.comeBackMs ?? 300_000,
        settleMs: wish?.rules.settleMs ?? 600_000,
      },
    };
  }

  async #agent(
    wish: RestartWish | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly agent: AgentState; readonly self: NomadSelf | undefined }> {
    try {
      const self = await this.#options.nomad.agentSelf(signal);
      const difference = wish?.differenceFrom(self);
      return {
        self,
        agent: { isUp: true, runsAsWished: difference === undefined, message: difference ?? "" },
      };
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiError)) throw error;
      const hint = error.hint?.replace(/\.$/, "");
      const message = hint === undefined ? error.message : `${error.message} (${hint})`;
      return { self: undefined, agent: { isUp: false, message } };
    }
  }

  /** What is not in order; after a restart also that it has not been so for long enough. */
  async #troubles(progress: Progress, self: NomadSelf, signal: AbortSignal): Promise<readonly string[]> {
    const { consul, nomad, node, statePrefix } = this.#options;
    const isSettling = progress.step === "settling";
    const own = isSettling
      ? await consul.kvGet(RESTART_KEYS.request(statePrefix, node), {}, signal)
      : undefined;
    const before = own === undefined ? undefined : parseRequest(own.text)?.before;
    const troubles = await troublesOf(nomad, { self, before }, signal);
    if (troubles.length > 0 || !isSettling) {
      this.#wellSinceMs = undefined;
      return troubles;
    }
    this.#wellSinceMs ??= this.#clock.monotonicMs();
    const wellMs = this.#clock.monotonicMs() - this.#wellSinceMs;
    const { steadyMs } = this.#timings;
    return wellMs >= steadyMs ? [] : [`all is well for ${Math.floor(wellMs / 1000)} of ${steadyMs / 1000} s`];
  }

  /** Puts this machine on the list of those that wait, or takes it off. Others may have taken it off. */
  async #ask(isWaiting: boolean, self: NomadSelf | undefined): Promise<void> {
    if ((!isWaiting && this.#isAsking === false) || this.#isNamed) return;
    const { consul, node, statePrefix } = this.#options;
    const key = RESTART_KEYS.request(statePrefix, node);
    const isListed = (await consul.kvGet(key, {}, this.#stop)) !== undefined;
    if (isListed && !isWaiting) await consul.kvDelete(key, {}, this.#stop);
    if (!isListed && isWaiting && self !== undefined)
      await consul.kvPut(key, requestText(requestOf(node, self, this.#clock.wallMs())), {}, this.#stop);
    if (isWaiting && this.#isAsking !== true) this.#askedSinceMs = this.#clock.monotonicMs();
    this.#isAsking = isWaiting;
  }

  #isGathering({ step }: Progress): boolean {
    if (step !== "idle" && step !== "failed") return false;
    return this.#clock.monotonicMs() - this.#askedSinceMs < this.#timings.gatherMs;
  }

  #tell(condition: Condition | undefined): void {
    const text = JSON.stringify(condition);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.tell(condition);
  }
}

/** What a machine knows at one moment. */
interface Now {
  readonly read: Read;
  readonly view: View;
  readonly self: NomadSelf | undefined;
}

function requestOf(
  node: string,
  { isServer, isClient, rpcAddress }: NomadSelf,
  nowMs: number,
): RestartRequest {
  return {
    node,
    isServer,
    isClient,
    ...(rpcAddress === "" ? {} : { rpcAddress }),
    since: new Date(nowMs).toISOString(),
  };
}

function noCommand(agent: AgentState): Condition {
  const message = `Nomad must be started anew${agent.message === "" ? "" : ` (${agent.message})`}, and this machine has no command for it: set DD_OBSERVE_NOMAD_RESTART, such as command:systemctl restart nomad, or restart it by hand`;
  return { type: NOMAD_RESTARTED, status: "False", reason: "NoRestartCommand", message };
}
