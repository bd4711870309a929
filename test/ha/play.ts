import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { createConsul } from "../../clients/consul.ts";
import { Random } from "../chaos/random.ts";
import { ownFake } from "../contracts/datadog-double.ts";
import { keyInTags } from "../e2e/objects.ts";
import { ACCIDENTS, type AccidentKind, type Happened } from "./accidents.ts";
import { startConsulCluster } from "./consul-cluster.ts";
import { startController, type ControllerProcess } from "./controller.ts";
import { wrongIn } from "./judge.ts";
import { Load } from "./load.ts";
import { makePlace, type Place } from "./network.ts";
import { leaderOf, until, type Stage } from "./stage.ts";
import { startWitness } from "./witness.ts";

export interface PlayOptions {
  readonly seed: number;
  readonly accidents: readonly AccidentKind[];
  /** True to give each controller a network of its own. Only in a network that nothing else is in. */
  readonly canCut: boolean;
  readonly onHappened?: (happened: Happened) => void;
}

export interface PlayResult {
  readonly seed: number;
  readonly happened: readonly Happened[];
  readonly writes: number;
  readonly changes: number;
  /** Empty if all went well. */
  readonly wrong: readonly string[];
}

const CONTROLLERS = 3;
/** Of Datadog's answers, so that writes are under way when something happens. */
const LATENCY_MS = 15;
/** So many accidents happen until the world is looked at. */
const LOOK_EVERY = 10;
const SETTLE_MS = 60_000;
/** An election may just be over, and the next accident must not always find it so. */
const MOST_PAUSE_MS = 2_500;

/** Lets accidents happen to a leader and its spares, one after another, while people change their wishes all the time. */
export async function play({ seed, accidents, canCut, onHappened }: PlayOptions): Promise<PlayResult> {
  const random = new Random(seed);
  await using cluster = await startConsulCluster();
  const datadog = await ownFake({ latencyMs: LATENCY_MS });
  const witness = await startWitness(datadog.url, canCut ? "0.0.0.0" : "127.0.0.1");
  const places = Array.from({ length: CONTROLLERS }, (_, at) => (canCut ? makePlace(at) : undefined));
  const everStarted: ControllerProcess[] = [];
  const start = (place: Place | undefined): ControllerProcess => {
    const name = `c${everStarted.length}`;
    const env = {
      CONSUL_HTTP_ADDR: `http://${place?.consulHost ?? "127.0.0.1"}:${cluster.port}`,
      DD_API_URL: `http://${place?.datadogHost ?? "127.0.0.1"}:${witness.port}`,
      DD_API_KEY: datadog.apiKey,
      DD_APP_KEY: `${name}:${datadog.appKey}`,
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      DD_OBSERVE_RESYNC: "2s",
      DD_OBSERVE_GRACE: "1s",
      DD_OBSERVE_MAX_DELETES: "1000",
      DD_OBSERVE_ARRIVAL_INTERVAL: "0",
      DD_OBSERVE_PROBE_INTERVAL: "0",
    };
    const process = startController(name, env, place);
    everStarted.push(process);
    return process;
  };
  const controllers = places.map(start);
  const load = new Load(createConsul({ address: `http://127.0.0.1:${cluster.port}` }), random);
  const stage: Stage = {
    random,
    changedAt: () => load.changedAt,
    witness,
    controllers,
    async replace(old) {
      const next = start(old.place);
      controllers[controllers.indexOf(old)] = next;
      await until(`${next.name} takes part`, () => next.standing !== "unknown");
    },
    killConsulLeader: async () => await cluster.killLeader(),
  };
  const happened: Happened[] = [];
  const wrong: string[] = [];
  try {
    await until("somebody leads", () => leaderOf(stage) !== undefined);
    for (let from = 0; from < accidents.length; from += LOOK_EVERY) {
      const over = new AbortController();
      const loading = load.run(over.signal);
      for (const kind of accidents.slice(from, from + LOOK_EVERY)) {
        await sleep(random.below(MOST_PAUSE_MS));
        const one = await ACCIDENTS[kind](stage);
        happened.push(one);
        onHappened?.(one);
      }
      over.abort();
      await loading;
      await until(
        () => `the world is as wished: ${JSON.stringify([monitorsIn(datadog.monitors()), load.wanted])}`,
        () => isDeepStrictEqual(monitorsIn(datadog.monitors()), load.wanted),
        SETTLE_MS,
      );
    }
  } catch (error) {
    wrong.push(`${String(error)}; ${everStarted.slice(-CONTROLLERS).map(inWords).join("; ")}`);
  } finally {
    for (const one of everStarted) {
      one.signal("SIGKILL");
      await one.ended;
    }
    for (const place of places) place?.leave();
    await witness.stop();
    await datadog.stop();
  }
  const terms = everStarted.flatMap((one) => one.terms);
  wrong.push(...wrongIn(witness.writes, terms, performance.now()));
  return { seed, happened, writes: witness.writes.length, changes: load.changes, wrong };
}

function inWords({ name, isRunning, standing, lines }: ControllerProcess): string {
  return `${name} (${isRunning ? standing : "ended"}) said last: ${JSON.stringify(lines.slice(-4))}`;
}

type Monitors = Readonly<Record<string, readonly unknown[]>>;

/** Critical thresholds by key: more than one is a duplicate. */
function monitorsIn(monitors: readonly Readonly<Record<string, unknown>>[]): Monitors {
  const found: Record<string, unknown[]> = {};
  for (const { tags, options } of monitors) {
    const { thresholds } = options as { readonly thresholds?: { readonly critical?: number } };
    (found[keyInTags(tags) ?? "not ours"] ??= []).push(thresholds?.critical);
  }
  return found;
}
