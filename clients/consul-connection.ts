import http from "node:http";
import https from "node:https";

import { ApiError, toError, type ApiFailure } from "./errors.ts";

/** A token, or a function that reads it. A function is asked again after a 403, so that a rotated token file is taken up. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

export interface ConsulOptions {
  /** `http://127.0.0.1:8500`, or `127.0.0.1:8500` for plain HTTP. */
  readonly address: string;
  readonly token?: TokenSource | undefined;
  /** The PEM text of the certificate authority, for HTTPS. */
  readonly caCert?: string | undefined;
  /** Consul Enterprise only. */
  readonly namespace?: string | undefined;
  /** The agent's own if absent. */
  readonly datacenter?: string | undefined;
  /** Ends every call that is under way. */
  readonly signal?: AbortSignal | undefined;
}

/** Where Consul is and who we are there. Shared by one-shot calls and blocking reads. */
export interface ConsulConnection {
  /** Without a path or a trailing slash. */
  readonly baseUrl: string;
  readonly isLoopback: boolean;
  /** Query parameters that every call carries. */
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Connections of blocking reads. Each holds one for its whole wait: a read too many would wait for minutes. */
  readonly blockingAgent: http.Agent;
  /** Connections of everything else, so that no call waits for a blocking read to end. */
  readonly callAgent: http.Agent;
  token(): Promise<string | undefined>;
  /** Reads the token again. True if it is another one, so that a call is worth repeating. */
  renewToken(): Promise<boolean>;
}

/** Together 16: Consul takes 200 from one client address, of which we are never the only user. */
const MAX_BLOCKING_SOCKETS = 14;
const MAX_CALL_SOCKETS = 2;
/** Consul 2 closes idle connections after 120 s. We close them before, so that no write is sent into a closing one. */
const IDLE_MS = 30_000;

/** @throws {ApiError} `rejected` if the address is not an HTTP URL. */
export function connect(options: ConsulOptions): ConsulConnection {
  const url = parseAddress(options.address);
  const source = options.token;
  let known: { readonly token: string | undefined } | undefined;

  async function readToken(): Promise<string | undefined> {
    const token = typeof source === "function" ? await askFor(source) : source;
    const trimmed = token?.trim();
    return trimmed === "" ? undefined : trimmed;
  }

  function agent(bounds: { readonly maxSockets: number; readonly timeout?: number }): http.Agent {
    if (url.protocol === "http:") return new http.Agent({ keepAlive: true, ...bounds });
    const ca = options.caCert === undefined ? {} : { ca: options.caCert };
    return new https.Agent({ keepAlive: true, ...bounds, ...ca });
  }

  return {
    baseUrl: `${url.protocol}//${url.host}`,
    isLoopback: /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname),
    query: {
      ...(options.namespace === undefined ? {} : { ns: options.namespace }),
      ...(options.datacenter === undefined ? {} : { dc: options.datacenter }),
    },
    signal: options.signal,
    blockingAgent: agent({ maxSockets: MAX_BLOCKING_SOCKETS }),
    callAgent: agent({ maxSockets: MAX_CALL_SOCKETS, timeout: IDLE_MS }),
    async token() {
      known ??= { token: await readToken() };
      return known.token;
    },
    async renewToken() {
      if (typeof source !== "function") return false;
      const before = known?.token;
      known = { token: await readToken() };
      return known.token !== before;
    },
  };
}

async function askFor(
  source: () => string | undefined | Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return await source();
  } catch (error) {
    throw new ApiError("read the Consul token", toError(error).message, {
      failure: "unauthorized",
      cause: error,
      hint: "Make the file of CONSUL_HTTP_TOKEN_FILE readable for dd-observe.",
    });
  }
}

function parseAddress(address: string): URL {
  const text = address.includes("://") ? address : `http://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new ApiError("use the Consul address", "it is not an HTTP URL", {
      failure: "rejected",
      hint: "Set CONSUL_HTTP_ADDR to something like http://127.0.0.1:8500.",
    });
  }
  return url;
}

/** Encodes a key for a path, leaving its slashes. Consul would redirect `a//b` and `a/../b` to another key. */
export function keyPath(key: string): string {
  const parts = key.split("/");
  const plain = parts.every(
    (part, at) => (part !== "" || at === parts.length - 1) && part !== "." && part !== "..",
  );
  if (!plain || key === "") {
    throw new ApiError(`use the Consul key "${key}"`, "a part of it is empty, . or ..", {
      failure: "rejected",
    });
  }
  return parts.map(encodeURIComponent).join("/");
}

/** What a call was about, for its error message. */
export interface Attempt {
  /** `read the key "observability/web"` */
  readonly tried: string;
  /** The ACL right that the call needs: `key_prefix "observability/" read`. */
  readonly right?: string | undefined;
  /** True if a lost answer leaves open whether the change was made. */
  readonly writes: boolean;
}

/** Turns an answer other than 2xx into an error that says what to do. */
export function answerError(
  attempt: Attempt,
  status: number,
  text: string,
  headers: http.IncomingHttpHeaders,
): ApiError {
  const failure = failureOf(status);
  const retryAfter = Number(headers["retry-after"]);
  const hint = failure === "unauthorized" ? rightHint(attempt, text) : undefined;
  return new ApiError(attempt.tried, describe(status, text), {
    failure,
    status,
    ...(Number.isFinite(retryAfter) && retryAfter > 0 ? { retryAfterMs: retryAfter * 1000 } : {}),
    ...(hint === undefined ? {} : { hint }),
  });
}

function failureOf(status: number): ApiFailure {
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 404) return "notFound";
  if (status === 409) return "conflict";
  if (status === 429) return "rateLimited";
  return status >= 500 || status < 400 ? "unavailable" : "rejected";
}

function rightHint(attempt: Attempt, text: string): string {
  if (text.includes("ACL not found")) {
    return "Consul does not know the token: set CONSUL_HTTP_TOKEN to one that exists.";
  }
  const right = attempt.right ?? "the right for this call";
  return `Give the token of CONSUL_HTTP_TOKEN a policy with ${right}.`;
}

function describe(status: number, text: string): string {
  const line = text.trim().split("\n", 1)[0] ?? "";
  return `${status} ${line === "" ? (http.STATUS_CODES[status] ?? "") : line.slice(0, 200)}`.trim();
}

/** Failures of the network before a byte was sent: nothing can have been changed. */
const NOT_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/** Turns a failure without a complete answer into an error. An abort is passed on as it is. */
export function networkError(attempt: Attempt, error: unknown): ApiError {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  // With where it was, as the system says it: `ECONNREFUSED 127.0.0.1:8500`.
  const what = code === undefined ? message : (new RegExp(`${code} \\S+`).exec(message)?.[0] ?? code);
  const ambiguous = attempt.writes && !(code !== undefined && NOT_SENT.has(code));
  return new ApiError(attempt.tried, ambiguous ? `the answer was lost (${what})` : what, {
    failure: ambiguous ? "ambiguous" : "unavailable",
    cause: error,
    ...(code === "ECONNREFUSED"
      ? { hint: "Start Consul, or set CONSUL_HTTP_ADDR to where it listens." }
      : {}),
  });
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
