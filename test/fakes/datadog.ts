import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import {
  errors,
  type FakeAnswer,
  type FakeRequest,
  type FakeWorld,
  type RateLimit,
  type Route,
  type StoredMonitor,
} from "./datadog-api.ts";
import { metricRoutes } from "./datadog-metrics.ts";
import { monitorRoutes } from "./datadog-monitors.ts";

export interface Fault {
  readonly method?: string;
  readonly path?: RegExp;
  readonly kind: "status" | "html" | "badJson" | "truncate" | "reset" | "hang";
  /** 500 if absent. For `status` and `html`. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** For `status`; an error if absent. */
  readonly body?: unknown;
  /** True if the request takes effect before the fault strikes. */
  readonly after?: boolean;
  /** 1 if absent; Infinity for always. */
  readonly times?: number;
}

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly status: number | Fault["kind"];
  readonly body: Readonly<Record<string, unknown>>;
}

export interface FakeDatadogOptions {
  /** A free one if absent. Always on 127.0.0.1. */
  readonly port?: number;
  readonly orgId?: number;
  readonly apiKey?: string;
  readonly appKey?: string;
  /** What the application key may do. Everything if absent. */
  readonly permissions?: readonly string[];
  /** Takes the place of every route's own limit. */
  readonly limit?: RateLimit;
  /** Reads show a write only after so long. */
  readonly readLagMs?: number;
  readonly routes?: readonly Route[];
}

export interface FakeDatadog extends FakeWorld {
  readonly url: string;
  readonly apiKey: string;
  readonly appKey: string;
  readonly log: LoggedRequest[];
  /** POST, PUT and DELETE that reached the API, validations not counted. */
  readonly writes: number;
  fault(fault: Fault): void;
  /** A person edits a monitor: fields replace, options are merged. */
  edit(id: number, patch: Readonly<Record<string, unknown>>): void;
  /** A person deletes a monitor. */
  remove(id: number): void;
  /** Puts a monitor there as if a person had made it; the id is returned. */
  add(monitor: Readonly<Record<string, unknown>>): number;
  setReadLag(ms: number): void;
  stop(): Promise<void>;
}

/** Starts a small stateful Datadog on 127.0.0.1. It stores, normalises and refuses as the real one was recorded to do. */
export async function startFakeDatadog(options: FakeDatadogOptions = {}): Promise<FakeDatadog> {
  const { apiKey = "fake-api-key", appKey = "fake-app-key" } = options;
  const routes = [...monitorRoutes, ...metricRoutes, ...(options.routes ?? [])];
  const log: LoggedRequest[] = [];
  const faults: { fault: Fault; left: number }[] = [];
  const used = new Map<Route, { window: number; calls: number }>();
  const lag = new ReadLag(options.readLagMs ?? 0);
  const world: FakeWorld = {
    orgId: options.orgId ?? 321_813,
    monitors: lag.monitors,
    references: new Map(),
    metrics: new Map(),
    nextId: 100_001,
    readable: () => lag.readable(),
  };

  const server = createServer((request, response) => {
    void handle(request, response);
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const method = request.method ?? "GET";
    const { body, isJson } = await readBody(request);
    const logged = { method, path: url.pathname, query: url.search, body };
    const fault = takeFault(faults, method, url.pathname);
    if (fault !== undefined && fault.after !== true) {
      log.push({ ...logged, status: fault.kind });
      strike(fault, request, response, undefined);
      return;
    }
    const headers: Record<string, string> = {};
    const answer = isJson ? answerTo(request, url, body, headers) : errors(400, "Invalid JSON");
    log.push({ ...logged, status: fault?.kind ?? answer.status });
    if (fault !== undefined) strike(fault, request, response, answer);
    else send(response, answer, headers);
  }

  function answerTo(
    request: IncomingMessage,
    url: URL,
    body: FakeRequest["body"],
    headers: Record<string, string>,
  ): FakeAnswer {
    const found = match(routes, request.method ?? "GET", url.pathname);
    if (found === undefined) return errors(404, "Not found");
    const { route, params } = found;
    if (request.headers["dd-api-key"] === undefined) {
      return errors(403, route.permission === undefined ? "API key required" : "Forbidden");
    }
    if (request.headers["dd-api-key"] !== apiKey) return errors(403, "Forbidden");
    if (route.permission !== undefined) {
      if (request.headers["dd-application-key"] !== appKey) return errors(403, "Forbidden");
      if (options.permissions?.includes(route.permission) === false) return errors(403, "Forbidden");
    }
    const limit = options.limit ?? route.limit;
    if (limit !== undefined && isOverLimit(used, route, limit, headers)) {
      return errors(
        429,
        `Rate limit of ${limit.limit} requests in ${limit.periodSeconds} seconds reached. Please try again later.`,
      );
    }
    return route.run({ world, query: url.searchParams, params, body });
  }

  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });

  return Object.defineProperties(world as FakeDatadog, {
    ...valuesOf({
      url: `http://127.0.0.1:${port}`,
      apiKey,
      appKey,
      log,
      fault: (fault: Fault) => faults.push({ fault, left: fault.times ?? 1 }),
      edit: (id: number, patch: Readonly<Record<string, unknown>>) => editMonitor(world, id, patch),
      remove: (id: number) => world.monitors.delete(id),
      add: (monitor: Readonly<Record<string, unknown>>) => addMonitor(world, monitor),
      setReadLag: (ms: number) => {
        lag.ms = ms;
      },
      stop: () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    }),
    writes: { get: () => log.filter(isWrite).length, enumerable: true },
  });
}

