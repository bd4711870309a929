import type http from "node:http";

import { durationMs, type ConsulState, type Topic } from "./consul-state.ts";

/** What the anonymous or given token may do, as Consul answers it. */
export type AclMode =
  /** Everything. */
  | "allow"
  /** Nothing: lists are empty, single things 403. */
  | "deny"
  /** The token is not known: 403 everywhere. */
  | "unknownToken"
  /** As `deny`, on a server with `acl.enable_key_list_policy`: listing keys is 403. */
  | "keyListPolicy"
  /** Reads everything, writes nothing. */
  | "readOnly";

/** One thing that goes wrong with the answers that it matches. */
export interface Fault {
  /** Against `GET /v1/kv/observability/?recurse`. Every request if absent. */
  readonly matches?: RegExp;
  /** How many answers it spoils. 1 if absent. */
  times?: number;
  readonly status?: number;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Waits before it answers. */
  readonly delayMs?: number;
  /** Sends half the body and closes the connection. */
  readonly truncate?: true;
  /** Does what was asked, then closes the connection without an answer. */
  readonly loseAnswer?: true;
  /** Leaves these headers out, as a proxy may. */
  readonly dropHeaders?: readonly string[];
}

export interface Faults {
  /** No server leads: reads and writes are 500, `status/leader` is empty. */
  noLeader: boolean;
  acl: AclMode;
  /** Overrides `acl` for single tokens. */
  readonly aclByToken: Map<string, AclMode>;
  readonly queue: Fault[];
}

/** One request, read and looked at. */
export interface Asked {
  readonly method: string;
  /** Decoded, below `/v1`: `/kv/observability/web`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  readonly acl: AclMode;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
}

export interface Answered {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as plain text. */
  readonly text?: string;
  readonly raw?: Buffer;
  /** True if Consul has no such path. */
  readonly unknownPath?: true;
}

export const UNKNOWN_PATH: Answered = { status: 404, unknownPath: true };

/** `text` is plain: Consul sends its errors so. */
export function plain(status: number, text: string, headers: Record<string, string> = {}): Answered {
  return { status, text, headers };
}

export const DENIED: Answered = plain(403, "Permission denied");

/** Errors of the catalog and of sessions carry these, those of keys don't. */
export const ERROR_META = {
  "x-consul-index": "1",
  "x-consul-knownleader": "false",
  "x-consul-lastcontact": "0",
};

/** How one path is read. `evaluate` is called again after every change of `topic` until its index is past the asked one. */
export interface Readable {
  readonly topic: Topic;
  evaluate(): { readonly index: number; readonly answer: Answered };
  /** True for the catalog, which says how consistent its answer is. */
  readonly catalog: boolean;
}

const DEFAULT_WAIT_MS = 300_000;
const MAX_WAIT_MS = 600_000;

/** Answers a read as Consul does: at once, or when its index is past the asked one, or when the wait is over. */
export async function answerRead(asked: Asked, state: ConsulState, readable: Readable): Promise<Answered> {
  const refused = refuseQuery(asked.query);
  if (refused !== undefined) return refused;
  const minIndex = Number(asked.query.get("index") ?? 0);
  const wait = durationMs(asked.query.get("wait") ?? "0");
  const waitMs = Math.min(wait === 0 ? DEFAULT_WAIT_MS : wait, MAX_WAIT_MS);
  const jitterMs = Math.random() * (waitMs / 16);
  const signal =
    minIndex > 0
      ? AbortSignal.any([asked.signal, AbortSignal.timeout(Math.ceil(waitMs + jitterMs))])
      : asked.signal;

  let current = readable.evaluate();
  const isNews = (): boolean => minIndex === 0 || current.index > minIndex;
  while (!isNews() && !signal.aborted) {
    await state.changed(readable.topic, signal);
    current = readable.evaluate();
  }
  const meta = {
    "x-consul-index": String(Math.max(current.index, 1)),
    "x-consul-knownleader": "true",
    "x-consul-lastcontact": "0",
    ...(readable.catalog ? { "x-consul-effective-consistency": "leader" } : {}),
  };
  return { ...current.answer, headers: { ...meta, ...current.answer.headers } };
}

function refuseQuery(query: URLSearchParams): Answered | undefined {
  if (query.has("index") && !/^\d+$/.test(query.get("index") ?? "")) return plain(400, "Invalid index");
  if (query.has("wait") && Number.isNaN(durationMs(query.get("wait") ?? ""))) {
    return plain(400, "Invalid wait time");
  }
  if (query.has("stale") && query.has("consistent")) {
    return plain(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
  }
  return undefined;
}

/** Reads the body, up to a size that no test needs. */
export async function readBody(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Writes an answer, with the faults that were planned for it. */
export function send(response: http.ServerResponse, answered: Answered, fault: Fault | undefined): void {
  if (fault?.loseAnswer === true) {
    response.destroy();
    return;
  }
  const isJson = answered.json !== undefined;
  const body = answered.raw ?? Buffer.from(isJson ? JSON.stringify(answered.json) : (answered.text ?? ""));
  const headers: Record<string, string> = {
    ...(answered.unknownPath === true ? {} : { vary: "Accept-Encoding" }),
    ...answered.headers,
  };
  if (isJson) headers["content-type"] = "application/json";
  else if (body.length > 0) headers["content-type"] ??= "text/plain; charset=utf-8";
  headers["content-length"] = String(body.length);
  for (const name of fault?.dropHeaders ?? []) delete headers[name];
  response.writeHead(answered.status, headers);
  if (fault?.truncate === true) {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
    return;
  }
  response.end(body);
}
