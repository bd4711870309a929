import http from "node:http";
import https from "node:https";

import fetch, { type Response } from "node-fetch";

import { networkError, type Attempt, type TokenSource } from "./consul-connection.ts";
import { ApiError, toError, type ApiFailure } from "./errors.ts";
import { codeOf } from "./file-error.ts";

export interface NomadOptions {
  /** `http://127.0.0.1:4646`, or `unix:///…/api.sock` of the API that a task finds in its secrets folder. */
  readonly address: string;
  readonly token?: TokenSource | undefined;
  /** The PEM text of the certificate authority, for HTTPS. */
  readonly caCert?: string | undefined;
  /** The namespace of calls that name no other; Nomad's own default if absent. */
  readonly namespace?: string | undefined;
}

/** One request to Nomad. */
export interface NomadRequest {
  readonly method?: "GET" | "PUT" | "DELETE";
  /** Below `/v1`, encoded: `/agent/self`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** For the error message: `read the Nomad agent's configuration`. */
  readonly tried: string;
  /** The ACL right that it needs: `agent { policy = "read" }`. */
  readonly right?: string;
  readonly timeoutMs?: number;
}

export interface NomadAnswer {
  readonly status: number;
  readonly headers: Response["headers"];
  readonly text: string;
}

/** Where Nomad is and who we are there. */
export interface NomadConnection {
  /** Without a path or a trailing slash. */
  readonly baseUrl: string;
  /** What people call it: the address, also where that is a socket. */
  readonly name: string;
  readonly isLoopback: boolean;
  /** Query parameters that every call carries. */
  readonly query: Readonly<Record<string, string>>;
  /** Connections of blocking reads, which hold theirs for the whole wait. */
  readonly blockingAgent: http.Agent;
  readonly callAgent: http.Agent;
  token(): Promise<string | undefined>;
  /** Reads the token again. True if it is another one, so that a call is worth repeating. */
  renewToken(): Promise<boolean>;
  /**
   * Makes one call. Any status that is not 2xx is an error, unless `accepts` has it.
   *
   * @throws {ApiError}
   */
  call(request: NomadRequest, signal?: AbortSignal, accepts?: readonly number[]): Promise<NomadAnswer>;
}

/** A restart of a task waits for it to stop, which takes as long as its job says. */
const TIMEOUT_MS = 10_000;
/** Nomad takes 100 connections from one client address unless told otherwise, and we are never the only user. */
const MAX_BLOCKING_SOCKETS = 4;
const MAX_CALL_SOCKETS = 2;
const IDLE_MS = 30_000;

/** @throws {ApiError} `rejected` if the address is neither an HTTP URL nor that of a socket. */
export function connectNomad(options: NomadOptions): NomadConnection {
  const place = parseAddress(options.address);
  const source = options.token;
  let known: { readonly token: string | undefined } | undefined;

  async function readToken(): Promise<string | undefined> {
    const token = typeof source === "function" ? await askFor(source) : source;
    const trimmed = token?.trim();
    return trimmed === "" ? undefined : trimmed;
  }

  function agent(bounds: { readonly maxSockets: number; readonly timeout?: number }): http.Agent {
    const common = { keepAlive: true, ...bounds };
    // The agent hands its options to the request: `socketPath` is one of a request's.
    if ("socketPath" in place) return new http.Agent({ ...common, ...place });
    if (place.url.protocol === "http:") return new http.Agent(common);
    return new https.Agent({ ...common, ...(options.caCert === undefined ? {} : { ca: options.caCert }) });
  }

  const connection: NomadConnection = {
    baseUrl: "socketPath" in place ? "http://localhost" : `${place.url.protocol}//${place.url.host}`,
    name: options.address,
    isLoopback: "socketPath" in place || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(place.url.hostname),
    query: options.namespace === undefined ? {} : { namespace: options.namespace },
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
    call: async (request, signal, accepts = []) => await call(connection, request, signal, accepts),
  };
  return connection;
}

