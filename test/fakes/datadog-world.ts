import {
  fieldsOf,
  merged,
  preciseTimestamp,
  type FakeWorld,
  type Fields,
  type StoredObject,
} from "./datadog-api.ts";
import { makeEntity } from "./datadog-catalog.ts";
import { makeDashboard } from "./datadog-dashboards.ts";
import { cancelDowntime, makeDowntime, shownDowntime } from "./datadog-downtimes.ts";
import { makeEvaluator } from "./datadog-evaluators.ts";
import { makeTagConfig } from "./datadog-metric-tags.ts";
import { makeSlo } from "./datadog-slos.ts";
import { LaggingMap, type Lag } from "./lagging-map.ts";

/** The kinds of objects that stand in the fake, by their controllers' names. */
export type FakeKind =
  | "monitors"
  | "dashboards"
  | "slos"
  | "metric-tags"
  | "downtimes"
  | "catalog"
  | "evaluators";

export function makeWorld({ orgId, lag }: { readonly orgId: number; readonly lag: Lag }): FakeWorld {
  let made = 0;
  return {
    orgId,
    monitors: new LaggingMap(lag),
    dashboards: new LaggingMap(lag),
    slos: new LaggingMap(lag),
    tagConfigs: new Map(),
    downtimes: new Map(),
    entities: new Map(),
    evaluators: new Map(),
    events: [],
    references: new Map(),
    metrics: new Map(),
    metricTypes: new Map(),
    metricUnits: new Map(),
    integrationMetrics: new Set(),
    deletedTagConfigs: new Map(),
    tagDeleteLagMs: 0,
    nextId: 100_001,
    newHex(digits) {
      made += 1;
      return made.toString(16).padStart(8, "0").padEnd(digits, "a1b2c3d4").slice(0, digits);
    },
  };
}

/** What a person, or a test, does with the objects of one kind. */
export interface KindInFake {
  /** Every object, as the API returns it. Of an entity its definition. */
  list(world: FakeWorld): readonly Fields[];
  /** Puts an object there without a look at whether it makes sense. Its id is returned. */
  add(world: FakeWorld, body: Fields): string;
  /** Objects in it are merged, null takes a field away. */
  edit(world: FakeWorld, id: string, patch: Fields): void;
  /** A downtime is canceled. */
  remove(world: FakeWorld, id: string): void;
}

export const KINDS: Readonly<Record<FakeKind, KindInFake>> = {
  monitors: {
    list: (world) => [...world.monitors.values()],
    add: (world, body) => String(addMonitor(world, body)),
    edit: (world, id, patch) => editMonitor(world, Number(id), patch),
    remove: (world, id) => world.monitors.delete(Number(id)),
  },
  dashboards: {
    list: (world) => [...world.dashboards.values()],
    add: (world, body) => makeDashboard(world, body).id,
    edit: (world, id, patch) => editIn(world.dashboards, id, { ...patch, modified_at: preciseTimestamp() }),
    remove: (world, id) => world.dashboards.delete(id),
  },
  slos: {
    list: (world) => [...world.slos.values()],
    add: (world, body) => makeSlo(world, body).id,
    edit: (world, id, patch) =>
      editIn(world.slos, id, { ...patch, modified_at: Math.floor(Date.now() / 1_000) }),
    remove: (world, id) => world.slos.delete(id),
  },
  "metric-tags": {
    list: (world) => [...world.tagConfigs.values()],
    add: (world, body) => makeTagConfig(world, body).id,
    edit: (world, id, patch) => editIn(world.tagConfigs, id, patch),
    remove: (world, id) => world.tagConfigs.delete(id),
  },
  downtimes: {
    list: (world) => [...world.downtimes.values()].map(shownDowntime),
    add: (world, body) => makeDowntime(world, fieldsOf(body["attributes"])).id,
    edit: (world, id, patch) => editIn(world.downtimes, id, patch),
    remove: cancelDowntime,
  },
  catalog: {
    list: (world) => [...world.entities.values()].map(({ schema }) => schema),
    add: (world, body) => makeEntity(world, body).ref,
    edit: (world, id, patch) => {
      const entity = world.entities.get(id);
      if (entity === undefined) throw new Error(`there is no entity ${id} to edit`);
      world.entities.set(id, { ...entity, schema: fieldsOf(merged(entity.schema, patch)) });
    },
    remove: (world, id) => world.entities.delete(id),
  },
  evaluators: {
    list: (world) => [...world.evaluators.values()],
    add: (world, body) => makeEvaluator(world, body).id,
    edit: (world, id, patch) => editIn(world.evaluators, id, patch),
    remove: (world, id) => world.evaluators.delete(id),
  },
};

function editIn(objects: Map<string, StoredObject>, id: string, patch: Fields): void {
  const object = objects.get(id);
  if (object === undefined) throw new Error(`there is no object ${id} to edit`);
  objects.set(id, { ...fieldsOf(merged(object, patch)), id });
}

/** Fields replace, options are merged. */
function editMonitor(world: FakeWorld, id: number, patch: Fields): void {
  const monitor = world.monitors.get(id);
  if (monitor === undefined) throw new Error(`there is no monitor ${id} to edit`);
  const options = { ...monitor.options, ...fieldsOf(patch["options"]) };
  world.monitors.set(id, { ...monitor, ...patch, options });
}

export function addMonitor(world: FakeWorld, monitor: Fields): number {
  const id = world.nextId++;
  const defaults = {
    type: "query alert",
    name: "",
    query: "",
    message: "",
    tags: [],
    priority: null,
    multi: false,
    org_id: world.orgId,
  };
  const options = { silenced: {}, ...fieldsOf(monitor["options"]) };
  world.monitors.set(id, { ...defaults, ...monitor, id, options });
  return id;
}
