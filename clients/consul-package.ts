import { EventEmitter } from "node:events";
import type http from "node:http";

import Consul from "consul";

import { answerError, networkError, type Attempt, type ConsulConnection } from "./consul-connection.ts";
import { toError } from "./errors.ts";

/** One request through the `consul` package. */
export interface PackageRequest extends Attempt {
  readonly method: "GET" | "PUT" | "DELETE";
  /** Below `/v1`, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Sent as it is if text, as JSON otherwise. */
  readonly body?: unknown;
  readonly timeoutMs: number;
}

export interface PackageAnswer {
  readonly status: number;
  /** Parsed if the answer is JSON, text otherwise. */
  readonly body: unknown;
}

/**
 * The part of the package that we use, which its types leave out: its request pipeline.
 *
 * Its methods for single endpoints drop what we need: `NodeChecks` of a session, a
 * namespace, fields of a service that they don't know, the body of a 409.
 */
interface RequestPipeline {
  readonly _opts: { readonly baseUrl: { hostname: string } };
  _request(options: {
    readonly method: string;
    readonly path: string;
    readonly query: Readonly<Record<string, string>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly type: "json" | "text";
    readonly body?: unknown;
    readonly buffer: true;
    readonly ctx: EventEmitter;
    readonly timeout: number;
  }): Promise<RawAnswer>;
}

interface RawAnswer {
  readonly statusCode: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body?: Buffer;
}

export type PackageCall = (
  request: PackageRequest,
  signal: AbortSignal | undefined,
) => Promise<PackageAnswer>;

/** Opens the package on one Consul. Every call has a timeout, a Content-Length and an abort signal. */
export function openPackage(connection: ConsulConnection): PackageCall {
  const url = new URL(connection.baseUrl);
  const client = new Consul({
    host: url.hostname,
    port: Number(url.port || (url.protocol === "https:" ? 443 : 80)),
    secure: url.protocol === "https:",
    agent: connection.callAgent,
  }) as unknown as RequestPipeline; // The package's types leave its pipeline out.
  // It would look up an IPv6 address with its brackets.
  client._opts.baseUrl.hostname = url.hostname.replace(/^\[|\]$/g, "");

  async function attempt(request: PackageRequest, signal: AbortSignal | undefined): Promise<RawAnswer> {
    const token = await connection.token();
    signal?.throwIfAborted();
    const context = new EventEmitter();
    const abort = (): boolean => context.emit("cancel");
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await client._request({
        method: request.method,
        path: request.path,
        query: { ...connection.query, ...request.query },
        headers: token === undefined ? {} : { "x-consul-token": token },
        type: typeof request.body === "string" ? "text" : "json",
        ...(request.body === undefined ? {} : { body: request.body }),
        buffer: true,
        ctx: context,
        timeout: request.timeoutMs,
      });
    } catch (error) {
      const answer = answerOf(error);
      if (answer !== undefined) return answer;
      if (signal?.aborted === true && !request.writes) throw toError(signal.reason);
      throw networkError(request, error);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  return async function call(request, signal) {
    const ends = [signal, connection.signal].filter((one) => one !== undefined);
    const either = ends.length > 1 ? AbortSignal.any(ends) : ends[0];
    let answer = await attempt(request, either);
    if (answer.statusCode === 403 && (await connection.renewToken())) answer = await attempt(request, either);
    return parse(request, answer);
  };
}

/** The package throws for every status outside 2xx; the answer hangs on its error. */
function answerOf(error: unknown): RawAnswer | undefined {
  if (typeof error !== "object" || error === null || !("response" in error)) return undefined;
  return error.response as RawAnswer;
}

function parse(request: PackageRequest, answer: RawAnswer): PackageAnswer {
  const text = answer.body?.toString("utf8") ?? "";
  const { statusCode: status, headers } = answer;
  const isJson = (headers["content-type"] ?? "").startsWith("application/json");
  // A 409 of a transaction says in JSON which operation failed: its caller reads it.
  if ((status < 200 || status > 299) && !(status === 409 && isJson)) {
    throw answerError(request, status, text, headers);
  }
  if (!isJson) return { status, body: text };
  try {
    return { status, body: JSON.parse(text) };
  } catch (error) {
    throw networkError({ ...request, writes: false }, new Error("the answer is not JSON", { cause: error }));
  }
}
