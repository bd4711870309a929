import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { readConfig } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import { SILENT } from "../builders/engine-world.ts";
import { startFakeConsul } from "../fakes/consul.ts";

/** Temporal's frontend, as far as it counts workflows: protobuf's JSON writes 64-bit numbers as texts and leaves zeros out. */
async function startFrontend(counts: Readonly<Record<string, number>>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://frontend");
    const namespace = /^\/api\/v1\/namespaces\/([^/]+)\/workflow-count$/.exec(url.pathname)?.[1] ?? "";
    asked.push(namespace);
    const count = counts[namespace];
    if (count === undefined || url.searchParams.get("query") !== 'ExecutionStatus="Running"')
      response
        .writeHead(404)
        .end(JSON.stringify({ code: 5, message: `Namespace ${namespace} is not found.` }));
    else response.end(JSON.stringify(count === 0 ? {} : { count: String(count) }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { asked, port: (server.address() as AddressInfo).port };
}

async function startAgent() {
  const received: string[] = [];
  const socket = createSocket("udp4", (message) => received.push(message.toString()));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  return { received, address: `127.0.0.1:${socket.address().port}` };
}

async function world(document: string, dogstatsd: string) {
  const fake = await startFakeConsul();
  const folder = mkdtempSync(join(tmpdir(), "polls-"));
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  onTestFinished(async () => {
    stop.abort();
    await Promise.all(running);
    await fake[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  fake.put("observability/temporal", document);
  for (const node of ["node-2", "node-3"])
    fake.state.registerService(node, {
      ID: `temporal-${node}`,
      Service: "temporal",
      Address: "127.0.0.1",
      Port: 8000,
      Tags: ["dd-observe"],
    });
  const start = async (role: "controller" | "node", name: string): Promise<void> => {
    mkdirSync(join(folder, name));
    const config = readConfig(
      { resync: "1s" },
      {
        CONSUL_HTTP_ADDR: fake.url,
        DD_OBSERVE_NODE_NAME: name,
        DD_OBSERVE_CONFD_DIR: join(folder, name),
        DD_OBSERVE_AGENT_URL: "http://127.0.0.1:9",
        DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
        DD_OBSERVE_PROBE_INTERVAL: "0",
        DD_OBSERVE_DOGSTATSD: dogstatsd,
      },
    );
    running.push((await startOperator(config, role, stop.signal, SILENT)).done);
  };
  await Promise.all([start("node", "node-2"), start("node", "node-3"), start("controller", "node-1")]);
  /** What the nodes say of their polls. */
  const said = (): readonly { status: string; message: string }[] =>
    ["node-2", "node-3"].flatMap((node) => {
      const value = fake.state.keys.get(`dd-observe/status/nodes/${node}/temporal`)?.Value;
      const text = typeof value !== "string" ? "{}" : Buffer.from(value, "base64").toString();
      const { conditions = [] } = JSON.parse(text) as {
        conditions?: { type: string; status: string; message: string }[];
      };
      return conditions.filter(({ type }) => type === "Polling");
    });
  return { said };
}

test("one of two machines counts running Temporal workflows and sends them to its Agent", async () => {
  const frontend = await startFrontend({ default: 3, orders: 0 });
  const agent = await startAgent();
  const { said } = await world(
    `env: prod\nagent: { countRunning: true, httpPort: ${frontend.port}, namespaces: [default, orders] }\n`,
    agent.address,
  );

  await expect.poll(() => said().map(({ status }) => status), { timeout: 40_000 }).toEqual(["True"]);

  const tags = "cluster:dc1,env:prod";
  expect(agent.received.toSorted()).toEqual([
    `temporal.workflow.running:0|g|#${tags},namespace:orders,service:temporal`,
    `temporal.workflow.running:3|g|#${tags},namespace:default,service:temporal`,
  ]);
  expect(frontend.asked.toSorted()).toEqual(["default", "orders"]);
});

test("says what the frontend answered, and what to do, where it can't count", async () => {
  const frontend = await startFrontend({ default: 3 });
  const agent = await startAgent();
  const { said } = await world(
    `agent: { countRunning: true, httpPort: ${frontend.port}, namespaces: [ordres] }\n`,
    agent.address,
  );

  await expect.poll(() => said().map(({ status }) => status), { timeout: 40_000 }).toEqual(["False"]);

  expect(said()[0]?.message).toContain("404");
  expect(said()[0]?.message).toContain("Namespace ordres is not found");
  expect(said()[0]?.message).toContain("services.frontend.rpc.httpPort");
  expect(agent.received).toEqual([]);
});
