import { CLUSTER_CONTROLLERS } from "../../controllers/index.ts";
import { Budget } from "../../engine/budget.ts";
import type { Controller } from "../../engine/loop/controller.ts";
import { hashOf } from "../../engine/hash.ts";
import { openLog } from "../../engine/log.ts";
import { ruleOf } from "../../engine/plan/drift.ts";
import { fieldChanges, keyOf, type Desired, type DesiredObject } from "../../engine/plan/plan.ts";
import { bind, References } from "../../engine/plan/references.ts";
import { clusterSource } from "../../engine/sources/sources.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { openResolver } from "../../cmd/connect.ts";
import { driftOf } from "../../crds/drift.ts";
import { metricKey } from "../../controllers/metric-tags/compile.ts";
import { ownerOfKey } from "../../controllers/datadog/mark.ts";
import type { Fields } from "../fakes/datadog-api.ts";
import type { FakeKind } from "../fakes/datadog.ts";
import { looks, type LookOf } from "./kinds.ts";
import type { People } from "./people.ts";
import type { Stage } from "./stage.ts";

export const CLUSTER_ID = "dc1";

/** One thing that is not as it must be, in words. */
export type Discrepancy = string;

type SomeController = Controller<Snapshot, unknown>;

/**
 * Says what must stand in Datadog: it reads the wishes and compiles them, and looks at every object there.
 *
 * It knows nothing of what the operators did or remember.
 */
export class Oracle {
  readonly #stage: Stage;
  readonly #looks: ReadonlyMap<FakeKind, LookOf>;
  readonly #controllers: ReadonlyMap<string, SomeController>;
  readonly #resolver: ReturnType<typeof openResolver>;

  constructor(stage: Stage) {
    this.#stage = stage;
    const { url, apiKey, appKey } = stage.datadog;
    this.#looks = looks({ url, apiKey, appKey }, CLUSTER_ID);
    this.#controllers = controllersOf(stage);
    this.#resolver = openResolver(stage.config);
  }

