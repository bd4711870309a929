import type { Configuration } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-common/configuration.js";
import type {
  RequestContext,
  ResponseContext,
} from "@datadog/datadog-api-client/dist/packages/datadog-api-client-common/http/http.js";
import type { RequestInit } from "node-fetch";

import { buildRequest, type Operation } from "./datadog-request.ts";
import { ApiError, toError } from "./errors.ts";
import { openGate, retryAfterMs, type AnswerHeaders, type Gate, type Priority } from "./gate.ts";
import { guardedAgents, type Mandate } from "./guarded-agents.ts";

export interface DatadogSettings {
  readonly apiKey: string;
  readonly appKey: string;
  /** Base URL of the API, such as `https://api.datadoghq.eu`. Takes the place of the site. */
  readonly url?: string | undefined;
  /** `datadoghq.com` if absent. */
  readonly site?: string | undefined;
  /** For one call, the answer included. 30 000 if absent. */
  readonly timeoutMs?: number | undefined;
  readonly gate?: Gate | undefined;
  /** Nothing but GET leaves this machine. For dry runs. */
  readonly readOnly?: boolean | undefined;
  /**
   * Without it nothing is sent. Asked at the last moment, since a call may have waited for its turn, and a process may
   * have been stopped meanwhile.
   */
  readonly mandate?: Mandate | undefined;
}

/** What a call is about. The names are those of the controllers. */
export type CallKind =
  | "monitors"
  | "dashboards"
  | "slos"
  | "metric-tags"
  | "metrics"
  | "downtimes"
  | "catalog"
  | "evaluators"
  | "events";

/** One call, for the budget and for the error's message. */
export interface Call {
  /** What is tried and on what: `create monitor "x"`. */
  readonly tried: string;
  /** The API's own name of the operation. */
  readonly operation: string;
  /** The kind of object that the call is about, by its controller's name: `monitors`. Shares the budget fairly. */
  readonly kind: CallKind;
  /** The permission that the application key needs. */
  readonly scope: string;
  readonly priority: Priority;
  readonly signal: AbortSignal;
  /** True if the call changes the world, so that a lost answer leaves its outcome open. */
  readonly isWrite: boolean;
  /** A status beyond 2xx that is an answer and no error. */
  readonly accepts?: number;
  /** True if a success may come without a body, as that of a delete. A 204 never has one. */
  readonly mayBeEmpty?: boolean;
}

const SHORTEST_KEY = 6;
const TIMEOUT_MS = 30_000;
/** A page of 1 000 monitors is about 3 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const MAX_ERROR_LENGTH = 500;
/** The connection was never made, so that nothing can have happened. */
const NEVER_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/**
 * Sends what the official client builds, and reads the answer as raw JSON.
 *
 * The client builds the request: path, parameters, keys. Timeouts, the rate limit and errors
 * are ours: the client has no timeout, retries writes blindly and logs to the console. It is
 * loaded at the first call, since that takes a tenth of a second and 40 MB.
 */
export class DatadogTransport {
  readonly #settings: DatadogSettings;
  #configuration: Promise<Configuration> | undefined;

  constructor(settings: DatadogSettings) {
    this.#settings = settings;
  }

  /**
   * Makes one call. Never twice.
   *
   * @param build Makes the request with one of the client's request factories.
   * @returns The answer's JSON, or undefined for an answer without a body where the call allows it.
   * @throws {ApiError} `ambiguous` if a write's outcome is not known.
   */
  async send(call: Call, build: (configuration: Configuration) => Promise<RequestContext>): Promise<unknown> {
    const configuration = await this.#configure();
    const request = await build(configuration);
    const { gate = openGate, timeoutMs = TIMEOUT_MS } = this.#settings;
    const permit = await gate.acquire(call.operation, call.priority, call.signal, call.kind);
    // Taken back once there is an answer: thousands of calls that are over would each wait for their time and fail then.
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    request.setHttpConfig({ signal: AbortSignal.any([call.signal, deadline.signal]) });

    let response: ResponseContext;
    let text: string;
    try {
      this.#settings.mandate?.mustHold();
      response = await configuration.httpApi.send(request);
      text = await response.body.text();
    } catch (error) {
      permit.failed();
      throw this.#networkError(call, toError(error), timeoutMs);
    } finally {
      clearTimeout(timer);
    }
    const headers = lowerCase(response.headers);
    permit.answered(response.httpStatusCode, headers);
    const status = response.httpStatusCode;
    const isAnswer = (status >= 200 && status <= 299) || status === call.accepts;
    if (!isAnswer) throw statusError(call, status, headers, this.#withoutKeys(text));
    return parse(call, status, text);
  }

  /**
   * Makes one call that the client has no v1 factory for. The v2 factories would load every v2
   * model with them: 115 MB.
   */
  async request(call: Call, operation: Operation): Promise<unknown> {
    return this.send(call, (configuration) => buildRequest(configuration, operation));
  }

  /** The base URL of the API, without a slash at its end. */
  get url(): string {
    const { url, site = "datadoghq.com" } = this.#settings;
    return (url ?? `https://api.${site}`).replace(/\/+$/, "");
  }

  /** False if only the API key is known: enough to post events, for nothing else. */
  get hasAppKey(): boolean {
    return this.#settings.appKey !== "";
  }

  async #configure(): Promise<Configuration> {
    this.#configuration ??= this.#load();
    return this.#configuration;
  }

