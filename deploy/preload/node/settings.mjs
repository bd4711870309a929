// @ts-check
import { isIP } from "node:net";
import { threadId } from "node:worker_threads";

/**
 * What the environment says. The one place that reads it.
 *
 * @typedef {{ kind: "udp", host: string, port: number }} Udp
 * @typedef {{ kind: "proxy", socketPath?: string, host?: string, port?: number }} Proxy The trace Agent, which hands metrics on.
 * @typedef {{ origin: string, path: string, authorization: string, publicKey: string, timeoutMs: number, sampleRate: number, attributes: Record<string, string> }} Langfuse Where its traces go; `path` is what comes before the API's.
 * @typedef {Record<string, string | undefined>} Environment
 */

/** A Datadog Agent listens there unless told otherwise. */
const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 8125;
const DEFAULT_TRACE_SOCKET = "/var/run/datadog/apm.socket";
const DEFAULT_TRACE_PORT = 8126;

/** @type {Environment} */
export const environment = process.env;

/** @param {string} name @param {Environment} [env] @param {string} [otherwise] */
export function isOn(name, env = environment, otherwise = "false") {
  return ["true", "1", "yes", "on"].includes((env[name] ?? otherwise).trim().toLowerCase());
}

/** The tag `agent`: who the metrics are of. @param {Environment} [env] */
export function agentName(env = environment) {
  return env["DD_OBSERVE_AGENT"] || env["DD_SERVICE"] || "unknown";
}

/** Values of `instance` for one allocation. */
const INSTANCES = 64;

/**
 * The tag `instance` of gauges: without it, those of several processes and threads of one machine would overwrite one
 * another. Of few values, whatever is started how often: workers that begin together have numbers of their own.
 *
 * @param {Environment} [env]
 */
export function instance(env = environment) {
  const number = (process.pid * 7 + threadId) % INSTANCES;
  const allocation = env["NOMAD_ALLOC_INDEX"];
  return allocation ? `${allocation}.${number}` : String(number);
}

/** The tag `task_type`, or undefined where the name of each run is to say it. @param {Environment} [env] */
export function taskType(env = environment) {
  return env["DD_OBSERVE_TASK_TYPE"] || undefined;
}

/**
 * Tags of every metric: env, service and version, then DD_TAGS, which has commas or blanks between.
 *
 * @param {Environment} [env]
 * @returns {[string, string][]}
 */
export function unifiedTags(env = environment) {
  /** @type {Map<string, string>} */
  const tags = new Map();
  for (const key of ["env", "service", "version"]) {
    const value = env[`DD_${key.toUpperCase()}`];
    if (value) tags.set(key, value);
  }
  for (const part of (env["DD_TAGS"] ?? "").split(/[\s,]+/)) {
    const colon = part.indexOf(":");
    if (colon < 1 || colon === part.length - 1) continue;
    const key = part.slice(0, colon);
    if (!tags.has(key)) tags.set(key, part.slice(colon + 1));
  }
  return [...tags];
}

/**
 * Prices that the wish overrides, in US dollars per million tokens. Throws where they are no JSON object.
 *
 * @param {Environment} [env]
 * @returns {Record<string, unknown>}
 */
export function priceOverrides(env = environment) {
  const text = env["DD_OBSERVE_PRICES"]?.trim();
  if (!text) return {};
  const table = JSON.parse(text);
  if (table === null || typeof table !== "object" || Array.isArray(table))
    throw new TypeError("DD_OBSERVE_PRICES is no object of models");
  return table;
}

/**
 * Where metrics go. DD_DOGSTATSD_URL (udp://HOST:PORT, unix:///PATH) beats DD_AGENT_HOST with DD_DOGSTATSD_PORT. Node
 * has no datagrams for sockets of Unix: there the trace Agent takes the metrics, at DD_TRACE_AGENT_URL. Throws for
 * another form.
 *
 * @param {Environment} [env]
 * @returns {Udp | Proxy}
 */
