import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createHash, timingSafeEqual } from "node:crypto";

/** Whether something holds, and what is wrong if not. */
export interface Check {
  readonly ok: boolean;
  readonly problems: readonly string[];
}

export interface Page {
  readonly type: string;
  readonly body: string;
  /** What a browser may do with it. Without one it loads nothing but our own files. */
  readonly policy?: string;
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
  readonly pages: Readonly<Record<string, (query: URLSearchParams) => Page | undefined | Promise<Page>>>;
  /** By path: what holds nothing that needs a token, such as the status page without its contents. */
  readonly files: Readonly<Record<string, Page>>;
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
    answer(options, request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else send(response, 500, "text/plain", "internal error\n");
    });
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
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
  const { pathname: path, searchParams: query } = new URL(request.url ?? "/", "http://localhost");
  if (request.method !== "GET" && request.method !== "HEAD")
    return send(response, 405, "text/plain", "only GET\n");
  const mayRead = isAllowed(options, request);
  if (path === "/healthz") return sendCheck(response, options.health(), mayRead);
  if (path === "/readyz") return sendCheck(response, options.readiness(), mayRead);
  const file = Object.hasOwn(options.files, path) ? options.files[path] : undefined;
  if (file !== undefined) return sendPage(request, response, file);
  if (!mayRead) {
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
        ? await options.pages[path]!(query)
        : undefined;
  if (page === undefined)
    return send(
      response,
      404,
      "text/plain",
      `no such page; there are /healthz, /readyz, /metrics, ${Object.keys(options.pages).join(", ")}\n`,
    );
  sendPage(request, response, page);
}

function isAllowed({ host, token }: ServerOptions, request: IncomingMessage): boolean {
  if (LOOPBACK.has(host) && (token === undefined || request.headers.authorization === undefined)) {
    // A name other than ours in Host means that a web page tries to reach us through a name of its own.
    return LOOPBACK.has((request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[|\]$/g, ""));
  }
  if (token === undefined) return false;
  const given = Buffer.from(request.headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** What is wrong is for those who may read the pages; everyone else gets yes or no. */
function sendCheck(response: ServerResponse, { ok, problems }: Check, mayRead: boolean): void {
  const why = mayRead ? problems.join("\n") : "not ok";
  send(response, ok ? 200 : 503, "text/plain", ok ? "ok\n" : `${why}\n`);
}

/** Sends a page, or 304 to whoever has it already: the status page asks again and again. */
function sendPage(request: IncomingMessage, response: ServerResponse, { type, body, policy }: Page): void {
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  response.setHeader("etag", etag);
  response.setHeader("cache-control", "no-cache");
  if (request.headers["if-none-match"] === etag) response.writeHead(304).end();
  else send(response, 200, type, body, policy);
}

const OWN_FILES =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  policy: string = OWN_FILES,
): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "x-content-type-options": "nosniff",
    "content-security-policy": policy,
    "referrer-policy": "no-referrer",
  });
  response.end(body);
}
