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
  /** As recorded from the real API. */
  readonly limit?: RateLimit;
  run(request: FakeRequest): FakeAnswer;
}

export interface RateLimit {
  readonly limit: number;
  readonly periodSeconds: number;
  readonly name?: string;
}

/** What the fake holds. Tests look at it, and change it as a person in the web interface would. */
export interface FakeWorld {
  orgId: number;
  readonly monitors: Map<number, StoredMonitor>;
  /** Who uses a monitor: an SLO or a composite, so that it can't be deleted. */
  readonly references: Map<number, string>;
  /** Points by metric. */
  readonly metrics: Map<string, Point[]>;
  nextId: number;
  /** The monitors as reads see them, if reads lag behind writes. */
  readable(): ReadonlyMap<number, StoredMonitor>;
}

export function errors(status: number, ...messages: readonly string[]): FakeAnswer {
  return { status, body: { errors: messages } };
}
