import type { Agent } from "node:https";

import fetch, { type Response } from "node-fetch";

import { ApiError } from "./errors.ts";
import { FamilyReader } from "./metric-families.ts";

/** What an instance's endpoint answered. */
export interface EndpointAnswer {
  readonly status: number;
  /** As the header says, without parameters and in lower case. `""` if it doesn't. */
  readonly contentType: string;
  /** Where it wants to send whoever asks, if the status is a redirect. */
  readonly location: string | undefined;
  /** Names of the families of metrics, as in `# TYPE`. Empty for what is no such text. */
  readonly families: ReadonlySet<string>;
  /** The beginning of the body, to tell a page from metrics. */
  readonly beginning: string;
  /** False if the body was longer than what is read of one. */
  readonly isWhole: boolean;
}

export interface EndpointOptions {
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 16 * 1024 * 1024;
const BEGINNING = 512;

let anyCertificate: Agent | undefined;

/** Whether a certificate is trusted is the Agent's to say, which has other authorities than we have. Nothing secret is sent. */
async function agentFor(url: string): Promise<Agent | undefined> {
  if (!url.startsWith("https:")) return undefined;
  const https = await import("node:https");
  anyCertificate ??= new https.Agent({ rejectUnauthorized: false });
  return anyCertificate;
}

/**
 * Asks an instance's endpoint as the Agent does: one GET, no redirect followed. Of the body only names are kept.
 *
 * @param url At an address that `refusedAddress` lets through.
 * @throws {ApiError} `unavailable` if there is no answer: refused, reset, too slow.
 */
export async function readEndpoint(
  url: string,
  signal: AbortSignal,
  { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES }: EndpointOptions = {},
): Promise<EndpointAnswer> {
  signal.throwIfAborted();
  // By hand: a signal made of others lives until a garbage collection, and a machine may have thousands of endpoints.
  const limit = new AbortController();
  const give = (): void => limit.abort();
  const timer = setTimeout(give, timeoutMs);
  signal.addEventListener("abort", give, { once: true });
  try {
    const agent = await agentFor(url);
    const response = await fetch(url, {
      signal: limit.signal,
      redirect: "manual",
      // What the Agent's checks ask for. JSON for those that are no metrics.
      headers: { accept: "text/plain, application/json;q=0.9, */*;q=0.1" },
      ...(agent === undefined ? {} : { agent }),
    });
    return { ...headOf(response), ...(await readBody(response, maxBytes)) };
  } catch (error) {
    signal.throwIfAborted();
    const answer = limit.signal.aborted ? `no answer within ${timeoutMs / 1000} s` : wordsOf(error);
    throw new ApiError(`read ${url}`, answer, { failure: "unavailable", cause: error });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", give);
  }
}

function headOf({ status, headers }: Response): Pick<EndpointAnswer, "status" | "contentType" | "location"> {
  const contentType = (headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
  return { status, contentType, location: headers.get("location") ?? undefined };
}

async function readBody(
  { body }: Response,
  maxBytes: number,
): Promise<Pick<EndpointAnswer, "families" | "beginning" | "isWhole">> {
  const reader = new FamilyReader();
  let beginning = "";
  let bytes = 0;
  let isWhole = true;
  // Names are ASCII: a character that a piece's end cuts in two is in a label's value.
  for await (const chunk of (body ?? []) as AsyncIterable<Buffer>) {
    const text = chunk.toString("latin1");
    if (beginning.length < BEGINNING) beginning += text.slice(0, BEGINNING - beginning.length);
    reader.push(text);
    bytes += chunk.length;
    if (bytes < maxBytes) continue;
    isWhole = false;
    break; // Ends the connection as well.
  }
  if (isWhole) reader.end();
  return { families: reader.names, beginning, isWhole };
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there (connection refused)",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "the name cannot be looked up now",
  EPROTO: "it doesn't speak TLS",
  ERR_SSL_WRONG_VERSION_NUMBER: "it doesn't speak TLS",
  HPE_INVALID_CONSTANT: "it doesn't speak HTTP",
};

function wordsOf(error: unknown): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: string };
  const known = typeof code === "string" ? WORDS[code] : undefined;
  return known ?? (message ?? String(error)).replace(/^request to \S+ failed, reason: /, "");
}
