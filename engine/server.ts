import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { timingSafeEqual } from "node:crypto";

/** Whether something holds, and what is wrong if not. */
export interface Check {
  readonly ok: boolean;
  readonly problems: readonly string[];
}

export interface Page {
  readonly type: string;
  readonly body: string;
}

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** Asked as `Authorization: Bearer …` of everyone, unless the address is loopback. */
  readonly token: string | undefined;
  readonly health: () => Check;
  readonly readiness: () => Check;
  readonly metrics: () => Promise<Page>;
  /** By path, such as `/v1/services`. Read-only. */
  readonly pages: Readonly<Record<string, () => Page | Promise<Page>>>;
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/**
 * Serves health, readiness, metrics and read-only pages. Listens on loopback unless told otherwise;
 * on any other address it wants a token. `/healthz` and `/readyz` are open, since they say nothing but yes or no.
 *
 * @returns The server's URL, and how to stop it.
 * @throws {Error} if the address is not loopback and there is no token, or if it is in use.
 */
export async function startServer(
  options: ServerOptions,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  if (!LOOPBACK.has(options.host) && options.token === undefined) {
    throw new Error(
      `Cannot listen on ${options.host}: an address other than loopback needs DD_OBSERVE_HTTP_TOKEN`,
    );
  }
  const server = createServer((request, response) => {
    answer(options, request, response).catch(() => send(response, 500, "text/plain", "internal error\n"));
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function listen(server: Server, { host, port }: ServerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE"
          ? "the address is in use; choose another with --http-addr"
          : error.message;
      reject(new Error(`Cannot listen on ${host}:${port}: ${why}`));
    });
    server.listen(port, host, resolve);
  });
}

async function answer(
  options: ServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  if (request.method !== "GET" && request.method !== "HEAD")
    return send(response, 405, "text/plain", "only GET\n");
  if (path === "/healthz") return sendCheck(response, options.health());
  if (path === "/readyz") return sendCheck(response, options.readiness());
  if (!isAllowed(options, request)) {
    response.setHeader("www-authenticate", "Bearer");
    return send(
      response,
      401,
      "text/plain",
      "a token is needed: Authorization: Bearer <DD_OBSERVE_HTTP_TOKEN>\n",
    );
  }
  const page =
    path === "/metrics"
      ? await options.metrics()
      : Object.hasOwn(options.pages, path)
        ? await options.pages[path]!()
        : undefined;
  if (page === undefined)
    return send(
      response,
      404,
      "text/plain",
      `no such page; there are /healthz, /readyz, /metrics, ${Object.keys(options.pages).join(", ")}\n`,
    );
  send(response, 200, page.type, page.body);
}

function isAllowed({ host, token }: ServerOptions, request: IncomingMessage): boolean {
  // A name other than ours in Host means that a web page tries to reach us through a name of its own.
  if (token === undefined)
    return LOOPBACK.has((request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[|\]$/g, ""));
  if (LOOPBACK.has(host) && request.headers.authorization === undefined) return true;
  const given = Buffer.from(request.headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function sendCheck(response: ServerResponse, { ok, problems }: Check): void {
  send(response, ok ? 200 : 503, "text/plain", ok ? "ok\n" : `${problems.join("\n")}\n`);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "x-content-type-options": "nosniff",
    "content-security-policy":
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src 'self'",
  });
  response.end(body);
}
