import type { Fields } from "../fakes/datadog-api.ts";
import type { FakeKind } from "../fakes/datadog.ts";
import { someAccident } from "./accidents.ts";
import { idOf } from "./kinds.ts";
import type { People } from "./people.ts";
import type { Random } from "./random.ts";
import type { Stage } from "./stage.ts";
import { GLOBALS, SERVICES, someBrokenText, someDefaults, someGlobal, someWish } from "./wishes.ts";

/** How often each thing happens, in proportion. */
const WEIGHTS = {
  "put a document": 20,
  "break a document": 4,
  "delete a document": 5,
  "put a document of no service": 8,
  "delete a document of no service": 3,
  "register a service": 6,
  "deregister a service": 4,
  "tune the defaults": 2,
  "break the defaults": 0.5,
  "edit an object": 10,
  "delete an object": 6,
  "clone an object": 2,
  "strip an object of its mark": 1,
  "spoil some calls": 12,
  "end the faults": 3,
  "let reads lag": 3,
  "let reads lag no more": 3,
  "kill the leader": 3,
  "stop the leader": 2,
  "end the leader's term": 3,
  "start a spare": 3,
  "lose Consul's answers": 2,
  "leave Consul without a leader": 1,
  "restart Consul": 0.5,
  "pause a service": 1,
  "resume all services": 2,
  approve: 3,
  "wait a moment": 8,
  "wait long": 2,
} as const;

export type StepName = keyof typeof WEIGHTS;

export interface Scene {
  readonly stage: Stage;
  readonly random: Random;
  readonly people: People;
  readonly kinds: readonly FakeKind[];
  /** The key that an object carries our mark of. */
  readonly keyOf: (kind: FakeKind, object: Fields) => string | undefined;
}

/** What a step did, in words, for whoever looks at a failure. */
type Told = string;

/** Twenty seconds of the operators' time at the usual rate: less than they wait before they create again. */
const LAG_MS = 800;

const DO: Readonly<Record<StepName, (scene: Scene) => Promise<Told> | Told>> = {
  "put a document": ({ stage, random }) => {
    const service = random.pick(SERVICES);
    const wish = someWish(random, service);
    stage.put(service, wish);
    return `${service} ${JSON.stringify(wish)}`;
  },
  "break a document": ({ stage, random }) => {
    const name = random.pick([...SERVICES, ...GLOBALS]);
    stage.put(name, someBrokenText(random));
    return name;
  },
  "delete a document": ({ stage, random }) => {
    const service = random.pick(SERVICES);
    stage.remove(service);
    return service;
  },
  "put a document of no service": ({ stage, random }) => {
    const name = random.pick(GLOBALS);
    const wish = someGlobal(random, name);
    stage.put(name, wish);
    return `${name} ${JSON.stringify(wish)}`;
  },
  "delete a document of no service": ({ stage, random }) => {
    const name = random.pick(GLOBALS);
    stage.remove(name);
    return name;
  },
  "register a service": ({ stage, random }) => {
    const service = random.pick(SERVICES);
    stage.register(service, ["dd-observe", ...random.some(["dd-observe.team=ml", "http"], 0.3)]);
    return service;
  },
  "deregister a service": ({ stage, random }) => {
    const service = random.pick(SERVICES);
    stage.deregister(service);
    return service;
  },
  "tune the defaults": ({ stage, random }) => {
    const defaults = someDefaults(random);
    stage.put("_defaults", defaults);
    return JSON.stringify(defaults);
  },
  "break the defaults": ({ stage }) => {
    stage.put("_defaults", "env: [");
    return "";
  },
  "edit an object": editAnObject,
  "delete an object": deleteAnObject,
  "clone an object": (scene) => {
    const found = someOfOurs(scene);
    if (found === undefined || !isCopied(found.kind)) return "there is none";
    return cloneOf(scene, found.kind, found.id);
  },
  "strip an object of its mark": (scene) => {
    const found = someOfOurs(scene);
    if (found?.kind !== "monitors") return "there is none";
    scene.stage.datadog.editObject(found.kind, found.id, { tags: ["team:people"] });
    scene.people.tookAway(found.kind, found.id, found.key);
    scene.people.own(found.kind, objectOf(scene, found.kind, found.id));
    return `${found.kind} ${found.id}`;
  },
  "spoil some calls": ({ stage, random }) => {
    const { name, fault } = someAccident(random);
    stage.datadog.fault(fault);
    return `${name}, ${fault.method ?? "any"}, ${fault.times} times`;
  },
  "end the faults": async ({ stage }) => {
    await stage.datadog.clearFaults();
    return "";
  },
  "let reads lag": ({ stage }) => {
    stage.datadog.setReadLag(LAG_MS);
    return "";
  },
  "let reads lag no more": ({ stage }) => {
    stage.datadog.setReadLag(0);
    return "";
  },
  "kill the leader": async ({ stage, random }) => {
    await stage.leader()?.kill();
    if (random.chance(0.7)) stage.endTerm();
    await keepSomebodyRunning(stage);
    return "";
  },
  "stop the leader": async ({ stage }) => {
    await stage.leader()?.stop();
    await keepSomebodyRunning(stage);
    return "";
  },
  "end the leader's term": ({ stage }) => {
    stage.endTerm();
    return "";
  },
  "start a spare": async ({ stage }) => {
    if (stage.running.length < 3) await stage.start();
    return `${stage.running.length} are running`;
  },
  "lose Consul's answers": ({ stage, random }) => {
    stage.consul.fault({ times: 1 + random.below(3), loseAnswer: true });
    return "";
  },
  "leave Consul without a leader": async ({ stage, random }) => {
    stage.consul.faults.noLeader = true;
    await stage.pass(random.below(10_000));
    stage.consul.faults.noLeader = false;
    return "";
  },
  "restart Consul": async ({ stage }) => {
    await stage.consul.restart({ keepState: true });
    return "";
  },
  "pause a service": ({ stage, random }) => {
    const service = random.pick(SERVICES);
    stage.consul.put(`dd-observe/control/paused/${service}`, "");
    return service;
  },
  "resume all services": ({ stage }) => {
    stage.resumeAll();
    return "";
  },
  approve: ({ stage }) => stage.approveEverything().join(" "),
  "wait a moment": async ({ stage, random }) => {
    await stage.pass(random.below(3_000));
    return "";
  },
  "wait long": async ({ stage, random }) => {
    await stage.pass(random.below(40_000));
    return "";
  },
};

