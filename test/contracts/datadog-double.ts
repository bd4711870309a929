import { existsSync } from "node:fs";

import type { Fields, RateLimit } from "../fakes/datadog-api.ts";
import { startFakeDatadog, type FakeKind, type Fault } from "../fakes/datadog.ts";

/** What the contract needs of a stand-in for Datadog, whoever wrote it. */
export interface DatadogDouble {
  readonly url: string;
  readonly apiKey: string;
  readonly appKey: string;
  monitors(): readonly Readonly<Record<string, unknown>>[];
  /** Every object of a kind, as the API returns it. Of an entity its definition. */
  objects(kind: FakeKind): readonly Fields[];
  /** The events that were posted, as they were sent. */
  events(): readonly Fields[];
  /** Puts so many copies of an object there, each with an id of its own; their names stay the same. */
  copy(kind: CopiedKind, id: string, copies: number): void;
  /** A person edits a monitor. */
  edit(id: number, patch: object): void;
  /** A person edits any object: objects in it are merged, null takes a field away. */
  editObject(kind: FakeKind, id: string, patch: Fields): void;
  /** A person deletes a monitor. */
  remove(id: number): void;
  removeObject(kind: FakeKind, id: string): void;
  fault(fault: Fault): void;
  /** What has not struck yet will not. */
  clearFaults(): Promise<void>;
  /** A metric arrives: one value at one time, in seconds. */
  addPoint(metric: string, atSeconds: number, tags: readonly string[]): void;
  /** A metric of one of Datadog's own integrations. */
  addIntegrationMetric(metric: string): void;
  setReadLag(ms: number): void;
  /** For so long a deleted tag configuration stands in the way of a new one. */
  setTagDeleteLag(ms: number): void;
  writes(): number;
  /** Every request so far: `GET /api/v1/slo?limit=1000`. */
  requests(): readonly string[];
  /** The same with what became of them. */
  traffic(): readonly Exchange[];
  /** What the requests broke of the published API. */
  violations(): readonly string[];
  stop(): Promise<void>;
}

/** A request and what became of it. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Milliseconds, as from `Date.now()`. */
  readonly at: number;
  /** A word where a fault struck. */
  readonly status: number | string;
}

/** Kinds whose copies differ in nothing but the id. */
export type CopiedKind = "monitors" | "dashboards" | "slos" | "downtimes" | "metric-tags";

export interface DoubleOptions {
  readonly permissions?: readonly string[];
  /** Takes the place of the recorded limits. */
  readonly limit?: RateLimit;
}

export async function ownFake(
  options: DoubleOptions & { readonly latencyMs?: number } = {},
): Promise<DatadogDouble> {
  const fake = await startFakeDatadog(options);
  return {
    url: fake.url,
    apiKey: fake.apiKey,
    appKey: fake.appKey,
    monitors: () => [...fake.monitors.values()],
    objects: (kind) => fake.objects(kind),
    events: () => fake.events,
    copy: (kind, id, copies) => {
      const stores = {
        monitors: fake.monitors,
        dashboards: fake.dashboards,
        slos: fake.slos,
        downtimes: fake.downtimes,
        "metric-tags": fake.tagConfigs,
      };
      copyIn(stores[kind], kind, id, copies);
    },
    edit: (id, patch) => fake.edit(id, { ...patch }),
    editObject: (kind, id, patch) => fake.edit(kind, id, patch),
    remove: (id) => fake.remove(id),
    removeObject: (kind, id) => fake.remove(kind, id),
    fault: (fault) => fake.fault(fault),
    clearFaults: async () => fake.clearFaults(),
    addPoint: (metric, at, tags) => fake.metrics.set(metric, [{ at, value: 1, tags }]),
    addIntegrationMetric: (metric) => {
      fake.metrics.set(metric, []);
      fake.integrationMetrics.add(metric);
    },
    setReadLag: (ms) => fake.setReadLag(ms),
    setTagDeleteLag: (ms) => {
      fake.tagDeleteLagMs = ms;
    },
    writes: () => fake.writes,
    requests: () => fake.log.map(({ method, path, query }) => `${method} ${path}${query}`),
    traffic: () => fake.log,
    violations: () => [],
    stop: () => fake.stop(),
  };
}

const STRICT = new URL("../../../shared/ddapi/server.mjs", import.meta.url);

/** True where the strict double, which checks every request against the published API, lies beside the repository. */
export const hasStrictDouble = existsSync(STRICT);

interface StrictDouble {
  readonly state: {
    monitors: Map<number, Fields>;
    dashboards: Map<string, Fields>;
    slos: Map<string, Fields>;
    tagConfigs: Map<string, Fields>;
    downtimes: Map<string, Fields>;
    entities: Map<string, Fields & { schema: Fields }>;
    events: { body: Fields }[];
  };
  readonly log: readonly {
    method: string;
    path: string;
    query: string;
    at: number;
    status?: number;
    violations: readonly { level: string; msg: string }[];
  }[];
  readonly config: { readLagMs: number; tagConfigDeleteLagMs: number };
  addFault(fault: object): void;
  edit(change: object): unknown;
  seed(content: object): unknown;
  listen(): Promise<string>;
  close(): Promise<void>;
}