  async #load(): Promise<Configuration> {
    const { apiKey, appKey } = this.#settings;
    const [{ createConfiguration }, { BaseServerConfiguration }, { logger }, { default: nodeFetch }] =
      await Promise.all([
        import("@datadog/datadog-api-client/dist/packages/datadog-api-client-common/configuration.js"),
        import("@datadog/datadog-api-client/dist/packages/datadog-api-client-common/servers.js"),
        import("@datadog/datadog-api-client/dist/logger.js"),
        import("node-fetch"),
      ]);
    // The errors that it logs are thrown as well.
    (logger as { setLevel(level: string): void }).setLevel("silent");
    const agents = guardedAgents(this.#settings.mandate);
    return createConfiguration({
      baseServer: new BaseServerConfiguration(this.url, {}),
      authMethods: { apiKeyAuth: apiKey, appKeyAuth: appKey },
      isIaC: true,
      fetch: (target: string, init: RequestInit) => {
        if (this.#settings.readOnly === true && init.method !== "GET") {
          throw new ApiError(`${init.method} ${new URL(target).pathname}`, "this run only reads", {
            failure: "rejected",
          });
        }
        // A redirect would carry the keys to whatever host it names.
        return nodeFetch(target, {
          ...init,
          redirect: "manual",
          size: MAX_ANSWER_BYTES,
          agent: ({ protocol }) => (protocol === "http:" ? agents.http : agents.https),
        });
      },
    });
  }

  /** A server may print what it was sent, in an error most of all. */
  #withoutKeys(text: string): string {
    // Datadog's keys have 32 characters and more; what is much shorter is none, and would tear words apart.
    const keys = [this.#settings.apiKey, this.#settings.appKey].filter((key) => key.length >= SHORTEST_KEY);
    return keys.reduce((shown, key) => shown.replaceAll(key, "(key)"), text);
  }

  #networkError(call: Call, error: Error & { code?: unknown }, timeoutMs: number): Error {
    if (error instanceof ApiError) return error;
    const code = typeof error.code === "string" ? error.code : undefined;
    const wasSent = code === undefined || !NEVER_SENT.has(code);
    const failure = call.isWrite && wasSent ? "ambiguous" : "unavailable";
    if (call.signal.aborted) {
      if (failure !== "ambiguous") return toError(call.signal.reason);
      return new ApiError(call.tried, "given up while the answer was under way", { failure, cause: error });
    }
    const isTimeout = error.name === "AbortError" || error.name === "TimeoutError";
    const answer = isTimeout
      ? `no answer within ${timeoutMs / 1_000} s`
      : `network error ${code ?? error.name}`;
    return new ApiError(call.tried, answer, { failure, cause: error, hint: NETWORK_HINT });
  }
}

const NETWORK_HINT = "Check the network and DD_SITE or DD_API_URL.";

function lowerCase(headers: Readonly<Record<string, string>>): AnswerHeaders {
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { get: (name) => byName.get(name) ?? null };
}

function parse(call: Call, status: number, text: string): unknown {
  if (text === "" && (status === 204 || call.mayBeEmpty === true)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own error quotes the text, which may be anything.
    const what = looksLikeHtml(text) ? "a page instead of JSON" : "an answer that is no JSON";
    throw new ApiError(call.tried, `${status} with ${what}`, {
      failure: call.isWrite ? "ambiguous" : "unavailable",
      status,
      hint: NETWORK_HINT,
    });
  }
}

/** Picks what a refusal means. Datadog answers `{"errors": ["…"]}`; a proxy before it answers HTML. */
function statusError(call: Call, status: number, headers: AnswerHeaders, text: string): ApiError {
  const answer = `${status} ${errorText(text)}`.trim();
  const retryMs = retryAfterMs(headers);
  const details = { status, ...(retryMs === undefined ? {} : { retryAfterMs: retryMs }) };
  if (status === 429) return new ApiError(call.tried, answer, { ...details, failure: "rateLimited" });
  if (status === 404) return new ApiError(call.tried, answer, { ...details, failure: "notFound" });
  if (status === 409) return new ApiError(call.tried, answer, { ...details, failure: "conflict" });
  if (status === 401 || status === 403) {
    const hint = `Check DD_API_KEY, DD_APP_KEY and DD_SITE; the application key needs ${call.scope}.`;
    return new ApiError(call.tried, answer, { ...details, failure: "unauthorized", hint });
  }
  if (status === 408 || status >= 500) {
    // A proxy's 5xx says nothing about what happened behind it.
    return new ApiError(call.tried, answer, {
      ...details,
      failure: call.isWrite ? "ambiguous" : "unavailable",
    });
  }
  if (status >= 300 && status <= 399) {
    const hint =
      "dd-observe follows no redirect, as it would carry the keys along. Check DD_SITE or DD_API_URL.";
    return new ApiError(call.tried, `${status} redirect`, { ...details, failure: "unavailable", hint });
  }
  return new ApiError(call.tried, answer, { ...details, failure: "rejected" });
}

function errorText(text: string): string {
  if (looksLikeHtml(text)) return "(a page instead of JSON)";
  try {
    const { errors, error } = JSON.parse(text) as { errors?: unknown; error?: unknown };
    return errorLines(errors ?? error)
      .join("; ")
      .slice(0, MAX_ERROR_LENGTH);
  } catch {
    return text === "" ? "(no body)" : "(a body that is no JSON)";
  }
}

/** Errors are texts, objects with a `detail` (JSON:API), or texts by the id of what they are about. */
function errorLines(errors: unknown): readonly string[] {
  if (typeof errors === "string") return [errors];
  if (Array.isArray(errors)) return errors.flatMap(errorLines);
  if (typeof errors !== "object" || errors === null) return [];
  const { detail, title } = errors as { detail?: unknown; title?: unknown };
  if (typeof detail === "string") return [detail];
  if (typeof title === "string") return [title];
  return Object.values(errors).flatMap(errorLines);
}

function looksLikeHtml(text: string): boolean {
  return /^\s*</.test(text);
}
