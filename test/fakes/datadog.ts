import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import {
  errors,
  type FakeAnswer,
  type FakeRequest,
  type FakeWorld,
  type Fields,
  type RateLimit,
  type Route,
} from "./datadog-api.ts";
import { catalogRoutes } from "./datadog-catalog.ts";
import { dashboardRoutes } from "./datadog-dashboards.ts";
import { downtimeRoutes } from "./datadog-downtimes.ts";
import { eventRoutes } from "./datadog-events.ts";
import { isOverLimit, send, strike, takeFault, type Fault } from "./datadog-faults.ts";
import { evaluatorRoutes } from "./datadog-evaluators.ts";
import { metricTagsRoutes } from "./datadog-metric-tags.ts";
import { metricRoutes } from "./datadog-metrics.ts";
import { monitorRoutes } from "./datadog-monitors.ts";
import { sloRoutes } from "./datadog-slos.ts";
import { addMonitor, KINDS, makeWorld, type FakeKind } from "./datadog-world.ts";

export type { Fault } from "./datadog-faults.ts";
export type { FakeKind } from "./datadog-world.ts";

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly status: number | Fault["kind"];
  readonly body: Readonly<Record<string, unknown>>;
  /** Milliseconds, as from `Date.now()`. */
  readonly at: number;
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
  /** An answer takes so long, as from far away. */
  readonly latencyMs?: number;
  readonly routes?: readonly Route[];
}

export interface FakeDatadog extends FakeWorld {
  readonly url: string;
  readonly apiKey: string;
  readonly appKey: string;
  readonly log: LoggedRequest[];
  /** POST, PUT, PATCH and DELETE that reached the API. Validations and posted events are not counted. */
  readonly writes: number;
  fault(fault: Fault): void;
  /** What has not struck yet will not. */
  clearFaults(): void;
  /** Every object of a kind, as the API returns it; canceled downtimes too. */
  objects(kind: FakeKind): readonly Fields[];
  /** A person edits a monitor: fields replace, options are merged. */
  edit(id: number, patch: Fields): void;
  /** A person edits any object: objects in it are merged, null takes a field away. */
  edit(kind: FakeKind, id: string | number, patch: Fields): void;
  /** A person deletes a monitor, or any object. */
  remove(id: number): void;
  remove(kind: FakeKind, id: string | number): void;
  /** Puts a monitor, or any object, there as if a person had made it; the id is returned. */
  add(monitor: Fields): number;
  add(kind: FakeKind, body: Fields): string;
  setReadLag(ms: number): void;
  stop(): Promise<void>;
}

const ROUTES = [
  ...monitorRoutes,
  ...dashboardRoutes,
  ...sloRoutes,
  ...metricTagsRoutes,
  ...downtimeRoutes,
  ...catalogRoutes,
  ...evaluatorRoutes,
  ...eventRoutes,
  ...metricRoutes,
];

/** Starts a small stateful Datadog on 127.0.0.1. It stores, normalises and refuses as the real one was recorded to do. */
export async function startFakeDatadog(options: FakeDatadogOptions = {}): Promise<FakeDatadog> {
  const { apiKey = "fake-api-key", appKey = "fake-app-key" } = options;
  const routes = [...ROUTES, ...(options.routes ?? [])];
  const log: LoggedRequest[] = [];
  const faults: { fault: Fault; left: number }[] = [];
  const used = new Map<Route, { window: number; calls: number }>();
  const lag = { ms: options.readLagMs ?? 0 };
  const world = makeWorld({ orgId: options.orgId ?? 321_813, lag });

  const server = createServer((request, response) => {
    void handle(request, response);
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const method = request.method ?? "GET";
    const { body, isJson } = await readBody(request);
    const logged = { method, path: url.pathname, query: url.search, body, at: Date.now() };
    const fault = takeFault(faults, method, url.pathname);
    if (fault !== undefined && fault.after !== true) {
      log.push({ ...logged, status: fault.kind });
      strike(fault, request, response, undefined);
      return;
    }
    const headers: Record<string, string> = {};
    const answer = isJson ? answerTo(request, url, body, headers) : errors(400, "Invalid JSON");
    log.push({ ...logged, status: fault?.kind ?? answer.status });
    if (options.latencyMs !== undefined) await sleep(options.latencyMs);
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
    if (route.permission !== undefined || route.needsAppKey === true) {
      const appKeySent = request.headers["dd-application-key"];
      // Recorded of metrics alone.
      if (appKeySent === undefined && url.pathname.startsWith("/api/v2/metrics")) {
        return errors(401, "Unauthorized");
      }
      if (appKeySent !== appKey) return errors(403, "Forbidden");
    }
    if (route.permission !== undefined && options.permissions?.includes(route.permission) === false) {
      return errors(403, "Forbidden");
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
      clearFaults: () => void faults.splice(0),
      objects: (kind: FakeKind) => KINDS[kind].list(world),
      edit: (...args: [number, Fields] | [FakeKind, string | number, Fields]) => {
        const [kind, id, patch] = args.length === 2 ? (["monitors", ...args] as const) : args;
        KINDS[kind].edit(world, String(id), patch);
      },
      remove: (...args: [number] | [FakeKind, string | number]) => {
        const [kind, id] = args.length === 1 ? (["monitors", ...args] as const) : args;
        KINDS[kind].remove(world, String(id));
      },
      add: (...args: [Fields] | [FakeKind, Fields]) =>
        args.length === 1 ? addMonitor(world, ...args) : KINDS[args[0]].add(world, args[1]),
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
  return method !== "GET" && !path.endsWith("/validate") && !path.endsWith("/events");
}

function match(routes: readonly Route[], method: string, path: string) {
  for (const route of routes) {
    const found = route.method === method ? route.path.exec(path) : null;
    if (found !== null) return { route, params: found.slice(1).map(decodeURIComponent) };
  }
  return undefined;
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