  /** The kinds that are looked at. */
  get kinds(): readonly FakeKind[] {
    return [...this.#looks.keys()];
  }

  /** The key that an object carries our mark of. */
  keyOf(kind: FakeKind, object: Fields): string | undefined {
    return this.#looks.get(kind)?.markOf(object)?.key;
  }

  /** What differs from what must be. Empty if nothing does. */
  async look(people: People): Promise<readonly Discrepancy[]> {
    const snapshot = await this.#snapshot();
    const desired = new Map(
      [...this.#controllers].map(([name, controller]) => [name, controller.compile(snapshot)]),
    );
    const references = new References(desired.keys());
    const standing = new Map(
      [...this.#looks].map(([kind, look]) => [kind, this.#standing(kind, look, people)] as const),
    );
    for (const [name, { objects }] of desired) {
      references.noteWished(name, objects);
      const found = standing.get(name as FakeKind) ?? new Map<string, readonly Standing[]>();
      references.notePass(
        name,
        [...found].map(([key, [first]]) => [key, first!.ref] as const),
      );
    }
    people.noteOrphans(this.#stage.datadog);
    const wrong: Discrepancy[] = [...people.touched(this.#stage.datadog)];
    for (const [kind, look] of this.#looks) {
      const wished = desired.get(kind);
      if (wished === undefined) continue;
      const target = this.#controllers.get(kind)?.target;
      const rebound = (body: unknown): unknown => target?.rebound?.(body) ?? body;
      const bound = bind(wished, references, rebound);
      wrong.push(
        ...compare({
          kind,
          look,
          people,
          desired: bound.desired,
          waiting: new Set(bound.waiting.map(({ action }) => keyOf(action))),
          found: standing.get(kind) ?? new Map(),
          retained: retainedIn(this.#stage, kind),
          isPossible: ({ body }) => kind !== "metric-tags" || people.knowsMetric(metricOf(body)),
        }),
      );
    }
    return wrong;
  }

  async #snapshot(): Promise<Snapshot> {
    const { kv, consul } = this.#stage;
    const state = await clusterSource({ consul: kv, prefix: "observability" }).confirm(
      AbortSignal.timeout(10_000),
    );
    const prefix = "dd-observe/control/paused/";
    const paused = [...consul.state.keys.keys()].filter((key) => key.startsWith(prefix));
    return this.#resolver.ofCluster(state, new Set(paused.map((key) => key.slice(prefix.length))));
  }

  /** Objects with our mark, by key; the oldest first. */
  #standing(kind: FakeKind, look: LookOf, people: People): ReadonlyMap<string, readonly Standing[]> {
    const byKey = new Map<string, Standing[]>();
    for (const raw of this.#stage.datadog.objects(kind)) {
      const mark = look.markOf(raw);
      if (mark === undefined || people.isTheirs(kind, look.refOf(raw))) continue;
      const one = { ref: look.refOf(raw), raw, retain: mark.retain };
      byKey.set(mark.key, [...(byKey.get(mark.key) ?? []), one]);
    }
    // A clone whose original is gone may be taken for it, or be known as a clone and left alone.
    for (const [key, all] of byKey) {
      const originals = all.filter(({ ref }) => !people.isClone(kind, ref));
      if (originals.length > 0) byKey.set(key, originals);
    }
    return byKey;
  }
}

interface Standing {
  readonly ref: string;
  readonly raw: Fields;
  readonly retain: boolean;
}

interface Comparison {
  readonly kind: FakeKind;
  readonly look: LookOf;
  readonly desired: Desired<unknown>;
  readonly waiting: ReadonlySet<string>;
  readonly found: ReadonlyMap<string, readonly Standing[]>;
  readonly people: People;
  /** Keys of what carries no mark and is to stay, as the statuses say. */
  readonly retained: ReadonlySet<string>;
  /** False of what Datadog can't make, such as a configuration of a metric that it doesn't know. */
  readonly isPossible: (object: DesiredObject<unknown>) => boolean;
}

function compare(ground: Comparison): readonly Discrepancy[] {
  const { kind, desired, waiting, found, people, retained, isPossible } = ground;
  const wrong: Discrepancy[] = [];
  for (const object of desired.objects.values()) {
    const ours = found.get(object.key) ?? [];
    const what = `${kind} ${object.key}`;
    if (ours.length > 1)
      wrong.push(`${what} stands ${ours.length} times: ${ours.map(({ ref }) => ref).join(", ")}`);
    if (desired.paused.has(object.owner) || !isPossible(object)) continue;
    const isLeftDeleted = ruleOf("", driftOf(object.drift)) === "report" && people.deleted(kind, object.key);
    if (ours.length === 0 && !isLeftDeleted) wrong.push(`${what} is missing`);
    for (const one of ours) wrong.push(...differences(what, object, one, ground));
  }
  // What carries no mark stays while anybody's wish can't be read.
  const isUnsure = kind === "metric-tags" && "unknown" in desired && isFilled(desired.unknown);
  for (const [key, ours] of found) {
    if (desired.objects.has(key)) continue;
    if (ours.length > 1) wrong.push(`${kind} ${key} stands ${ours.length} times`);
    const owner = kind === "metric-tags" ? serviceOfMetric(key) : ownerOfKey(key);
    const isKept =
      isUnsure ||
      waiting.has(key) ||
      desired.held.has(key) ||
      desired.held.has(owner) ||
      desired.paused.has(owner);
    for (const { ref, retain } of ours)
      if (!isKept && !retain && !retained.has(key) && !people.isClone(kind, ref))
        wrong.push(`${kind} ${key} (${ref}) stands although nobody wishes it`);
  }
  return wrong;
}

/** In these tests a metric is named after the service that wishes something of it. */
function serviceOfMetric(key: string): string {
  return key.slice(metricKey("").length).split(".")[0]!;
}

function retainedIn(stage: Stage, kind: FakeKind): ReadonlySet<string> {
  const objects = stage.statuses().flatMap((status) => status.objects);
  const kept = objects.filter(({ controller, retain }) => controller === kind && retain === true);
  return new Set(kept.map(({ key }) => key));
}

function isFilled(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}

function differences(
  what: string,
  { body, drift }: DesiredObject<unknown>,
  { raw, ref }: Standing,
  { kind, look, people }: Comparison,
): readonly Discrepancy[] {
  return fieldChanges(body, look.canonical(raw, body))
    .filter(({ path, found }) => {
      const isReported = ruleOf(path, driftOf(drift)) === "report";
      return !(isReported && people.made(kind, ref, hashOf(found ?? null)));
    })
    .map(
      ({ path, wanted, found }) =>
        `${what} (${ref}) ${path}: ${inWords(found)} instead of ${inWords(wanted)}`,
    );
}

function inWords(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 200);
}

function metricOf(body: unknown): string {
  return String((body as { readonly metric?: unknown }).metric);
}

/** The controllers, to compile with. They never write. */
function controllersOf({ config }: Stage): ReadonlyMap<string, SomeController> {
  const deps = {
    clusterId: CLUSTER_ID,
    policy: config.policy,
    tagName: config.tagName,
    isDryRun: true,
    approved: () => new Set<string>(),
    onBackup: async () => undefined,
    log: openLog({ level: "silent", pretty: false }),
    datadog: config.datadog,
    budget: new Budget(),
    onOrganisation: () => undefined,
    openIntents: () => new Map<string, number>(),
  };
  return new Map(
    CLUSTER_CONTROLLERS.map((create) => create(deps)).flatMap((one) =>
      "controller" in one ? [[one.controller.name, one.controller] as const] : [],
    ),
  );
}
