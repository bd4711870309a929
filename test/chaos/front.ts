import http from "node:http";
import type { AddressInfo, Socket } from "node:net";

const KEY = "dd-application-key";
const MARK = "~";

/** One address for all operators, since it stands in what they write. It knows whose each request is by its key. */
export interface Front {
  readonly url: string;
  /** The application key with which an operator comes through. */
  keyOf(holder: string, appKey: string): string;
  /** From here on nothing of this operator goes through, and nothing comes back to it. */
  cut(holder: string): void;
  stop(): Promise<void>;
}

/** Passes every request on, and every answer back as it is: cut off, reset, or never. */
export async function openFront(target: string): Promise<Front> {
  const agent = new http.Agent({ keepAlive: true });
  const cut = new Set<string>();
  const sockets = new Map<string, Set<Socket>>();

  const server = http.createServer((request, response) => {
    const [appKey, holder = ""] = String(request.headers[KEY] ?? "").split(MARK);
    if (cut.has(holder)) {
      request.socket.resetAndDestroy();
      return;
    }
    note(holder, request.socket);
    const headers = { ...request.headers, host: new URL(target).host, [KEY]: appKey };
    const { method, url } = request;
    const far = http.request(new URL(url ?? "/", target), { method, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("error", () => request.socket.resetAndDestroy());
      answer.on("aborted", () => request.socket.destroy());
    });
    far.on("error", () => request.socket.resetAndDestroy());
    response.on("close", () => {
      // Whoever asked has given up: the server may do it all the same.
      if (!response.writableFinished) far.destroy();
    });
    request.pipe(far);
  });
  server.keepAliveTimeout = 60_000;

  function note(holder: string, socket: Socket): void {
    const own = sockets.get(holder) ?? new Set();
    if (own.has(socket)) return;
    sockets.set(holder, own.add(socket));
    socket.once("close", () => own.delete(socket));
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keyOf: (holder, appKey) => `${appKey}${MARK}${holder}`,
    cut(holder) {
      cut.add(holder);
      for (const socket of sockets.get(holder) ?? []) socket.resetAndDestroy();
    },
    async stop() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
