import { parse } from "yaml";

import type { AgentCheck, AgentState } from "../../clients/agent.ts";
import type { Condition } from "../../engine/status/status.ts";
import type { FileRecord } from "./record.ts";
import type { Reload } from "./reload.ts";

export const AGENT_LOADED = "AgentLoaded";

/** What is known of the reload when files are judged. */
export interface ReloadState {
  readonly kind: Reload["kind"];
  /** Start of the last reload that succeeded, ms. 0 if none. */
  readonly reloadedAtMs: number;
  /** Why the last one failed; `""` if it didn't. */
  readonly failure: string;
}

export interface Evidence {
  /** Relative to conf.d. */
  readonly path: string;
  readonly record: FileRecord;
  /** The instances that the Agent runs from this file. */
  readonly instances: readonly AgentCheck[];
  /** What the Agent says against the check of this file. */
  readonly complaints: readonly string[];
  /** True if no other file of this check is waiting to be loaded, so that new complaints are about this one. */
  readonly isOnlySuspect: boolean;
  readonly reload: ReloadState;
  readonly nowMs: number;
}

export interface Verdict {
  readonly condition: Condition;
  /** True if the Agent runs the text that stands there. */
  readonly loaded: boolean;
  /** Ids of its instances if all of them ran without error. */
  readonly good?: readonly string[];
  /**
   * Why the text may have to be taken back. `configuration`: the Agent refuses the text itself.
   * `run`: it failed in every one of its runs, of which there were two or more.
   */
  readonly suspect?: "configuration" | "run";
}

/** The Agent polls every 60 s and caches for almost as long; after this, what runs is what stands there. */
const SETTLED_AFTER_MS = 150_000;
/** An Agent that was restarted is up by then. */
const RESTARTED_AFTER_MS = 60_000;
const MAX_TEXT = 300;

/** Instances by the file they come from: the last two segments, since a container sees conf.d elsewhere. */
export function instancesByFile(state: AgentState): ReadonlyMap<string, readonly AgentCheck[]> {
  const byFile = new Map<string, AgentCheck[]>();
  for (const check of state.checks) {
    if (check.file === "") continue;
    const path = check.file.split(/[/\\]/).slice(-2).join("/");
    const found = byFile.get(path);
    if (found === undefined) byFile.set(path, [check]);
    else found.push(check);
  }
  return byFile;
}

/** Decides from the Agent's words whether one file works. Pure. */
export function judge(evidence: Evidence): Verdict {
  const { path, record, instances, complaints, isOnlySuspect } = evidence;
  const current = instances.filter((instance) => isCurrent(instance, evidence));
  if (current.length > 0) return judgeRuns(current, path);

  const news = complaints.filter((text) => !record.complaintsBefore.includes(text));
  const relevant = isSettled(evidence) ? complaints : news;
  if (relevant.length > 0) {
    const isAboutUs = news.length > 0 && (isOnlySuspect || news.some((text) => text.includes(path)));
    return {
      condition: failed("ConfigRejected", `The Agent doesn't load ${path}: ${bounded(relevant.join("; "))}`),
      loaded: false,
      ...(isAboutUs ? { suspect: "configuration" } : {}),
    };
  }
  return { condition: unknown("WaitingForAgent", waitingMessage(evidence)), loaded: false };
}

function judgeRuns(current: readonly AgentCheck[], path: string): Verdict {
  const failing = current.filter((instance) => instance.lastError !== "");
  if (failing.length === 0) {
    const count = current.length === 1 ? "1 instance" : `${current.length} instances`;
    return {
      condition: {
        type: AGENT_LOADED,
        status: "True",
        reason: "Running",
        message: `The Agent runs ${path} without error (${count})`,
      },
      loaded: true,
      good: current.map(({ id }) => id),
    };
  }
  const refused = failing.find(({ lastError }) => isConfigurationError(lastError));
  if (refused !== undefined) {
    return {
      condition: failed("ConfigRejected", `The check refuses ${path}: ${bounded(refused.lastError)}`),
      loaded: true,
      suspect: "configuration",
    };
  }
  const [first] = failing;
  const share = current.length === 1 ? "" : `${failing.length} of ${current.length} instances: `;
  const isConsistent = failing.some(
    ({ runs, errors, lastError }) => runs >= 2 && errors >= runs && !isUnreachable(lastError),
  );
  return {
    condition: failed("CheckFailing", `${share}${bounded(first!.lastError)}. ${advice(first!.lastError)}`),
    loaded: true,
    ...(isConsistent ? { suspect: "run" } : {}),
  };
}

/** The condition while a text is taken back and its predecessor stands there. */
export function rolledBack(path: string, { reason }: NonNullable<FileRecord["rejected"]>): Condition {
  return failed(
    "RolledBack",
    `The last good ${path} stands again, since the new one failed: ${reason}. Change the wish; to try the same again, remove ${path}.last-good`,
  );
}

export function unreachable(message: string): Condition {
  return unknown("AgentUnreachable", message);
}

/**
 * True if the endpoints of two texts are the same, so that a failing check is the text's fault.
 * A text that cannot be read has endpoints that nobody knows.
 */
