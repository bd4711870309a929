import fetch from "node-fetch";
import { z } from "zod";

import { ApiError } from "./errors.ts";

/** One running instance of a check, as the Agent counts it. */
export interface AgentCheck {
  /** Changes whenever the instance's configuration does: `ray:d884b5186b651429`. */
  readonly id: string;
  readonly check: string;
  /** Path of the file that configured it, as the Agent sees it; `""` if it came from elsewhere. */
  readonly file: string;
  readonly runs: number;
  readonly errors: number;
  /** What the last run failed with; `""` if it succeeded. */
  readonly lastError: string;
  readonly warnings: readonly string[];
  /** End of the last run, ms since the epoch, a whole second. 0 before the first. */
  readonly updatedAtMs: number;
  /** 0 if the Agent doesn't say. */
  readonly intervalMs: number;
  /** Of the last run. */
  readonly metricSamples: number;
}

export interface AgentState {
  readonly checks: readonly AgentCheck[];
  /** What the Agent could not load, by check name: files that don't parse, unknown checks, configurations that a check refuses. */
  readonly rejections: ReadonlyMap<string, readonly string[]>;
}

const TIMEOUT_MS = 3_000;
/** About 2 KB per instance: enough for 30,000 of them. */
const MAX_BYTES = 64 * 1024 * 1024;

const record = z.record(z.string(), z.unknown()).catch({});
const count = z.number().catch(0);
const checkStats = z.object({
  CheckName: z.string().catch(""),
  CheckConfigSource: z.string().catch(""),
  TotalRuns: count,
  TotalErrors: count,
  LastError: z.string().catch(""),
  LastWarnings: z.array(z.unknown()).catch([]),
  UpdateTimestamp: count,
  Interval: count,
  MetricSamples: count,
});
// What is absent or of another shape in some Agent version must not hide the rest.
const expvar = z.object({
  runner: z.object({ Checks: record }).catch({ Checks: {} }),
  autoconfig: z.object({ ConfigErrors: record }).catch({ ConfigErrors: {} }),
  CheckScheduler: z.object({ LoaderErrors: record }).catch({ LoaderErrors: {} }),
  pyLoader: z.object({ ConfigureErrors: record }).catch({ ConfigureErrors: {} }),
});

/**
 * Reads what the Agent says of its checks.
 *
 * @param url Base of the expvar server, such as `http://127.0.0.1:5000`.
 * @throws {ApiError} `unavailable` with what to do if it cannot be had.
 * @see https://docs.datadoghq.com/agent/configuration/network/ (`expvar_port`)
 */
export async function readAgent(url: string, signal: AbortSignal): Promise<AgentState> {
  const target = new URL("/debug/vars", url);
  const tried = `read the Agent's state at ${target.origin}${target.pathname}`;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let json: unknown;
  try {
    const response = await fetch(target, { signal: limited, size: MAX_BYTES, redirect: "error" });
    if (response.headers.get("server")?.startsWith("AirTunes") === true)
      throw airPlay(tried, response.status);
    if (!response.ok) {
      throw new ApiError(tried, `${response.status} ${response.statusText}`, {
        failure: "unavailable",
        status: response.status,
        hint: HINT,
      });
    }
    json = await response.json();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError) throw error;
    const answer = limited.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : messageOf(error);
    throw new ApiError(tried, answer, { failure: "unavailable", hint: HINT, cause: error });
  }
  return parseAgent(json, tried);
}

const HINT =
  "Check that the Agent runs and that its expvar_port is the one that DD_OBSERVE_AGENT_URL names (5000 by default).";

function airPlay(tried: string, status: number): ApiError {
  return new ApiError(tried, `${status} from AirPlay, not from the Agent`, {
    failure: "unavailable",
    status,
    hint: "macOS's AirPlay receiver holds port 5000. Switch it off, or set expvar_port in datadog.yaml and DD_OBSERVE_AGENT_URL to another port.",
  });
}

function parseAgent(json: unknown, tried: string): AgentState {
  const parsed = expvar.safeParse(json);
  if (!parsed.success || !isRecord(json) || !("runner" in json || "autoconfig" in json)) {
    throw new ApiError(tried, "an answer that is not the Agent's", { failure: "unavailable", hint: HINT });
  }
  const { runner, autoconfig, CheckScheduler, pyLoader } = parsed.data;
  const checks: AgentCheck[] = [];
  for (const [check, instances] of Object.entries(runner.Checks)) {
    if (!isRecord(instances)) continue;
    for (const [id, stats] of Object.entries(instances)) {
      const instance = checkStats.safeParse(stats);
      if (instance.success) checks.push(toCheck(id, check, instance.data));
    }
  }
  const rejections = new Map<string, string[]>();
  for (const errors of [autoconfig.ConfigErrors, CheckScheduler.LoaderErrors, pyLoader.ConfigureErrors]) {
    for (const [check, found] of Object.entries(errors)) {
      const texts = textsIn(found);
      if (texts.length > 0) rejections.set(check, [...(rejections.get(check) ?? []), ...texts]);
    }
  }
  return { checks, rejections };
}

function toCheck(id: string, check: string, stats: z.output<typeof checkStats>): AgentCheck {
  return {
    id,
    check: stats.CheckName === "" ? check : stats.CheckName,
    file: filePath(stats.CheckConfigSource),
    runs: stats.TotalRuns,
    errors: stats.TotalErrors,
    lastError: lastErrorText(stats.LastError),
    warnings: stats.LastWarnings.flatMap(textsIn),
    updatedAtMs: stats.UpdateTimestamp * 1000,
    intervalMs: stats.Interval / 1e6,
    metricSamples: stats.MetricSamples,
  };
}

/** `file:/etc/datadog-agent/conf.d/ray.d/conf.yaml[0]` (newer Agents name the instance) → the path. */
function filePath(source: string): string {
  return source.startsWith("file:") ? source.slice("file:".length).replace(/\[\d+\]$/, "") : "";
}

/** Python checks give a JSON list of `{message, traceback}`, others a plain text. */
function lastErrorText(text: string): string {
  if (!text.startsWith("[")) return text;
  try {
    const found = z.array(z.object({ message: z.string() })).safeParse(JSON.parse(text));
    return found.success ? found.data.map(({ message }) => message).join("; ") : text;
  } catch {
    return text; // Not JSON after all: a text that begins with a bracket.
  }
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isRecord(value) ? Object.values(value).flatMap(textsIn) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^request to \S+ failed, reason: /, "") || "connection failed";
}