function valuesOf(fields: Readonly<Record<string, unknown>>): PropertyDescriptorMap {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, { value, enumerable: true }]),
  );
}

function isWrite({ method, path }: LoggedRequest): boolean {
  return method !== "GET" && !path.endsWith("/validate");
}

function match(routes: readonly Route[], method: string, path: string) {
  for (const route of routes) {
    const found = route.method === method ? route.path.exec(path) : null;
    if (found !== null) return { route, params: found.slice(1) };
  }
  return undefined;
}

/** Counts a call; windows are aligned to the clock, as Datadog's are. */
function isOverLimit(
  used: Map<Route, { window: number; calls: number }>,
  route: Route,
  { limit, periodSeconds, name }: RateLimit,
  headers: Record<string, string>,
): boolean {
  const now = Date.now() / 1_000;
  const window = Math.floor(now / periodSeconds);
  const before = used.get(route);
  const calls = (before?.window === window ? before.calls : 0) + 1;
  used.set(route, { window, calls });
  headers["x-ratelimit-limit"] = String(limit);
  headers["x-ratelimit-period"] = String(periodSeconds);
  headers["x-ratelimit-remaining"] = String(Math.max(0, limit - calls));
  headers["x-ratelimit-reset"] = String(Math.max(1, Math.ceil((window + 1) * periodSeconds - now)));
  if (name !== undefined) headers["x-ratelimit-name"] = name;
  return calls > limit;
}

function takeFault(
  faults: { fault: Fault; left: number }[],
  method: string,
  path: string,
): Fault | undefined {
  const found = faults.find(
    ({ fault, left }) =>
      left > 0 && (fault.method ?? method) === method && (fault.path === undefined || fault.path.test(path)),
  );
  if (found === undefined) return undefined;
  found.left -= 1;
  return found.fault;
}

const PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";

function strike(
  fault: Fault,
  request: IncomingMessage,
  response: ServerResponse,
  answer: FakeAnswer | undefined,
): void {
  const status = fault.status ?? 500;
  const headers = { "content-type": "application/json", ...fault.headers };
  switch (fault.kind) {
    case "status":
      send(response, { status, body: fault.body ?? errors(status, "Error").body }, { ...fault.headers });
      return;
    case "html":
      response.writeHead(fault.status ?? 502, { "content-type": "text/html" }).end(PAGE);
      return;
    case "badJson":
      response.writeHead(200, headers).end('{"id": 1, "name": "cut');
      return;
    case "truncate": {
      const text = JSON.stringify(answer?.body ?? { errors: ["x".repeat(200)] });
      response.writeHead(200, { ...headers, "content-length": Buffer.byteLength(text) });
      response.write(text.slice(0, text.length / 2), () => request.socket.destroy());
      return;
    }
    case "reset":
      request.socket.resetAndDestroy();
      return;
    case "hang":
      return; // Never answered: the caller gives up, or `stop` ends the connection.
  }
}

function send(response: ServerResponse, answer: FakeAnswer, headers: Readonly<Record<string, string>>): void {
  const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
  response.writeHead(answer.status, { "content-type": "application/json", ...headers }).end(text);
}

async function readBody(request: IncomingMessage) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString("utf8");
  try {
    return { body: (text === "" ? {} : JSON.parse(text)) as FakeRequest["body"], isJson: true };
  } catch {
    return { body: {}, isJson: false };
  }
}

function editMonitor(world: FakeWorld, id: number, patch: Readonly<Record<string, unknown>>): void {
  const monitor = world.monitors.get(id);
  if (monitor === undefined) throw new Error(`there is no monitor ${id} to edit`);
  const options = { ...monitor.options, ...(patch["options"] as object | undefined) };
  world.monitors.set(id, { ...monitor, ...patch, options });
}

function addMonitor(world: FakeWorld, monitor: Readonly<Record<string, unknown>>): number {
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
  const options = { silenced: {}, ...(monitor["options"] as object | undefined) };
  world.monitors.set(id, {
    ...defaults,
    ...monitor,
    id,
    options,
  });
  return id;
}

/** Monitors that remember for a while how they were, so that reads can lag behind writes. */
class ReadLag {
  ms: number;
  readonly monitors: Map<number, StoredMonitor>;
  readonly #before = new Map<number, { at: number; monitor: StoredMonitor | undefined }>();

  constructor(ms: number) {
    this.ms = ms;
    const remember = (id: number) => this.#remember(id);
    this.monitors = new (class extends Map<number, StoredMonitor> {
      override set(id: number, monitor: StoredMonitor): this {
        remember(id);
        return super.set(id, monitor);
      }
      override delete(id: number): boolean {
        remember(id);
        return super.delete(id);
      }
    })();
  }

  #remember(id: number): void {
    if (!this.#before.has(id)) this.#before.set(id, { at: Date.now(), monitor: this.monitors.get(id) });
  }

  readable(): ReadonlyMap<number, StoredMonitor> {
    const view = new Map(this.monitors);
    for (const [id, { at, monitor }] of this.#before) {
      if (Date.now() - at >= this.ms) this.#before.delete(id);
      else if (monitor === undefined) view.delete(id);
      else view.set(id, monitor);
    }
    return view;
  }
}
