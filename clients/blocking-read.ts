import type http from "node:http";

import fetch, { type Response } from "node-fetch";

import { networkError, type Attempt } from "./consul-connection.ts";
import { ApiError, toError } from "./errors.ts";

export interface BlockingRequest {
  /** Below `/v1`, encoded: `/catalog/services`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Index of the last answer, or 0 to be answered at once. */
  readonly index: number;
  /** At most 600 000; 60 000 is sensible, since an aborted read keeps its connection at the server until then. */
  readonly waitMs: number;
  /** Consul only: Nomad has no stricter read than the usual one, which its leader answers. */
  readonly consistent?: boolean | undefined;
  /** For the error message: `watch the services`. */
  readonly tried: string;
  /** The ACL right that it needs. */
  readonly right: string;
}

/** Systems whose reads can wait. */
export type BlockingSystem = "Consul" | "Nomad";

export interface BlockingAnswer {
  /** Whose answer it is. */
  readonly system: BlockingSystem;
  /** 404 is Consul's answer to a key or a prefix without keys. */
  readonly status: 200 | 404;
  /** At least 1. */
  readonly index: number;
  readonly knownLeader: boolean;
  /** Consul says that it left something out. Known from 1.11 on, and only with a token. */
  readonly filteredByAcls: boolean;
  /** The body as it came. */
  readonly raw: Buffer;
  /** Parses the JSON; undefined for a 404. Not called for an answer without news, which so costs little. */
  body(): unknown;
}

/**
 * Makes one read that waits until something is newer than `index`.
 *
 * @throws {ApiError} for every status but 200 and 404, an answer that ends early or is not
 *   JSON, no answer in time. Errors of the catalog carry an index as well: the status counts.
 * @throws the signal's reason if it aborts.
 */
export type BlockingReader = (request: BlockingRequest, signal: AbortSignal) => Promise<BlockingAnswer>;

/** Consul and Nomad answer up to a sixteenth of the wait late; without a leader Consul takes 7.4 s to say so. */
const MARGIN_MS = 15_000;

/** Where a system is and who we are there. */
interface BlockingConnection {
  readonly baseUrl: string;
  readonly isLoopback: boolean;
  readonly query: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly blockingAgent: http.Agent;
  readonly callAgent: http.Agent;
  token(): Promise<string | undefined>;
  renewToken(): Promise<boolean>;
}

/** How one system says what all of them say. */
export interface BlockingDialect {
  readonly system: BlockingSystem;
  /** Before the names of its headers: `x-consul`. */
  readonly headers: string;
  answerError(attempt: Attempt, status: number, text: string, headers: http.IncomingHttpHeaders): ApiError;
  networkError(attempt: Attempt, error: unknown): ApiError;
}

/** Opens blocking reads on one system. */
export function readBlocking(connection: BlockingConnection, dialect: BlockingDialect): BlockingReader {
  async function request(wanted: BlockingRequest, signal: AbortSignal): Promise<Response> {
    const token = await connection.token();
    return await fetch(urlOf(connection, wanted), {
      // A confirming read must not wait until a blocking one gives its connection back.
      agent: wanted.consistent === true ? connection.callAgent : connection.blockingAgent,
      signal,
      compress: !connection.isLoopback,
      redirect: "error",
      headers: {
        // Packing costs more than it saves where no network is between.
        "accept-encoding": connection.isLoopback ? "identity" : "gzip",
        ...(token === undefined ? {} : { [`${dialect.headers}-token`]: token }),
      },
    });
  }

  return async function read(wanted, signal) {
    const attempt: Attempt = { tried: wanted.tried, right: wanted.right, writes: false };
    const life = lifeOf(wanted, connection.signal === undefined ? [signal] : [signal, connection.signal]);
    let response: Response;
    let bytes: Buffer;
    try {
      response = await request(wanted, life.signal);
      bytes = await bodyOf(response);
      if (response.status === 403 && (await connection.renewToken())) {
        response = await request(wanted, life.signal);
        bytes = await bodyOf(response);
      }
    } catch (error) {
      if (signal.aborted) throw toError(signal.reason);
      if (error instanceof ApiError) throw error;
      throw dialect.networkError(attempt, life.isLate() ? new Error("no answer in time") : error);
    } finally {
      life.end();
    }
    return answerFrom(dialect, attempt, response, bytes);
  };
}

/**
 * A signal that aborts with the first of `signals`, or when an answer is too late.
 *
 * By hand, since `AbortSignal.timeout` would keep a timer for each of the many reads that are answered early.
 */
function lifeOf(
  wanted: BlockingRequest,
  signals: readonly AbortSignal[],
): { readonly signal: AbortSignal; isLate(): boolean; end(): void } {
  const waitMs = wanted.index > 0 ? wanted.waitMs : 0;
  const life = new AbortController();
  let late = false;
  const abort = (): void => life.abort();
  const timer = setTimeout(
    () => {
      late = true;
      abort();
    },
    waitMs + waitMs / 16 + MARGIN_MS,
  );
  for (const one of signals) {
    if (one.aborted) abort();
    else one.addEventListener("abort", abort, { once: true });
  }
  return {
    signal: life.signal,
    isLate: () => late,
    end() {
      clearTimeout(timer);
      for (const one of signals) one.removeEventListener("abort", abort);
    },
  };
}

function urlOf(connection: BlockingConnection, wanted: BlockingRequest): string {
  const query = new URLSearchParams({ ...connection.query, ...wanted.query });
  if (wanted.consistent === true) query.set("consistent", "");
  if (wanted.index > 0) {
    query.set("index", String(wanted.index));
    query.set("wait", `${wanted.waitMs}ms`);
  }
  return `${connection.baseUrl}/v1${wanted.path}?${query.toString()}`;
}

/** Reads the whole body. Its own `text()` takes five times as long to decode megabytes. */
async function bodyOf(response: Response): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.body ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function answerFrom(
  dialect: BlockingDialect,
  attempt: Attempt,
  response: Response,
  bytes: Buffer,
): BlockingAnswer {
  const { status, headers } = response;
  const indexHeader = headers.get(`${dialect.headers}-index`);
  // A path that the system doesn't have is 404 as well, and then without an index.
  if (status !== 200 && !(status === 404 && indexHeader !== null)) {
    throw dialect.answerError(attempt, status, bytes.toString("utf8"), {
      "retry-after": headers.get("retry-after") ?? undefined,
    });
  }
  const index = Number(indexHeader);
  if (!Number.isSafeInteger(index) || index < 0 || indexHeader === null) {
    throw new ApiError(attempt.tried, `the answer has no X-${dialect.system}-Index`, {
      failure: "unavailable",
      status,
      hint: `A proxy before ${dialect.system} may drop its headers, or the address is not ${dialect.system}'s.`,
    });
  }
  return {
    system: dialect.system,
    status,
    // An index of 0 is to be taken for 1, since 0 would not block.
    index: Math.max(index, 1),
    knownLeader: headers.get(`${dialect.headers}-knownleader`) === "true",
    filteredByAcls: headers.get(`${dialect.headers}-results-filtered-by-acls`) === "true",
    raw: bytes,
    body: () => (status === 404 ? undefined : parse(attempt, bytes)),
  };
}

function parse(attempt: Attempt, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw networkError(attempt, new Error("the answer is not JSON", { cause: error }));
  }
}