export function destination(env = environment) {
  const url = env["DD_DOGSTATSD_URL"]?.trim();
  if (!url) {
    const host = env["DD_AGENT_HOST"] || env["DD_DOGSTATSD_HOST"] || DEFAULT_HOST;
    return { kind: "udp", host, port: portOf(env["DD_DOGSTATSD_PORT"], DEFAULT_PORT) };
  }
  if (/^unix(?:gram)?:\/\//.test(url)) return traceAgent(env["DD_TRACE_AGENT_URL"]?.trim());
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "udp:" || parsed.hostname === "")
    throw new TypeError("DD_DOGSTATSD_URL has neither the form udp://HOST:PORT nor unix:///PATH");
  return { kind: "udp", host: bare(parsed.hostname), port: portOf(parsed.port, DEFAULT_PORT) };
}

/** @param {string | undefined} url @returns {Proxy} */
function traceAgent(url) {
  if (!url) return { kind: "proxy", socketPath: DEFAULT_TRACE_SOCKET };
  const socket = /^unix:\/\/(\/.+)$/.exec(url)?.[1];
  if (socket !== undefined) return { kind: "proxy", socketPath: socket };
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "http:")
    throw new TypeError("DD_TRACE_AGENT_URL has neither the form http://HOST:PORT nor unix:///PATH");
  return { kind: "proxy", host: bare(parsed.hostname), port: portOf(parsed.port, DEFAULT_TRACE_PORT) };
}

/** [::1] as sockets take it. @param {string} hostname */
function bare(hostname) {
  const inner = hostname.replace(/^\[|\]$/g, "");
  return isIP(inner) === 0 ? hostname : inner;
}

/** @param {string | undefined} text @param {number} otherwise */
function portOf(text, otherwise) {
  if (!text) return otherwise;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new RangeError("the Agent's port is no port");
  return port;
}

const LANGFUSE_CLOUD = "https://cloud.langfuse.com";
const LANGFUSE_TIMEOUT_SECONDS = 5;

/**
 * By the names of Langfuse's own SDKs. Undefined without both keys, or where it is switched off. Throws where the base
 * URL is none.
 *
 * @param {Environment} [env]
 * @returns {Langfuse | undefined}
 */
export function langfuse(env = environment) {
  const publicKey = env["LANGFUSE_PUBLIC_KEY"];
  const secretKey = env["LANGFUSE_SECRET_KEY"];
  if (!publicKey || !secretKey || !isOn("LANGFUSE_TRACING_ENABLED", env, "true")) return undefined;
  const { origin, pathname } = new URL(
    env["LANGFUSE_BASE_URL"] || env["LANGFUSE_BASEURL"] || env["LANGFUSE_HOST"] || LANGFUSE_CLOUD,
  );
  const service = env["OTEL_SERVICE_NAME"] || env["DD_SERVICE"];
  const version = env["DD_VERSION"];
  return {
    origin,
    path: pathname.replace(/\/+$/, ""),
    authorization: `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`,
    publicKey,
    timeoutMs: 1_000 * (positive(env["LANGFUSE_TIMEOUT"]) ?? LANGFUSE_TIMEOUT_SECONDS),
    sampleRate: Math.min(1, positive(env["LANGFUSE_SAMPLE_RATE"]) ?? 1),
    attributes: {
      ...(service ? { "service.name": service } : {}),
      ...(version ? { "service.version": version } : {}),
    },
  };
}

/** Zero or more; undefined for what is no number. @param {string | undefined} text */
function positive(text) {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return value >= 0 && Number.isFinite(value) ? value : undefined;
}

/** @type {Set<string>} */
const said = new Set();

/**
 * Says a failure on stderr once, and only where DD_OBSERVE_DEBUG asks for it: the output is the application's.
 *
 * @param {string} what @param {unknown} error
 */
export function debug(what, error) {
  if (said.has(what) || !isOn("DD_OBSERVE_DEBUG")) return;
  said.add(what);
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`dd-observe preload: ${what}: ${detail}\n`);
}
