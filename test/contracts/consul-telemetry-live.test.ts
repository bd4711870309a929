import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, onTestFinished, test } from "vitest";

import { PACKS } from "../builders/observed.ts";
import { consulBinary, NO_CONSUL, startConsul, type ConsulServer } from "../servers/consul.ts";
import { missingFamilies } from "./against-table.ts";
import { parseExposition } from "./exposition.ts";
import { openMetricsInstance } from "./openmetrics-instance.ts";
import { sentByOpenMetrics } from "./openmetrics-names.ts";

const pack = PACKS.get("consul")!;
const TELEMETRY = "/v1/agent/metrics?format=prometheus";
const KEPT = { telemetry: { prometheus_retention_time: "10m", disable_hostname: true } };
/** What the check calls besides what the probes do (consul.py). */
const CALLS = [
  "/v1/status/leader",
  "/v1/status/peers",
  "/v1/health/state/any",
  "/v1/catalog/services",
  "/v1/health/service/consul",
  "/v1/catalog/nodes",
  "/v1/coordinate/nodes",
  "/v1/coordinate/datacenters",
];
/** Whatever happens to a node is noticed within a second. */
const HASTY = {
  gossip_lan: { probe_interval: "100ms", probe_timeout: "50ms", gossip_interval: "50ms", suspicion_mult: 1 },
};

async function consul(options: Parameters<typeof startConsul>[0] = {}): Promise<ConsulServer> {
  const started = await startConsul(options);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

async function read(url: string, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(url + path);
  return { status: answer.status, text: await answer.text() };
}

/** A client that has joined a server. */
async function joined(server: ConsulServer): Promise<ConsulServer> {
  const self = JSON.parse((await read(server.url, "/v1/agent/self")).text) as {
    readonly Member: { readonly Port: number };
  };
  const config = {
    ...KEPT,
    ...HASTY,
    server: false,
    bootstrap: false,
    retry_join: [`127.0.0.1:${self.Member.Port}`],
  };
  return consul({ nodeName: "node-2", config });
}

async function statusOf(server: ConsulServer, node: string): Promise<string | undefined> {
  const line = (await server.run("members")).split("\n").find((one) => one.startsWith(node));
  return line?.split(/\s+/)[2];
}

describe.skipIf(consulBinary() === undefined)(
  `Consul's telemetry, live${consulBinary() === undefined ? ` (${NO_CONSUL})` : ""}`,
  () => {
    test("has what the pack expects and what its table saw, of the types that the table says", async () => {
      const server = await consul({ config: { ...KEPT, ...HASTY } });
      const client = await joined(server);
      // Only who joins opens connections to exchange the whole state.
      const ofClient = (await read(client.url, TELEMETRY)).text;
      await client.kill();
      await expect.poll(() => statusOf(server, "node-2"), { timeout: 20_000 }).toBe("failed");
      await client.start();
      await expect.poll(() => statusOf(server, "node-2"), { timeout: 20_000 }).toBe("alive");
      await client.run("leave");
      await expect.poll(() => statusOf(server, "node-2"), { timeout: 20_000 }).toBe("left");

      const both = async (): Promise<string> => `${ofClient}\n${(await read(server.url, TELEMETRY)).text}`;
      // The lengths of serf's queues are measured every 30 seconds.
      const patience = { timeout: 40_000, interval: 500 };
      await expect.poll(async () => missingFamilies(pack, await both()), patience).toEqual([]);
      const types = new Map(parseExposition(await both()).map(({ name, type }) => [name, type]));
      const wrong = Object.values(pack.metrics.metrics).filter(({ exposed = "", type, verified }) => {
        const expected = type === "count" ? "counter" : type;
        return verified === "live" && types.get(exposed) !== expected;
      });
      expect(wrong).toEqual([]);
    }, 90_000);

    test("calls raft's transactions otherwise than the Agent's check does, which the pack says", async () => {
      const server = await consul({ config: KEPT });

      const names = parseExposition((await read(server.url, TELEMETRY)).text).map(({ name }) => name);

      expect(names).toContain("consul_raft_apply");
      expect(names).not.toContain("consul_raft_state_apply");
      expect(pack.metrics.metrics).not.toHaveProperty(["consul.raft.apply"]);
    });

    test("answers 415 until it is kept, and the pack knows what to do then", async () => {
      const server = await consul();

      expect((await read(server.url, TELEMETRY)).status).toBe(415);
      expect(pack.hints["415"]).toContain("prometheus_retention_time");
    });

    test("is read by the generic pack as well, under the service's name", async () => {
      const server = await consul({ config: KEPT });
      const document = `pack: generic\nendpoint: {path: '${TELEMETRY}'}\nagent: {metrics: ['^consul_(raft|memberlist)_']}\n`;

      const series = sentByOpenMetrics(
        (await read(server.url, TELEMETRY)).text,
        openMetricsInstance("mesh", document),
      );

      const names = series.map(({ name, type }) => `${name} ${type}`);
      expect(names).toEqual(
        expect.arrayContaining([
          "mesh.consul_raft_apply.count count",
          "mesh.consul_raft_last_index gauge",
          "mesh.consul_raft_commitTime.quantile gauge",
          "mesh.consul_raft_commitTime.sum count",
          "mesh.consul_memberlist_gossip.count count",
        ]),
      );
    });

    test("and all else that the check calls are open to the anonymous token with the policy of the pack's setup, and closed without", async () => {
      const server = await consul({ acls: true, config: KEPT });
      const [, policy = ""] =
        /```hcl\n(.*?)```/s.exec(pack.setup.find(({ title }) => title === "ACLs")!.text) ?? [];
      const calls = pack.probes.map(({ path = "" }) => path).concat(CALLS);

      const before = await Promise.all(pack.probes.map(({ path = "" }) => read(server.url, path)));
      await server.run("acl", "policy", "create", "-name", "datadog", "-rules", policy);
      await server.run("acl", "token", "update", "-id", "anonymous", "-policy-name", "datadog");
      await sleep(500);
      const after = await Promise.all(calls.map((path) => read(server.url, path)));

      expect(before.map(({ status }) => status)).toEqual([403, 403]);
      expect(pack.hints["403"]).toContain("agent_prefix");
      expect(after.map(({ status }, index) => `${status} ${calls[index]}`)).toEqual(
        calls.map((path) => `200 ${path}`),
      );
      expect(JSON.parse(after[calls.indexOf("/v1/catalog/services")]!.text)).toHaveProperty("consul");
      expect(JSON.parse(after[calls.indexOf("/v1/catalog/nodes")]!.text)).toHaveLength(1);
    });
  },
);
