import http from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { startFakeNomad, type FakeNomad, type FakeNomadOptions } from "../test/fakes/nomad.ts";
import { openNomad } from "./nomad.ts";

const ALLOCATION = "95947360-6700-85bf-3a9d-d206f21696bf";

async function start(options: FakeNomadOptions = {}): Promise<FakeNomad> {
  const fake = await startFakeNomad(options);
  onTestFinished(() => fake.stop());
  return fake;
}

function configFolder(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), "dd-observe-nomad-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

test("says what the agent runs with, and which files it read", async () => {
  const configDir = configFolder({ "zz.hcl": "telemetry {\n  prometheus_metrics = true\n}\n" });
  const { url } = await start({ version: "2.0.6-dev", configDir });

  const self = await openNomad({ address: url }).agentSelf();

  expect(self).toMatchObject({
    version: "2.0.6-dev",
    nodeName: "node-1",
    isServer: true,
    isClient: true,
    nodeId: "981203d8-b7ac-4d16-d8c6-ec8a86cbcc61",
    files: [join(configDir, "zz.hcl")],
  });
  expect(self.telemetry["PrometheusMetrics"]).toBe(true);
});

test("metrics for Prometheus that are not enabled are none, and no error", async () => {
  const { url } = await start();

  expect(await openNomad({ address: url }).prometheusMetrics()).toBeUndefined();
});

test("a refused token is told with the right that is missing", async () => {
  const fake = await start();
  fake.faults.acl = "deny";

  await expect(openNomad({ address: fake.url }).agentSelf()).rejects.toMatchObject({
    failure: "unauthorized",
    message: "Cannot read the Nomad agent's configuration: 403 Permission denied",
    hint: 'Give the token of NOMAD_TOKEN a policy with agent { policy = "read" }.',
  });
});

test("a token file that was rotated is read again", async () => {
  const fake = await start();
  fake.faults.acl = "deny";
  fake.faults.aclByToken.set("new", "allow");
  let token = "old";
  const nomad = openNomad({ address: fake.url, token: () => token });
  await expect(nomad.agentSelf()).rejects.toThrow("403");

  token = "new";

  expect((await nomad.agentSelf()).version).toBe("1.0.18");
});

test("restarts and signals a task", async () => {
  const fake = await start();
  const allocation = fake.state.addAllocation({ id: ALLOCATION, taskNames: ["agent", "other"] });
  const nomad = openNomad({ address: fake.url });

  await nomad.restartTask({ allocation: ALLOCATION, task: "agent" });
  await nomad.signalTask({ allocation: ALLOCATION, task: "agent" }, "SIGHUP");

  expect(allocation.tasks.get("agent")).toMatchObject({ restarts: 1, signals: ["SIGHUP"] });
  expect(allocation.tasks.get("other")).toMatchObject({ restarts: 0, signals: [] });
  expect((await nomad.nodeAllocations(fake.state.nodeId))[0]).toMatchObject({
    id: ALLOCATION,
    clientStatus: "running",
    tasks: new Map([
      ["agent", "running"],
      ["other", "running"],
    ]),
  });
});

test("a task that the allocation doesn't have is no success", async () => {
  const fake = await start();
  fake.state.addAllocation({ id: ALLOCATION, taskNames: ["agent"] });

  await expect(
    openNomad({ address: fake.url }).restartTask({ allocation: ALLOCATION, task: "x" }),
  ).rejects.toThrow(
    `Cannot restart the task "x" of allocation ${ALLOCATION}: 500 Could not find task runner for task: x`,
  );
});

test("what isn't there is undefined", async () => {
  const nomad = openNomad({ address: (await start()).url });

  expect(await nomad.allocation("00000000-0000-0000-0000-000000000000")).toBeUndefined();
  expect(await nomad.node("00000000-0000-0000-0000-000000000000")).toBeUndefined();
});

test("nobody listens: the hint names the address", async () => {
  const fake = await start();
  await fake.stop();

  await expect(openNomad({ address: fake.url }).agentSelf()).rejects.toMatchObject({
    failure: "unavailable",
    hint: `Start Nomad, or set NOMAD_ADDR to where it listens: it doesn't at ${fake.url}.`,
  });
});

test("another program's answer is not taken for Nomad's", async () => {
  const server = http.createServer((_, response) => response.end("<html>hello</html>"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };

  await expect(openNomad({ address: `127.0.0.1:${port}` }).agentSelf()).rejects.toThrow(
    "an answer that is not Nomad's",
  );
});

test("the socket that Nomad gives a task is an address too", async () => {
  const socket = join(configFolder({}), "api.sock");
  const server = http.createServer((request, response) =>
    response.end(JSON.stringify(`${String(request.headers["x-nomad-token"])} ${request.url}`)),
  );
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());

  const nomad = openNomad({ address: `unix://${socket}`, token: "t", namespace: "ml" });

  expect(await nomad.statusLeader()).toBe("t /v1/status/leader?namespace=ml");
});

test("a server that is not well is named, though Nomad calls it too many requests", async () => {
  const fake = await start();
  const nomad = openNomad({ address: fake.url });
  expect(await nomad.serverHealth()).toEqual({ isHealthy: true, sick: [] });

  fake.state.sickServers.add("node-1.global");

  expect(await nomad.serverHealth()).toEqual({ isHealthy: false, sick: ["node-1.global"] });
});
