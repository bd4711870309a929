import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { lookAtReceiver, type ReceiverName, type ReceiverState } from "../../clients/receivers.ts";
import type { DogstatsdAddress, ReceiverAddresses } from "../../clients/receiver-address.ts";

const HOST = "127.0.0.1";

async function look(name: ReceiverName, address: DogstatsdAddress | number): Promise<ReceiverState> {
  const at = typeof address === "number" ? { host: HOST, port: address } : address;
  const addresses = { dogstatsd: at, otlpGrpc: at, otlpHttp: at, apm: at } as ReceiverAddresses;
  return await lookAtReceiver(name, addresses, AbortSignal.timeout(5_000));
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, HOST);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function http(answer: RequestListener): Promise<number> {
  return await portOf(createServer(answer));
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createTcpServer();
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test.for<ReceiverName>(["dogstatsd", "otlp-grpc", "otlp-http", "apm"])(
  "%s is off where nobody listens",
  async (name) => {
    const port = await freePort();

    expect(await look(name, port)).toEqual({
      isOn: false,
      address: `${HOST}:${port}`,
      found: "nobody listens there",
    });
  },
);

test("DogStatsD is on where a UDP port is bound, and gets nothing but an empty datagram", async () => {
  const server = createSocket("udp4");
  const got: number[] = [];
  server.on("message", (message) => got.push(message.length));
  server.bind(0, HOST);
  await once(server, "listening");
  onTestFinished(() => void server.close());

  const found = await look("dogstatsd", server.address().port);

  expect(found.isOn).toBe(true);
  expect(got).toEqual([0]);
});

test("DogStatsD's socket is told from a file and from nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dsd-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const server = createTcpServer().listen(join(folder, "dsd.socket"));
  await once(server, "listening");
  onTestFinished(() => void server.close());
  writeFileSync(join(folder, "file"), "");

  expect(await look("dogstatsd", { path: join(folder, "dsd.socket") })).toMatchObject({ isOn: true });
  expect((await look("dogstatsd", { path: join(folder, "file") })).found).toMatch(/no socket/);
  expect((await look("dogstatsd", { path: join(folder, "none") })).found).toBe("there is no such socket");
});

test("a gRPC receiver answers with HTTP/2; a web server doesn't", async () => {
  const grpc = await portOf(createHttp2Server());
  const web = await http((_request, response) => response.end("hello"));

  expect(await look("otlp-grpc", grpc)).toMatchObject({ isOn: true });
  expect(await look("otlp-grpc", web)).toMatchObject({ isOn: false });
});

test("an OTLP receiver takes an empty export; others answer something else", async () => {
  const seen: string[] = [];
  const otlp = await http((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers["content-type"]}`);
    response.end();
  });
  const web = await http((_request, response) => response.writeHead(404).end());
  const proxy = await http((_request, response) => response.writeHead(405).end());

  expect(await look("otlp-http", otlp)).toMatchObject({ isOn: true });
  expect(seen).toEqual(["POST /v1/metrics application/x-protobuf"]);
  expect((await look("otlp-http", web)).found).toBe("what listens there takes no metrics (404)");
  expect((await look("otlp-http", proxy)).found).toBe("what listens there is no OTLP receiver (405)");
});

test("the trace Agent is told from another web server", async () => {
  const agent = await http((request, response) => {
    response.end(request.url === "/info" ? '{"version":"7.60.0","endpoints":["/v0.4/traces"]}' : "");
  });
  const web = await http((_request, response) => response.end("<html>"));

  expect(await look("apm", agent)).toMatchObject({ isOn: true });
  expect((await look("apm", web)).found).toBe("what listens there is no Datadog Agent (200)");
});
