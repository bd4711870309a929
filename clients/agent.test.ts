import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, onTestFinished, test } from "vitest";

import { readAgent } from "./agent.ts";

const signal = new AbortController().signal;

async function serve(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => void response.writeHead(status).end(body));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("reads checks and what could not be loaded", async () => {
  const url = await serve(
    200,
    JSON.stringify({
      runner: {
        Checks: {
          ray: {
            "ray:1": {
              CheckName: "ray",
              CheckConfigSource: "file:/etc/datadog-agent/conf.d/ray.d/dd-observe-ray.yaml[0]",
              TotalRuns: 3,
              TotalErrors: 1,
              LastError: '[{"message":"boom","traceback":"…"}]',
              LastWarnings: null,
              UpdateTimestamp: 1_700_000_000,
              Interval: 15_000_000_000,
              MetricSamples: 12,
            },
          },
        },
      },
      autoconfig: { ConfigErrors: { vllm: "yaml: line 2" } },
      CheckScheduler: { LoaderErrors: { nats: { "Python Check Loader": "unable to import module 'nats'" } } },
      pyLoader: { ConfigureErrors: { ray: ["bad init_config"] } },
    }),
  );

  const state = await readAgent(url, signal);

  expect(state.checks).toEqual([
    {
      id: "ray:1",
      check: "ray",
      file: "/etc/datadog-agent/conf.d/ray.d/dd-observe-ray.yaml",
      runs: 3,
      errors: 1,
      lastError: "boom",
      warnings: [],
      updatedAtMs: 1_700_000_000_000,
      intervalMs: 15_000,
      metricSamples: 12,
    },
  ]);
  expect(Object.fromEntries(state.rejections)).toEqual({
    vllm: ["yaml: line 2"],
    nats: ["unable to import module 'nats'"],
    ray: ["bad init_config"],
  });
});

test("takes what it can from an Agent of another shape", async () => {
  const url = await serve(
    200,
    JSON.stringify({
      runner: { Checks: { ray: { "ray:1": { TotalRuns: "many" }, "ray:2": 7 }, cpu: null } },
      autoconfig: 3,
    }),
  );

  const state = await readAgent(url, signal);

  expect(state.checks).toMatchObject([{ id: "ray:1", check: "ray", file: "", runs: 0 }]);
  expect(state.rejections.size).toBe(0);
});

test.for<[status: number, body: string, message: string]>([
  [200, "<html>", "Unexpected token"],
  [200, "{}", "an answer that is not the Agent's"],
  [404, "no", "404 Not Found"],
])("answers of %i %j are no state of the Agent", async ([status, body, message]) => {
  const url = await serve(status, body);

  await expect(readAgent(url, signal)).rejects.toMatchObject({
    failure: "unavailable",
    message: expect.stringContaining(message),
    hint: expect.stringContaining("expvar_port"),
  });
});

test("ends with the signal's reason when it is aborted", async () => {
  const abort = new AbortController();
  abort.abort(new Error("shutting down"));

  await expect(readAgent("http://127.0.0.1:1", abort.signal)).rejects.toThrow("shutting down");
});
