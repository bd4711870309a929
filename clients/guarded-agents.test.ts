import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";

import { expect, onTestFinished, test } from "vitest";

import { guardedAgents, type Mandate } from "./guarded-agents.ts";

/** Of a term that goes on. */
const HELD: Mandate = { signal: new AbortController().signal, mustHold: () => undefined };
const PROTOCOLS = ["http", "https"] as const;
type Protocol = (typeof PROTOCOLS)[number];

/** Keys that both sides know, so that no certificate is needed. */
const PSK = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
const KEY = Buffer.from("0123456789abcdef");

interface Server {
  readonly port: number;
  readonly requests: readonly IncomingMessage[];
  readonly connections: () => number;
}

async function serve(protocol: Protocol): Promise<Server> {
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(request);
    response.end("well");
  };
  const server =
    protocol === "http"
      ? http.createServer(answer)
      : https.createServer({ ...PSK, pskCallback: () => KEY }, answer);
  server.on(protocol === "http" ? "connection" : "secureConnection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, requests, connections: () => connections };
}

async function post(
  protocol: Protocol,
  agents: ReturnType<typeof guardedAgents>,
  port: number,
): Promise<number> {
  const common = { host: "127.0.0.1", port, method: "POST", agent: agents[protocol] } as const;
  const request =
    protocol === "http"
      ? http.request(common)
      : https.request({
          ...common,
          ...PSK,
          pskCallback: () => ({ psk: KEY, identity: "test" }),
          rejectUnauthorized: false,
        } as https.RequestOptions);
  request.end("a write");
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "close");
  // A moment later the agent has the connection back.
  await new Promise((resolve) => setTimeout(resolve, 20));
  return response.statusCode ?? 0;
}

test.for(PROTOCOLS)("hands out a connection by %s, and uses it again", async (protocol) => {
  const server = await serve(protocol);
  const agents = guardedAgents(HELD);

  const answers = [await post(protocol, agents, server.port), await post(protocol, agents, server.port)];

  expect(answers).toEqual([200, 200]);
  expect(server.requests).toHaveLength(2);
  expect(server.connections()).toBe(1);
});

test.for(PROTOCOLS)(
  "a connection by %s that stands too late carries nothing, and its request fails with the reason",
  async (protocol) => {
    const server = await serve(protocol);
    const agents = guardedAgents({
      signal: new AbortController().signal,
      mustHold() {
        throw new Error("the term is over");
      },
    });

    await expect(post(protocol, agents, server.port)).rejects.toThrow("the term is over");

    await expect.poll(server.connections).toBe(1);
    expect(server.requests).toEqual([]);
  },
);

test.for(PROTOCOLS)("a connection by %s that can't be made fails its request", async (protocol) => {
  const agents = guardedAgents(HELD);

  await expect(post(protocol, agents, 1)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test.for(PROTOCOLS)("resets a connection by %s when the mandate ends, in use or not", async (protocol) => {
  const server = await serve(protocol);
  const term = new AbortController();
  const agents = guardedAgents({ signal: term.signal, mustHold: () => undefined });
  await post(protocol, agents, server.port);
  const socket = server.requests[0]!.socket;
  const reset = once(socket, "error");

  term.abort();

  // Closed in order, the other side would see an end and no error.
  expect(await reset).toMatchObject([{ code: "ECONNRESET" }]);
});