/** Does one thing that may happen to a cluster. */
export async function takeStep(scene: Scene): Promise<string> {
  const name = scene.random.weighted(WEIGHTS);
  const told = await DO[name](scene);
  return told === "" ? name : `${name}: ${told}`;
}

/** A person changes or deletes one of our objects. */
export function disturb(scene: Scene): Told {
  return scene.random.chance(0.8) ? editAnObject(scene) : deleteAnObject(scene);
}

async function keepSomebodyRunning(stage: Stage): Promise<void> {
  if (stage.running.length === 0) await stage.start();
}

interface Found {
  readonly kind: FakeKind;
  readonly id: string;
  readonly key: string | undefined;
}

/** An object that carries our mark and is no clone. */
function someOfOurs({ stage, random, people, kinds, keyOf }: Scene): Found | undefined {
  const kind = random.pick(kinds);
  const ours = stage.datadog
    .objects(kind)
    .filter((object) => keyOf(kind, object) !== undefined && !people.isTheirs(kind, idOf(kind, object)));
  if (ours.length === 0) return undefined;
  const object = random.pick(ours);
  return { kind, id: idOf(kind, object), key: keyOf(kind, object) };
}

function deleteAnObject(scene: Scene): Told {
  const found = someOfOurs(scene);
  if (found === undefined) return "there is none";
  scene.stage.datadog.removeObject(found.kind, found.id);
  scene.people.tookAway(found.kind, found.id, found.key);
  return `${found.kind} ${found.id}`;
}

function editAnObject(scene: Scene): Told {
  const found = someOfOurs(scene);
  if (found === undefined) return "there is none";
  const { kind, id } = found;
  const { stage, random, people } = scene;
  const edits = EDITS[kind];
  if (edits === undefined) return `${kind} are not edited`;
  const { patch, value } = random.pick(edits)(random.below(1_000), objectOf(scene, kind, id));
  people.edited(kind, id, value);
  stage.datadog.editObject(kind, id, patch);
  return `${kind} ${id} ${JSON.stringify(patch)}`;
}

/** What a person sets, and the value as it is compared. */
type Edit = (n: number, object: Fields) => { readonly patch: Fields; readonly value: unknown };

const EDITS: Partial<Readonly<Record<FakeKind, readonly Edit[]>>> = {
  monitors: [
    (n) => ({ patch: { name: `Renamed ${n}` }, value: `Renamed ${n}` }),
    (n) => ({ patch: { message: `Edited ${n}` }, value: `Edited ${n}` }),
    (n) => ({ patch: { options: { renotify_interval: n + 1 } }, value: n + 1 }),
    (n, { tags }) => {
      const more = [...(Array.isArray(tags) ? (tags as string[]) : []), `by-hand:${n}`];
      return { patch: { tags: more }, value: more.toSorted() };
    },
  ],
  slos: [(n) => ({ patch: { name: `Renamed ${n}` }, value: `Renamed ${n}` })],
  dashboards: [(n) => ({ patch: { title: `Renamed ${n}` }, value: `Renamed ${n}` })],
};

function objectOf({ stage }: Scene, kind: FakeKind, id: string): Fields {
  const object = stage.datadog.objects(kind).find((one) => idOf(kind, one) === id);
  if (object === undefined) throw new Error(`there is no ${kind} ${id}`);
  return object;
}

type Copied = "monitors" | "dashboards" | "slos";

function isCopied(kind: FakeKind): kind is Copied {
  return kind === "monitors" || kind === "dashboards" || kind === "slos";
}

/** What the web interface does: the same object under another name, mark and all. */
function cloneOf({ stage, people }: Scene, kind: Copied, id: string): Told {
  const ids = (): readonly string[] => stage.datadog.objects(kind).map((object) => String(object["id"]));
  const before = new Set(ids());
  stage.datadog.copy(kind, id, 1);
  const made = ids().find((one) => !before.has(one));
  if (made === undefined) return "it was cloned before";
  const name = `(clone of ${id})`;
  const soon = Date.now() + 60_000;
  const patches = {
    monitors: { name },
    slos: { name, created_at: Math.floor(soon / 1_000) },
    dashboards: { title: name, created_at: new Date(soon).toISOString() },
  };
  stage.datadog.editObject(kind, made, patches[kind]);
  const clone = stage.datadog.objects(kind).find((object) => String(object["id"]) === made)!;
  people.cloned(kind, id, clone);
  return `${kind} ${id} as ${made}`;
}
