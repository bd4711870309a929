import fetch, { type Response } from "node-fetch";

import { answerError, networkError, type Attempt, type ConsulConnection } from "./consul-connection.ts";
import { ApiError, toError } from "./errors.ts";

export interface BlockingRequest {
  /** Below `/v1`, encoded: `/catalog/services`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Index of the last answer, or 0 to be answered at once. */
  readonly index: number;
  /** At most 600 000; 60 000 is sensible, since an aborted read keeps its connection at the server until then. */
  readonly waitMs: number;
  readonly consistent?: boolean | undefined;
  /** For the error message: `watch the services`. */
  readonly tried: string;
  /** The ACL right that it needs. */
  readonly right: string;
}

export interface BlockingAnswer {
  /** 404 is the answer to a key or a prefix without keys. */
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

/** Consul answers up to a sixteenth of the wait late; without a leader it takes 7.4 s to say so. */
const MARGIN_MS = 15_000;

/** Opens blocking reads on one Consul. */
export function readBlocking(connection: ConsulConnection): BlockingReader {
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
        ...(token === undefined ? {} : { "x-consul-token": token }),
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
      throw networkError(attempt, life.isLate() ? new Error("no answer in time") : error);
    } finally {
      life.end();
    }
    return answerFrom(attempt, response, bytes);
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

function urlOf(connection: ConsulConnection, wanted: BlockingRequest): string {
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

function answerFrom(attempt: Attempt, response: Response, bytes: Buffer): BlockingAnswer {
  const { status, headers } = response;
  if (status !== 200 && status !== 404) {
    throw answerError(attempt, status, bytes.toString("utf8"), {
      "retry-after": headers.get("retry-after") ?? undefined,
    });
  }
  const index = Number(headers.get("x-consul-index"));
  if (!Number.isSafeInteger(index) || index < 0 || !headers.has("x-consul-index")) {
    throw new ApiError(attempt.tried, "the answer has no X-Consul-Index", {
      failure: "unavailable",
      status,
      hint: "A proxy before Consul may drop its headers, or the address is not Consul's.",
    });
  }
  return {
    status,
    // Consul asks clients to take an index of 0 for 1, since 0 would not block.
    index: Math.max(index, 1),
    knownLeader: headers.get("x-consul-knownleader") === "true",
    filteredByAcls: headers.get("x-consul-results-filtered-by-acls") === "true",
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