export function sameEndpoints(one: string, other: string): boolean {
  const [a, b] = [endpointsOf(one), endpointsOf(other)];
  return a !== undefined && b !== undefined && a === b;
}

function endpointsOf(text: string): string | undefined {
  try {
    const { instances } = parse(text) as { instances?: readonly Record<string, unknown>[] };
    return JSON.stringify(
      (instances ?? [])
        .map(({ openmetrics_endpoint, prometheus_url, url }) => [openmetrics_endpoint, prometheus_url, url])
        .map((endpoint) => JSON.stringify(endpoint))
        .sort(),
    );
  } catch {
    return undefined; // Not YAML, or not ours to read.
  }
}

/** Says whether an instance runs the text that stands there, or still the one before. */
function isCurrent(instance: AgentCheck, evidence: Evidence): boolean {
  const { record } = evidence;
  if (instance.runs === 0) return false;
  if (record.loaded) return true;
  if (instance.updatedAtMs < secondOf(record.writtenAt)) return false;
  if (isSettled(evidence)) return true;
  // An id follows from the configuration, so that a text which ran before is known by its ids.
  if (record.good?.hash === record.hash && record.good.ids.includes(instance.id)) return true;
  if (record.before === undefined) {
    if (record.good?.ids.includes(instance.id) === true) return false;
    const firstRunMs = instance.updatedAtMs - (instance.runs - 1) * instance.intervalMs;
    // Over many runs the estimate drifts: the interval is only a lower bound.
    return instance.runs <= 20 && firstRunMs >= secondOf(record.writtenAt);
  }
  const runsBefore = record.before[instance.id];
  // Fewer runs than before: the Agent was restarted, so it has read the file anew.
  return runsBefore === undefined || instance.runs < runsBefore;
}

/** The Agent counts whole seconds: what it did in the second of a write may have come after it. */
function secondOf(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

/** True if the Agent has had every occasion to read the file, so that what it runs is what stands there. */
function isSettled({ record, reload, nowMs }: Evidence): boolean {
  if (record.loaded) return true;
  if (reload.kind === "poll") return nowMs - record.writtenAt > SETTLED_AFTER_MS;
  return reload.reloadedAtMs >= record.writtenAt && nowMs - reload.reloadedAtMs > RESTARTED_AFTER_MS;
}

function waitingMessage({ path, reload, record, nowMs }: Evidence): string {
  if (reload.kind === "none")
    return `The Agent has not loaded ${path} yet. Restart the Agent, or set autoconf_config_files_poll: true in datadog.yaml and DD_OBSERVE_AGENT_RELOAD=poll`;
  if (reload.kind === "poll") {
    return nowMs - record.writtenAt > SETTLED_AFTER_MS
      ? `The Agent should have loaded ${path} by now. Check that autoconf_config_files_poll is true in datadog.yaml and that its confd_path is this folder`
      : `The Agent polls its files; it takes up to 60 s to load ${path} (autoconf_config_files_poll_interval)`;
  }
  const what = reload.kind === "nomad" ? "reload by Nomad" : "reload command";
  if (reload.failure !== "") return `The ${what} failed: ${bounded(reload.failure)}`;
  return reload.reloadedAtMs >= record.writtenAt
    ? `The Agent was reloaded and has not run ${path} yet`
    : `The ${what} for ${path} has not ended yet`;
}

/** What the checks' models and base classes raise before they run. */
function isConfigurationError(text: string): boolean {
  return /ConfigurationError|Detected \d+ errors? while loading configuration|validation errors? for|is not a valid config/i.test(
    text,
  );
}

/** Nobody listens there: that tells nothing about the text. */
function isUnreachable(text: string): boolean {
  return /refused|unreachable|no route to host|name resolution|not known|ECONNREFUSED|EHOSTUNREACH|ENOTFOUND/i.test(
    text,
  );
}

function advice(lastError: string): string {
  if (isUnreachable(lastError) || /timed? ?out|reset by peer|ECONNRESET|Max retries/i.test(lastError))
    return "Check that the endpoint answers: is the service up, and are its port and path right?";
  if (/\b404\b/.test(lastError)) return "Check the endpoint's path";
  if (/\b40[13]\b/.test(lastError)) return "The endpoint asks for credentials";
  return "See the Agent's log and: datadog-agent status collector";
}

function bounded(text: string): string {
  // Addresses of Python objects differ in every run; the status must not.
  const line = text
    .replace(/ at 0x[0-9a-f]+/gi, "")
    .replace(/\s+/g, " ")
    .trim();
  return line.length > MAX_TEXT ? `${line.slice(0, MAX_TEXT - 1)}…` : line;
}

export function reasonText(verdict: Verdict): string {
  return bounded(verdict.condition.message);
}

function failed(reason: string, message: string): Condition {
  return { type: AGENT_LOADED, status: "False", reason, message };
}

function unknown(reason: string, message: string): Condition {
  return { type: AGENT_LOADED, status: "Unknown", reason, message };
}

const RANK = { False: 0, Unknown: 1, True: 2 } as const;

/** One condition for a service with several files: the worst counts. */
export function worstOf(conditions: readonly Condition[]): Condition {
  return conditions.reduce((worst, one) => (RANK[one.status] < RANK[worst.status] ? one : worst));
}