async function call(
  connection: NomadConnection,
  request: NomadRequest,
  outer: AbortSignal | undefined,
  accepts: readonly number[],
): Promise<NomadAnswer> {
  const { method = "GET", timeoutMs = TIMEOUT_MS, tried, right } = request;
  const attempt: Attempt = { tried, right, writes: method !== "GET" };
  const late = AbortSignal.timeout(timeoutMs);
  const signal = outer === undefined ? late : AbortSignal.any([outer, late]);
  let answer: NomadAnswer;
  try {
    answer = await sendAgain(connection, request, signal);
    if (answer.status === 403 && (await connection.renewToken()))
      answer = await send(connection, request, signal);
  } catch (error) {
    if (outer?.aborted === true) throw toError(outer.reason);
    if (error instanceof ApiError) throw error;
    throw nomadNetworkError(attempt, late.aborted ? noAnswer(timeoutMs) : error, connection);
  }
  if ((answer.status >= 200 && answer.status < 300) || accepts.includes(answer.status)) return answer;
  throw nomadAnswerError(attempt, answer.status, answer.text);
}

/** Nomad closed the kept connection at its restart, and we find out by using it. A read is simply made again. */
async function sendAgain(
  connection: NomadConnection,
  request: NomadRequest,
  signal: AbortSignal,
): Promise<NomadAnswer> {
  try {
    return await send(connection, request, signal);
  } catch (error) {
    const code = codeOf(error);
    if (signal.aborted || (request.method ?? "GET") !== "GET") throw error;
    if (code !== "ECONNRESET" && code !== "EPIPE") throw error;
    return await send(connection, request, signal);
  }
}

async function send(
  connection: NomadConnection,
  { method = "GET", path, query, body }: NomadRequest,
  signal: AbortSignal,
): Promise<NomadAnswer> {
  const token = await connection.token();
  const search = new URLSearchParams({ ...connection.query, ...query }).toString();
  const response = await fetch(`${connection.baseUrl}/v1${path}${search === "" ? "" : `?${search}`}`, {
    method,
    agent: connection.callAgent,
    signal,
    redirect: "error",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { "x-nomad-token": token }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Turns an answer of Nomad that is no success into an error that says what to do. */
export function nomadAnswerError(attempt: Attempt, status: number, text: string): ApiError {
  // Nomad hides its refusals behind a 500 where an inner call made them.
  const isDenied = status === 401 || status === 403 || /^(Permission denied|ACL token not found)/.test(text);
  const failure = isDenied ? "unauthorized" : failureOf(status);
  const line = text.trim().split("\n", 1)[0] ?? "";
  const answer = `${status} ${line === "" ? (http.STATUS_CODES[status] ?? "") : line.slice(0, 200)}`.trim();
  return new ApiError(attempt.tried, answer, {
    failure,
    status,
    ...(isDenied ? { hint: rightHint(attempt, text) } : {}),
  });
}

function failureOf(status: number): ApiFailure {
  if (status === 404) return "notFound";
  if (status === 409) return "conflict";
  if (status === 429) return "rateLimited";
  return status >= 500 || status < 400 ? "unavailable" : "rejected";
}

function rightHint({ right = "the right for this call" }: Attempt, text: string): string {
  return /token not found/.test(text)
    ? "Nomad does not know the token: set NOMAD_TOKEN to one that exists."
    : `Give the token of NOMAD_TOKEN a policy with ${right}.`;
}

/** The same for a failure without an answer. */
export function nomadNetworkError(attempt: Attempt, error: unknown, { name }: NomadConnection): ApiError {
  const { message, failure } = networkError(attempt, error);
  const answer = message.slice(`Cannot ${attempt.tried}: `.length);
  const isRefused = /ECONNREFUSED|ENOENT/.test(answer);
  return new ApiError(attempt.tried, answer, {
    failure,
    cause: error,
    ...(isRefused
      ? { hint: `Start Nomad, or set NOMAD_ADDR to where it listens: it doesn't at ${name}.` }
      : {}),
  });
}

function noAnswer(timeoutMs: number): Error {
  return new Error(`no answer within ${timeoutMs / 1000} s`);
}

async function askFor(
  source: () => string | undefined | Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return await source();
  } catch (error) {
    throw new ApiError("read the Nomad token", toError(error).message, {
      failure: "unauthorized",
      cause: error,
      hint: "Make the file of NOMAD_TOKEN_FILE readable for dd-observe.",
    });
  }
}

function parseAddress(address: string): { readonly url: URL } | { readonly socketPath: string } {
  const socketPath = /^unix:(?:\/\/)?(\/.+)$/.exec(address)?.[1];
  if (socketPath !== undefined) return { socketPath };
  const text = address.includes("://") ? address : `http://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new ApiError("use the Nomad address", "it is neither an HTTP URL nor that of a socket", {
      failure: "rejected",
      hint: "Set NOMAD_ADDR to something like http://127.0.0.1:4646 or unix:///secrets/api.sock.",
    });
  }
  return { url };
}
