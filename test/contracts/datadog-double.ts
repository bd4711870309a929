import { existsSync } from "node:fs";

import type { RateLimit } from "../fakes/datadog-api.ts";
import { startFakeDatadog, type Fault } from "../fakes/datadog.ts";

/** What the contract needs of a stand-in for Datadog, whoever wrote it. */
export interface DatadogDouble {
  readonly url: string;
  readonly apiKey: string;
  readonly appKey: string;
  monitors(): readonly Readonly<Record<string, unknown>>[];
  /** A person edits a monitor. */
  edit(id: number, patch: object): void;
  /** A person deletes a monitor. */
  remove(id: number): void;
  fault(fault: Fault): void;
  /** A metric arrives: one value at one time, in seconds. */
  addPoint(metric: string, atSeconds: number, tags: readonly string[]): void;
  setReadLag(ms: number): void;
  writes(): number;
  /** What the requests broke of the published API. */
  violations(): readonly string[];
  stop(): Promise<void>;
}

export interface DoubleOptions {
  readonly permissions?: readonly string[];
  /** Takes the place of the recorded limits; for the own fake alone. */
  readonly limit?: RateLimit;
}

export async function ownFake(options: DoubleOptions = {}): Promise<DatadogDouble> {
  const fake = await startFakeDatadog(options);
  return {
    url: fake.url,
    apiKey: fake.apiKey,
    appKey: fake.appKey,
    monitors: () => [...fake.monitors.values()],
    edit: (id, patch) => fake.edit(id, { ...patch }),
    remove: (id) => fake.remove(id),
    fault: (fault) => fake.fault(fault),
    addPoint: (metric, at, tags) => fake.metrics.set(metric, [{ at, value: 1, tags }]),
    setReadLag: (ms) => fake.setReadLag(ms),
    writes: () => fake.writes,
    violations: () => [],
    stop: () => fake.stop(),
  };
}

const STRICT = new URL("../../../shared/ddapi/server.mjs", import.meta.url);

/** True where the strict double, which checks every request against the published API, lies beside the repository. */
export const hasStrictDouble = existsSync(STRICT);

interface StrictDouble {
  readonly state: { monitors: Map<number, Readonly<Record<string, unknown>>> };
  readonly log: readonly {
    method: string;
    path: string;
    violations: readonly { level: string; msg: string }[];
  }[];
  readonly config: { readLagMs: number };
  addFault(fault: object): void;
  edit(change: object): unknown;
  seed(content: object): unknown;
  listen(): Promise<string>;
  close(): Promise<void>;
}

/** Levels of the double's log that would be a fault of ours. */
const FORBIDDEN = new Set(["error", "unknown", "query"]);

export async function strictDouble({ permissions }: DoubleOptions = {}): Promise<DatadogDouble> {
  const { createDouble } = (await import(STRICT.href)) as { createDouble: (options: object) => StrictDouble };
  const double = createDouble({
    apiKeys: ["strict-api-key"],
    appKeys: { "strict-app-key": permissions ?? "*" },
  });
  const url = await double.listen();
  return {
    url,
    apiKey: "strict-api-key",
    appKey: "strict-app-key",
    monitors: () => [...double.state.monitors.values()],
    edit: (id, patch) => double.edit({ kind: "monitor", id, patch }),
    remove: (id) => double.edit({ kind: "monitor", id, delete: true }),
    fault: ({ method, path, kind, times, ...rest }) =>
      double.addFault({
        ...rest,
        kind: kind === "badJson" ? "badjson" : kind,
        times: times === Infinity ? -1 : (times ?? 1),
        match: { method, path: path?.source },
      }),
    addPoint: (name, at, tags) =>
      double.seed({ metrics: [{ name, type: "gauge", series: [{ tags, points: [[at, 1]] }] }] }),
    setReadLag: (ms) => {
      double.config.readLagMs = ms;
    },
    writes: () =>
      double.log.filter(({ method, path }) => method !== "GET" && !path.endsWith("/validate")).length,
    violations: () =>
      double.log.flatMap(({ method, path, violations }) =>
        violations
          .filter(({ level }) => FORBIDDEN.has(level))
          .map(({ level, msg }) => `${level}: ${method} ${path}: ${msg}`),
      ),
    stop: () => double.close(),
  };
}
