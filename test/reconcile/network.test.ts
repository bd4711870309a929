import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { http, HttpResponse } from "msw/http";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";

import { datadogWriter } from "../../clients/datadog.ts";
import { keyOfFile, renderFile } from "../../controllers/agent-config/file.ts";
import { agentConfigTarget } from "../../controllers/agent-config/target.ts";
import { monitorTarget } from "../../controllers/monitors/target.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { wishedMonitor, CLUSTER } from "../builders/monitors.ts";
import { bringInLine, desired, signal } from "../target-contract.ts";

/**
 * Each target talks to the systems that it is for, and to nobody else: a call that no handler
 * plans for is an error. The stand-ins in `test/fakes` answer whatever is asked; these don't.
 */
const DATADOG = "https://api.datadoghq.test";
const AGENT = "http://agent.test:5000";

const server = setupServer();

beforeAll(() => server.listen({ onUnhandledFrame: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

test("monitors come into line by the planned calls alone, and a second pass only reads", async () => {
  const monitors = new Map<number, Record<string, unknown>>();
  const calls: string[] = [];
  server.use(
    http.get(`${DATADOG}/api/v1/monitor`, () => {
      calls.push("list");
      return HttpResponse.json([...monitors.values()]);
    }),
    http.post(`${DATADOG}/api/v1/monitor`, async ({ request }) => {
      calls.push("create");
      const monitor = { ...((await request.json()) as object), id: 100 + monitors.size, org_id: 1 };
      monitors.set(monitor.id, monitor);
      return HttpResponse.json(monitor);
    }),
  );
  const target = monitorTarget({
    datadog: datadogWriter({ url: DATADOG, apiKey: "api", appKey: "app" }),
    clusterId: CLUSTER,
    memory: new Memory(),
  });

  await bringInLine(target, desired([wishedMonitor("ray/a"), wishedMonitor("ray/b")]));
  const writes = calls.filter((call) => call === "create").length;
  await bringInLine(target, desired([wishedMonitor("ray/a"), wishedMonitor("ray/b")]));

  expect(monitors.size).toBe(2);
  expect(calls.filter((call) => call === "create")).toHaveLength(writes);
});

test("Agent files are written whatever the Agent answers, and only its expvar is asked", async () => {
  const confd = await mkdtemp(join(tmpdir(), "dd-observe-network-"));
  onTestFinished(async () => await rm(confd, { recursive: true }));
  server.use(
    http.get(`${AGENT}/debug/vars`, () => HttpResponse.text("<html>a proxy</html>", { status: 502 })),
  );
  const target = agentConfigTarget({ confd, clusterId: CLUSTER, agent: AGENT, reload: { kind: "none" } });
  const body = renderFile({
    check: "ray",
    service: "ray",
    clusterId: CLUSTER,
    config: { init_config: {}, instances: [{ openmetrics_endpoint: "http://10.0.0.1:8080/metrics" }] },
  });

  await bringInLine(
    target,
    desired([
      { key: keyOfFile(body), owner: "ray", body, drift: { rule: "correct", fields: {} }, retain: false },
    ]),
  );
  const conditions = await target.verify(signal());
  await target.close();

  expect((await target.observe(signal())).map(({ key }) => key)).toEqual(["ray/ray"]);
  expect(conditions.get("ray")?.[0]).toMatchObject({ type: "AgentLoaded", status: "Unknown" });
});
