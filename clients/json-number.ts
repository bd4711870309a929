import fetch from "node-fetch";

import { ApiError } from "./errors.ts";

export interface NumberQuestion {
  readonly url: string;
  /** Where the number stands in the answer: a JSON pointer (RFC 6901), `""` for the answer itself. */
  readonly pointer: string;
  /** What it means that nothing stands there. Without it that is an error. */
  readonly whenAbsent?: number | undefined;
}

const TIMEOUT_MS = 5_000;
/** An answer that holds one number. */
const MAX_BYTES = 256 * 1024;
const MOST_SHOWN = 120;

/**
 * Asks an HTTP API for one number. A decimal text counts as one: that is how protobuf's JSON writes large integers.
 *
 * @throws {ApiError} `rejected` if the same would fail again, else `unavailable`. Redirects are not followed.
 */
export async function readNumber(question: NumberQuestion, signal: AbortSignal): Promise<number> {
  const tried = `read ${question.url}`;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let body: unknown;
  try {
    const response = await fetch(question.url, {
      signal: limited,
      size: MAX_BYTES,
      redirect: "manual",
      headers: { accept: "application/json" },
    });
    if (!response.ok) throw refused(tried, response.status, await response.text());
    body = JSON.parse(await response.text());
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError) throw error;
    const answer = limited.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : messageOf(error);
    throw new ApiError(tried, answer, { failure: "unavailable", cause: error });
  }
  return numberIn(body, question, tried);
}

function refused(tried: string, status: number, text: string): ApiError {
  return new ApiError(tried, `${status} ${shown(text)}`.trim(), {
    failure: status >= 500 || status === 429 ? "unavailable" : "rejected",
    status,
  });
}

function numberIn(body: unknown, { pointer, whenAbsent }: NumberQuestion, tried: string): number {
  const found = at(body, pointer);
  if (found === undefined && whenAbsent !== undefined) return whenAbsent;
  const value = typeof found === "string" && /^-?\d+(\.\d+)?$/.test(found) ? Number(found) : found;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const instead = found === undefined ? "nothing" : shown(JSON.stringify(found));
  throw new ApiError(tried, `${instead} at ${pointer === "" ? "its top" : pointer}, which is no number`, {
    failure: "rejected",
  });
}

/** @see https://www.rfc-editor.org/rfc/rfc6901 */
function at(body: unknown, pointer: string): unknown {
  let value = body;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function messageOf(error: unknown): string {
  return error instanceof Error
    ? error.message.replace(/^request to \S+ failed, reason: /, "")
    : String(error);
}

function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= MOST_SHOWN ? line : `${line.slice(0, MOST_SHOWN)}…`;
}
