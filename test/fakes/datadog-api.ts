import type { LaggingMap } from "./lagging-map.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** What a person decides about a monitor, as it is stored. */
export interface MonitorContent {
  readonly type: string;
  readonly name: string;
  readonly query: string;
  readonly message: string;
  readonly tags: readonly string[];
  readonly priority: number | null;
  readonly options: Fields;
  readonly multi: boolean;
}

/** A monitor as the API returns it. */
export interface StoredMonitor extends MonitorContent {
  readonly id: number;
  readonly org_id: number;
  readonly [field: string]: unknown;
}

/** A value at a time, in seconds since 1970, with its tags. */
export interface Point {
  readonly at: number;
  readonly value: number;
  readonly tags?: readonly string[];
}

/** What an operation answers. A body of undefined is an empty one. */
export interface FakeAnswer {
  readonly status: number;
  readonly body?: unknown;
}

export interface FakeRequest {
  readonly world: FakeWorld;
  readonly query: URLSearchParams;
  /** The capture groups of the route's path. */
  readonly params: readonly string[];
  /** Parsed JSON, `{}` without a body. */
  readonly body: Fields;
}

/** One operation of the API. More kinds of objects are more routes. */
export interface Route {
  readonly method: string;
  readonly path: RegExp;
  /** The permission that the application key needs; none if only the API key counts. */
  readonly permission?: string;
  /** True if any application key will do. */
  readonly needsAppKey?: boolean;
  /** As recorded from the real API. */
  readonly limit?: RateLimit;
  run(request: FakeRequest): FakeAnswer;
}

export interface RateLimit {
  readonly limit: number;
  readonly periodSeconds: number;
  readonly name?: string;
}

/** An object of any kind but monitors, as the API returns it. */
export type StoredObject = Fields & { readonly id: string };

/** An entity of the Software Catalog. */
export interface StoredEntity {
  readonly id: string;
  /** `service:default/ray` */
  readonly ref: string;
  /** Its definition of version 3. */
  readonly schema: Fields;
}

/** What the fake holds. Tests look at it, and change it as a person in the web interface would. */
export interface FakeWorld {
  orgId: number;
  readonly monitors: LaggingMap<number, StoredMonitor>;
  readonly dashboards: LaggingMap<string, StoredObject>;
  readonly slos: LaggingMap<string, StoredObject>;
  /** By metric. */
  readonly tagConfigs: Map<string, StoredObject>;
  readonly downtimes: Map<string, StoredObject>;
  /** By ref. */
  readonly entities: Map<string, StoredEntity>;
  /** Evaluators of LLM Observability, by name. */
  readonly evaluators: Map<string, StoredObject>;
  /** Posted events of both versions, as they were sent. */
  readonly events: Fields[];
  /** Who uses a monitor besides the SLOs and composites that stand here, so that it can't be deleted. */
  readonly references: Map<number, string>;
  /** Points by metric. */
  readonly metrics: Map<string, Point[]>;
  /** What a metric is. A gauge if it isn't here. */
  readonly metricTypes: Map<string, string>;
  /** Units of metrics, in Datadog's words; a metric that isn't here has none. */
  readonly metricUnits: Map<string, string>;
  /** Metrics of Datadog's own integrations: their tags can't be configured. */
  readonly integrationMetrics: Set<string>;
  /** Tag configurations that were deleted lately: for a while they can be read, and stand in the way of new ones. */
  readonly deletedTagConfigs: Map<string, { readonly at: number; readonly object: StoredObject }>;
  tagDeleteLagMs: number;
  nextId: number;
  /** A new id of hexadecimal digits, as SLOs have it; the same in every run. */
  newHex(digits: number): string;
}

/** Messages are texts, or objects where Datadog says more. */
export function errors(status: number, ...messages: readonly (string | Fields)[]): FakeAnswer {
  return { status, body: { errors: messages } };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

/** As Datadog writes most of its times: microseconds and the zone. */
export function timestamp(ms: number = Date.now()): string {
  return new Date(ms).toISOString().replace("Z", "000+00:00");
}

let writesSoFar = 0;

/** The same with microseconds, so that two writes hardly ever have the same. */
export function preciseTimestamp(): string {
  writesSoFar = (writesSoFar + 1) % 1_000;
  return timestamp().replace("000+", `${String(writesSoFar).padStart(3, "0")}+`);
}

/** A set comes back in another order than it was sent. */
export function reordered(values: readonly string[]): readonly string[] {
  return [...new Set(values)].toReversed();
}

/** Changes an object as RFC 7396 says: objects are merged, null takes a field away. */
export function merged(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const result: Record<string, unknown> = { ...fieldsOf(target) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}
