import { createSocket } from "node:dgram";
import { once } from "node:events";

import { expect, onTestFinished, test } from "vitest";

import { readConfig } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import { SILENT } from "../builders/engine-world.ts";
import { startFakeConsul } from "../fakes/consul.ts";
import { startFakeDatadog } from "../fakes/datadog.ts";

test("the controller that leads sends the budget of a service and what is used of it", async () => {
  const consul = await startFakeConsul();
  const datadog = await startFakeDatadog();
  const received: string[] = [];
  const agent = createSocket("udp4", (message) => received.push(message.toString()));
  agent.bind(0, "127.0.0.1");
  await once(agent, "listening");
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  onTestFinished(async () => {
    stop.abort();
    await Promise.all(running);
    agent.close();
    await Promise.all([consul[Symbol.asyncDispose](), datadog.stop()]);
  });
  consul.put("observability/support", "pack: ai-agent\nenv: prod\nbudget: {daily: 50}\n");
  consul.state.registerService("node-1", {
    ID: "support-1",
    Service: "support",
    Address: "10.0.0.7",
    Port: 8080,
    Tags: ["dd-observe"],
  });
  datadog.metrics.set("ai.agent.cost", [
    { at: Math.floor(Date.now() / 1_000), value: 5, tags: ["service:support", "env:prod", "cluster:dc1"] },
  ]);
  const config = readConfig(
    {},
    {
      CONSUL_HTTP_ADDR: consul.url,
      DD_API_URL: datadog.url,
      DD_API_KEY: datadog.apiKey,
      DD_APP_KEY: datadog.appKey,
      DD_OBSERVE_NODE_NAME: "node-1",
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      DD_OBSERVE_DOGSTATSD: `127.0.0.1:${agent.address().port}`,
      DD_OBSERVE_BUDGET_INTERVAL: "500ms",
    },
  );
  running.push((await startOperator(config, "controller", stop.signal, SILENT)).done);
  const lineOf = (metric: string): string | undefined =>
    received.find((line) => line.startsWith(`${metric}:`));

  await expect.poll(() => lineOf("ai.agent.budget.used_ratio"), { timeout: 20_000 }).toBeDefined();

  expect(lineOf("ai.agent.budget.limit")).toBe(
    "ai.agent.budget.limit:50|g|#cluster:dc1,env:prod,service:support,agent:all,period:daily",
  );
  expect(lineOf("ai.agent.budget.used_ratio")).toMatch(/^ai\.agent\.budget\.used_ratio:0\.1\|g\|/);
});
