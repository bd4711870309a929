import { readEndpoint, type EndpointAnswer } from "../../clients/endpoint.ts";
import { ApiError, toError } from "../../clients/errors.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import type { Log } from "../../engine/log.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { Board } from "../../engine/status/board.ts";
import { compileProbes, type ProbeGround } from "./compile.ts";
import { conditionOf, ENDPOINT_REACHABLE, judgeAnswer, type Probe, type Verdict } from "./judge.ts";

export interface EndpointProbeOptions {
  readonly ground: ProbeGround;
  /** What runs here now. Undefined while that is not known. */
  readonly snapshot: () => NodeSnapshot | undefined;
  readonly board: Board;
  readonly log: Log;
  /** How often each endpoint is asked. 0 for never. */
  readonly intervalMs: number;
  readonly clock?: Clock | undefined;
}

/** How often it is looked who is due. */
const TICK_MS = 500;
/** So many are asked at once, and so many begin in a second, however many endpoints a machine has. */
const CONCURRENCY = 8;
const PER_TICK = 10;
/** A new endpoint is asked at some moment before this: it may still be starting, and others may be new as well. */
const FIRST_MS = 5_000;
/** One that fails is asked again after this, and only then told: an instance that is restarted is away for a moment. */
const AGAIN_MS = 10_000;

interface Asked {
  readonly probe: Probe;
  readonly service: string;
  dueMs: number;
  isAsking: boolean;
  /** Failures in a row. */
  failures: number;
  /** What was told last. Undefined before the first. */
  verdict: Verdict | undefined;
}

/**
 * Asks the endpoints of this machine's instances, again and again until the signal aborts, and tells by the condition
 * `EndpointReachable` whether they answer with what their packs expect. Goes on beside the passes and never wakes one.
 */
export async function watchEndpoints(options: EndpointProbeOptions, signal: AbortSignal): Promise<void> {
  const { intervalMs, clock = systemClock, log } = options;
  if (intervalMs === 0) return;
  const round = new Round(options, signal);
  while (!signal.aborted) {
    await clock.sleep(TICK_MS, signal).catch(() => undefined);
    if (!signal.aborted) round.tick((error) => log.warn({ error: error.message }, "endpoint not asked"));
  }
}

class Round {
  readonly #options: EndpointProbeOptions;
  readonly #signal: AbortSignal;
  readonly #clock: Clock;
  readonly #compile: ReturnType<typeof compileProbes>;
  #snapshot: NodeSnapshot | undefined;
  /** By service and URL. */
  #asked = new Map<string, Asked>();
  #probes: ReadonlyMap<string, readonly Probe[]> = new Map();
  /** Those of which something may have been told. */
  #services = new Set<string>();
  #running = 0;

  constructor(options: EndpointProbeOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#clock = options.clock ?? systemClock;
    this.#compile = compileProbes(options.ground);
    // What an earlier process said, of a service that is perhaps no longer asked.
    for (const { service, conditions } of options.board.all())
      if (conditions.some(({ type }) => type === ENDPOINT_REACHABLE)) this.#services.add(service);
  }

  tick(onError: (error: Error) => void): void {
    this.#follow();
    const nowMs = this.#clock.monotonicMs();
    let begun = 0;
    for (const asked of this.#asked.values()) {
      if (this.#running >= CONCURRENCY || begun >= PER_TICK) return;
      if (asked.isAsking || asked.dueMs > nowMs) continue;
      begun++;
      this.#ask(asked).catch((error: unknown) => onError(toError(error)));
    }
  }

  /** Takes over what runs here now. */
  #follow(): void {
    const snapshot = this.#options.snapshot();
    if (snapshot === undefined || snapshot === this.#snapshot) return;
    this.#snapshot = snapshot;
    const compiled = this.#compile(snapshot);
    this.#probes = compiled;
    const before = this.#asked;
    this.#asked = new Map();
    const nowMs = this.#clock.monotonicMs();
    for (const [service, probes] of compiled) {
      for (const probe of probes) {
        const key = keyOf(service, probe.url);
        const known = before.get(key);
        this.#asked.set(key, known?.probe === probe ? known : this.#anew(service, probe, nowMs));
      }
    }
    for (const service of this.#services)
      if (!compiled.has(service)) this.#options.board.dropConditions(service, [ENDPOINT_REACHABLE]);
    this.#services = new Set(compiled.keys());
  }

  #anew(service: string, probe: Probe, nowMs: number): Asked {
    const dueMs = nowMs + this.#clock.random() * Math.min(FIRST_MS, this.#options.intervalMs);
    return { probe, service, dueMs, isAsking: false, failures: 0, verdict: undefined };
  }

  async #ask(asked: Asked): Promise<void> {
    asked.isAsking = true;
    this.#running++;
    try {
      const verdict = judgeAnswer(asked.probe, await this.#answerOf(asked.probe.url));
      this.#note(asked, verdict);
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    } finally {
      asked.isAsking = false;
      this.#running--;
    }
  }

  async #answerOf(url: string): Promise<EndpointAnswer | ApiError> {
    try {
      return await readEndpoint(url, this.#signal);
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }

  #note(asked: Asked, verdict: Verdict): void {
    const { intervalMs } = this.#options;
    asked.failures = verdict.reason === "Answers" ? 0 : asked.failures + 1;
    const isDoubtful = asked.failures === 1;
    const pauseMs = isDoubtful ? Math.min(AGAIN_MS, intervalMs) : intervalMs;
    asked.dueMs = this.#clock.monotonicMs() + pauseMs * (0.9 + 0.2 * this.#clock.random());
    if (isDoubtful) return;
    asked.verdict = verdict;
    this.#tell(asked.service);
  }

  #tell(service: string): void {
    const probes = this.#probes.get(service) ?? [];
    const verdicts = probes.flatMap(({ url }) => this.#asked.get(keyOf(service, url))?.verdict ?? []);
    // Of the others nothing is known yet, or the service has gone meanwhile.
    if (probes.length === 0 || verdicts.length < probes.length) return;
    const generation = this.#snapshot?.services.get(service)?.generation;
    this.#options.board.setConditions(service, generation, [conditionOf(verdicts)]);
  }
}

function keyOf(service: string, url: string): string {
  return `${service} ${url}`;
}
