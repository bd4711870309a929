import type { IncomingMessage, ServerResponse } from "node:http";

import { errors, type FakeAnswer, type RateLimit, type Route } from "./datadog-api.ts";

export interface Fault {
  readonly method?: string;
  readonly path?: RegExp;
  readonly kind: "status" | "html" | "badJson" | "truncate" | "empty" | "reset" | "hang";
  /** 500 if absent. For `status` and `html`. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** For `status`; an error if absent. */
  readonly body?: unknown;
  /** True if the request takes effect before the fault strikes. */
  readonly after?: boolean;
  /** 1 if absent; Infinity for always. */
  readonly times?: number;
}

export function takeFault(
  faults: { fault: Fault; left: number }[],
  method: string,
  path: string,
): Fault | undefined {
  const found = faults.find(
    ({ fault, left }) =>
      left > 0 && (fault.method ?? method) === method && (fault.path === undefined || fault.path.test(path)),
  );
  if (found === undefined) return undefined;
  found.left -= 1;
  return found.fault;
}

const PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";

export function strike(
  fault: Fault,
  request: IncomingMessage,
  response: ServerResponse,
  answer: FakeAnswer | undefined,
): void {
  const status = fault.status ?? 500;
  const headers = { "content-type": "application/json", ...fault.headers };
  switch (fault.kind) {
    case "status":
      send(response, { status, body: fault.body ?? errors(status, "Error").body }, { ...fault.headers });
      return;
    case "html":
      response.writeHead(fault.status ?? 502, { "content-type": "text/html" }).end(PAGE);
      return;
    case "badJson":
      response.writeHead(200, headers).end('{"id": 1, "name": "cut');
      return;
    case "empty":
      response.writeHead(200, headers).end();
      return;
    case "truncate": {
      const text = JSON.stringify(answer?.body ?? { errors: ["x".repeat(200)] });
      response.writeHead(200, { ...headers, "content-length": Buffer.byteLength(text) });
      response.write(text.slice(0, text.length / 2), () => request.socket.destroy());
      return;
    }
    case "reset":
      request.socket.resetAndDestroy();
      return;
    case "hang":
      return; // Never answered: the caller gives up, or `stop` ends the connection.
  }
}

export function send(
  response: ServerResponse,
  answer: FakeAnswer,
  headers: Readonly<Record<string, string>>,
): void {
  const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
  response.writeHead(answer.status, { "content-type": "application/json", ...headers }).end(text);
}

/** Counts a call; windows are aligned to the clock, as Datadog's are. */
export function isOverLimit(
  used: Map<Route, { window: number; calls: number }>,
  route: Route,
  { limit, periodSeconds, name }: RateLimit,
  headers: Record<string, string>,
): boolean {
  const now = Date.now() / 1_000;
  const window = Math.floor(now / periodSeconds);
  const before = used.get(route);
  const calls = (before?.window === window ? before.calls : 0) + 1;
  used.set(route, { window, calls });
  headers["x-ratelimit-limit"] = String(limit);
  headers["x-ratelimit-period"] = String(periodSeconds);
  headers["x-ratelimit-remaining"] = String(Math.max(0, limit - calls));
  headers["x-ratelimit-reset"] = String(Math.max(1, Math.ceil((window + 1) * periodSeconds - now)));
  if (name !== undefined) headers["x-ratelimit-name"] = name;
  return calls > limit;
}
