import { hasStrictDouble, ownFake, strictDouble } from "../contracts/datadog-double.ts";
import { Oracle, type Discrepancy } from "./oracle.ts";
import { People } from "./people.ts";
import { Random } from "./random.ts";
import { settle } from "./settle.ts";
import { Stage } from "./stage.ts";
import { takeStep, type Scene } from "./steps.ts";
import { GLOBALS, SERVICES, someDefaults, someGlobal, someWish } from "./wishes.ts";

export interface SeedOptions {
  readonly seed: number;
  readonly steps: number;
  /** Tells every step as it is taken. */
  readonly onStep?: (told: string) => void;
  /** Tells every line that an operator logs. */
  readonly onLine?: (holder: string, line: string) => void;
}

export interface SeedResult {
  readonly seed: number;
  readonly steps: readonly string[];
  readonly writes: number;
  /** Operators that ran. */
  readonly operators: number;
  /** Real milliseconds until the world was as it must be, after the last step. */
  readonly settledMs: number;
  /** What is wrong at the end. Empty if all is well. */
  readonly wrong: readonly Discrepancy[];
  /** What the operators logged last. */
  readonly log: readonly string[];
}

/** Pauses between steps, in the operators' time. */
const PAUSE_MS = 600;

/** Plays one random play: an even seed against our own stand-in, an odd one against the strict double where there is one. */
export async function runSeed({ seed, steps, onStep, onLine }: SeedOptions): Promise<SeedResult> {
  const random = new Random(seed);
  const isStrict = seed % 2 === 1 && hasStrictDouble;
  await using stage = await Stage.open({
    datadog: async () => await (isStrict ? strictDouble() : ownFake()),
    onLine,
  });
  const oracle = new Oracle(stage);
  const scene: Scene = {
    stage,
    random,
    people: new People(),
    kinds: oracle.kinds,
    keyOf: (kind, object) => oracle.keyOf(kind, object),
  };
  const told: string[] = [];
  const tell = (line: string): void => {
    told.push(line);
    onStep?.(line);
  };

  await addForeign(scene);
  for (const service of random.some(SERVICES, 0.5)) stage.register(service);
  for (const service of random.some(SERVICES, 0.5)) stage.put(service, someWish(random, service));
  await stage.start();
  for (let step = 0; step < steps; step++) {
    tell(await takeStep(scene));
    if (random.chance(0.7)) await stage.pass(random.next() * PAUSE_MS);
  }
  await calmDown(scene);
  const startedMs = performance.now();
  const wrong = [...(await settle(stage, scene.people, oracle)), ...stage.datadog.violations()];
  return {
    seed,
    steps: told,
    writes: stage.datadog.writes(),
    operators: stage.operators.length,
    settledMs: Math.round(performance.now() - startedMs),
    wrong,
    log: wrong.length === 0 ? [] : [...documentsOf(stage), ...conditionsOf(stage), ...linesOf(stage)],
  };
}

/** Other people's objects, some of which look nearly like ours. */
async function addForeign({ stage, people, kinds }: Scene): Promise<void> {
  const { datadog } = stage;
  for (const [name, tags] of [
    ["Somebody's", ["team:people"]],
    ["Another cluster's", ["managed-by:dd-observe", "dd-observe-owner:dc2", "dd-observe-key:api/errors"]],
    ["Terraform's", ["managed-by:terraform", "dd-observe-owner:dc1", "dd-observe-key:api/errors"]],
    [
      "Of two keys",
      ["managed-by:dd-observe", "dd-observe-owner:dc1", "dd-observe-key:a/b", "dd-observe-key:api/errors"],
    ],
  ] as const) {
    await fetch(`${datadog.url}/api/v1/monitor`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "dd-api-key": datadog.apiKey,
        "dd-application-key": datadog.appKey,
      },
      body: JSON.stringify({
        name,
        type: "query alert",
        query: "avg(last_5m):avg:system.load.1{*} > 7",
        message: "",
        tags,
        options: { thresholds: { critical: 7 } },
      }),
    });
  }
  for (const kind of kinds) people.ownAll(datadog, kind);
  for (const service of SERVICES) {
    for (const name of ["duration", "size"]) {
      datadog.addPoint(`${service}.${name}`, Math.floor(Date.now() / 1_000), [`service:${service}`]);
      people.sentMetric(`${service}.${name}`);
    }
  }
}

/** All faults end, people mend what they broke, and somebody is there to do the work. */
async function calmDown({ stage, random }: Scene): Promise<void> {
  await stage.datadog.clearFaults();
  stage.datadog.setReadLag(0);
  stage.consul.faults.noLeader = false;
  stage.consul.faults.queue.splice(0);
  stage.resumeAll();
  stage.put("_defaults", someDefaults(random));
  for (const service of SERVICES)
    if (random.chance(0.3) && stage.document(service) !== undefined)
      stage.put(service, someWish(random, service));
  for (const name of GLOBALS)
    if (random.chance(0.3) && stage.document(name) !== undefined) stage.put(name, someGlobal(random, name));
  if (stage.leader() === undefined) stage.endTerm();
  if (stage.running.length === 0) await stage.start();
}

function documentsOf(stage: Stage): readonly string[] {
  return ["_defaults", ...SERVICES, ...GLOBALS].map(
    (name) => `document ${name}: ${stage.document(name) ?? "none"}`,
  );
}

function conditionsOf(stage: Stage): readonly string[] {
  return stage
    .statuses()
    .flatMap(({ service, conditions }) =>
      conditions.map(
        ({ type, status, reason, message }) => `${service} ${type} ${status} ${reason}: ${message}`,
      ),
    );
}

function linesOf({ operators }: Stage): readonly string[] {
  return operators.slice(-3).flatMap(({ holder, lines }) => lines.map((line) => `${holder} ${line}`));
}
