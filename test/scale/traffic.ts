import diagnostics from "node:diagnostics_channel";
import type http from "node:http";
import type net from "node:net";

/** What one process exchanged with Consul since its start. */
export interface Traffic {
  /** As they went over the wire, headers and all. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Open now. */
  readonly connections: number;
  /** Answers by what was asked, such as `document` or `orders`. */
  readonly answers: Readonly<Record<string, number>>;
}

export const NO_TRAFFIC: Traffic = { bytesIn: 0, bytesOut: 0, connections: 0, answers: {} };

/**
 * Counts what this process exchanges with one port, beneath every client and without a proxy,
 * which would take as much of a small machine as Consul does.
 */
export function countTraffic(port: number): () => Traffic {
  const open = new Set<net.Socket>();
  const answers: Record<string, number> = {};
  let bytesIn = 0;
  let bytesOut = 0;

  diagnostics.subscribe("net.client.socket", (message) => {
    const { socket } = message as { readonly socket: net.Socket };
    socket.once("connect", () => {
      if (socket.remotePort !== port) return;
      open.add(socket);
      socket.once("close", () => {
        open.delete(socket);
        bytesIn += socket.bytesRead;
        bytesOut += socket.bytesWritten;
      });
    });
  });
  diagnostics.subscribe("http.client.response.finish", (message) => {
    const { request } = message as { readonly request: http.ClientRequest };
    if (request.getHeader("host") !== `127.0.0.1:${port}`) return;
    const kind = kindOf(request.method, request.path);
    answers[kind] = (answers[kind] ?? 0) + 1;
  });

  return () => {
    const sockets = [...open];
    return {
      bytesIn: sockets.reduce((total, socket) => total + socket.bytesRead, bytesIn),
      bytesOut: sockets.reduce((total, socket) => total + socket.bytesWritten, bytesOut),
      connections: sockets.length,
      answers: { ...answers },
    };
  };
}

/** What a request is for, by its path. */
export function kindOf(method: string, path: string): string {
  const { pathname, searchParams } = new URL(path, "http://consul");
  if (pathname === "/v1/txn") return "transaction";
  if (pathname.startsWith("/v1/catalog/node/")) return "node";
  if (pathname === "/v1/catalog/services") return "services";
  if (pathname.startsWith("/v1/kv/dd-observe/control/") && method === "GET") return "orders";
  if (pathname.startsWith("/v1/kv/observability/") && method === "GET") {
    if (searchParams.has("recurse")) return "all documents";
    return searchParams.has("keys") ? "names of documents" : "document";
  }
  return pathname.startsWith("/v1/session/") ? "session" : `other ${method}`;
}

export function sum(parts: readonly Traffic[]): Traffic {
  const answers: Record<string, number> = {};
  for (const part of parts)
    for (const [kind, count] of Object.entries(part.answers)) answers[kind] = (answers[kind] ?? 0) + count;
  const of = (field: "bytesIn" | "bytesOut" | "connections"): number =>
    parts.reduce((total, part) => total + part[field], 0);
  return {
    bytesIn: of("bytesIn"),
    bytesOut: of("bytesOut"),
    connections: of("connections"),
    answers,
  };
}

/** What was exchanged between two counts. Connections are those of the later one. */
export function since(before: Traffic, after: Traffic): Traffic {
  const answers: Record<string, number> = {};
  for (const [kind, count] of Object.entries(after.answers)) {
    const more = count - (before.answers[kind] ?? 0);
    if (more > 0) answers[kind] = more;
  }
  return {
    bytesIn: after.bytesIn - before.bytesIn,
    bytesOut: after.bytesOut - before.bytesOut,
    connections: after.connections,
    answers,
  };
}

export function answersOf({ answers }: Traffic): number {
  return Object.values(answers).reduce((total, count) => total + count, 0);
}