/** Levels of the double's log that would be a fault of ours. */
const FORBIDDEN = new Set(["error", "unknown", "query", "widget-query"]);

/** What the strict double calls our kinds. */
const STRICT_KINDS: Readonly<Record<FakeKind, string>> = {
  monitors: "monitor",
  dashboards: "dashboard",
  slos: "slo",
  "metric-tags": "tagConfig",
  downtimes: "downtime",
  catalog: "entity",
  // It has no such objects: its copy of the API is older.
  evaluators: "evaluator",
};

export async function strictDouble({ permissions, limit }: DoubleOptions = {}): Promise<DatadogDouble> {
  const { createDouble } = (await import(STRICT.href)) as { createDouble: (options: object) => StrictDouble };
  const double = createDouble({
    apiKeys: ["strict-api-key"],
    appKeys: { "strict-app-key": permissions ?? "*" },
    ...(limit === undefined ? {} : { rateLimits: { "*": { ...limit, period: limit.periodSeconds } } }),
  });
  const url = await double.listen();
  return {
    url,
    apiKey: "strict-api-key",
    appKey: "strict-app-key",
    monitors: () => [...double.state.monitors.values()],
    objects: (kind) => strictObjects(double, kind),
    events: () => double.state.events.map(({ body }) => body),
    copy: (kind, id, copies) => {
      const { monitors, dashboards, slos, downtimes, tagConfigs } = double.state;
      const stores = { monitors, dashboards, slos, downtimes, "metric-tags": tagConfigs };
      copyIn(stores[kind], kind, id, copies);
    },
    edit: (id, patch) => double.edit({ kind: "monitor", id, patch }),
    editObject: (kind, id, patch) => {
      const change = kind === "catalog" ? { schema: patch } : patch;
      double.edit({ kind: STRICT_KINDS[kind], id: strictId(kind, id), patch: change });
    },
    remove: (id) => double.edit({ kind: "monitor", id, delete: true }),
    removeObject: (kind, id) =>
      double.edit({ kind: STRICT_KINDS[kind], id: strictId(kind, id), delete: true }),
    fault: ({ method, path, kind, times, ...rest }) =>
      double.addFault({
        ...rest,
        kind: kind === "badJson" ? "badjson" : kind,
        times: times === Infinity ? -1 : (times ?? 1),
        match: { method, path: path?.source },
      }),
    clearFaults: async () => void (await fetch(`${url}/_admin/faults`, { method: "DELETE" })),
    addPoint: (name, at, tags) =>
      double.seed({ metrics: [{ name, type: "gauge", series: [{ tags, points: [[at, 1]] }] }] }),
    addIntegrationMetric: (name) =>
      double.seed({ metrics: [{ name, type: "gauge", integration: "disk", series: [] }] }),
    setReadLag: (ms) => {
      double.config.readLagMs = ms;
    },
    setTagDeleteLag: (ms) => {
      double.config.tagConfigDeleteLagMs = ms;
    },
    writes: () =>
      double.log.filter(({ method, path }) => method !== "GET" && !/\/(?:validate|events)$/.test(path))
        .length,
    requests: () => double.log.map(({ method, path, query }) => `${method} ${path}${query}`),
    traffic: () => double.log.map((call) => ({ ...call, status: call.status ?? "fault" })),
    violations: () =>
      double.log.flatMap(({ method, path, violations }) =>
        violations
          .filter(({ level }) => FORBIDDEN.has(level))
          .map(({ level, msg }) => `${level}: ${method} ${path}: ${msg}`),
      ),
    stop: () => double.close(),
  };
}

/** Monitors are kept by number. */
function strictId(kind: FakeKind, id: string): string | number {
  return kind === "monitors" ? Number(id) : id;
}

function strictObjects({ state }: StrictDouble, kind: FakeKind): readonly Fields[] {
  const stores: Readonly<Record<FakeKind, () => readonly Fields[]>> = {
    monitors: () => [...state.monitors.values()],
    dashboards: () => [...state.dashboards.values()],
    slos: () => [...state.slos.values()],
    "metric-tags": () => [...state.tagConfigs.values()],
    downtimes: () => [...state.downtimes.values()],
    catalog: () => [...state.entities.values()].map(({ schema }) => schema),
    evaluators: () => [],
  };
  return stores[kind]();
}

/** Ids are numbers, or texts as long as those of the kind are. */
function copyIn(
  store: Map<number, Fields> | Map<string, Fields>,
  kind: CopiedKind,
  id: string,
  copies: number,
): void {
  // One of the two, by its kind; a map of both can't be told from here.
  const objects = store as Map<number | string, Fields>;
  const original = objects.get(kind === "monitors" ? Number(id) : id);
  if (original === undefined) throw new Error(`there is no ${id} to copy`);
  for (let n = 1; n <= copies; n++) {
    const copy = kind === "monitors" ? Number(id) + n * 1_000 : id.slice(0, -6) + String(n).padStart(6, "0");
    objects.set(copy, { ...original, id: copy });
  }
}
