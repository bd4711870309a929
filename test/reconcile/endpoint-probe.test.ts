import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, onTestFinished, test } from "vitest";

import { watchEndpoints } from "../../controllers/endpoint-probe/index.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { loadPacks } from "../../engine/sources/packs.ts";
import { Resolver, type NodeSnapshot } from "../../engine/sources/snapshot.ts";
import { Board } from "../../engine/status/board.ts";
import { SteppedClock } from "../builders/clock.ts";
import { SILENT } from "../builders/engine-world.ts";
import { packFolder } from "../builders/pack-folder.ts";

const QUEUE_PACK = {
  "pack.yaml": `name: queue
title: Queue
description: A toy.
check: openmetrics
expects:
  - { metric: queue_depth, hint: Start it with --metrics. }
  - { regex: "^queue_consumers" }
hints: { unreachable: "Start the exporter of \${service}.", "403": Allow this machine. }
setup: None.
sources: [https://example.com]
`,
  "conf.yaml": `instance: { openmetrics_endpoint: "\${endpoint}", namespace: queue, metrics: [".+"], allow_redirects: false, tags: "\${tags}" }
`,
};
const METRICS =
  "# TYPE queue_depth gauge\nqueue_depth 1\n# TYPE queue_consumers_total counter\nqueue_consumers_total 2\n";

interface Instance {
  readonly port: number;
  answer: RequestListener;
  readonly asked: string[];
  stop(): Promise<void>;
}

async function instance(answer: RequestListener): Promise<Instance> {
  const asked: string[] = [];
  const self: Instance = { port: 0, answer, asked, stop: async () => undefined };
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    self.answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(stop);
  return Object.assign(self, { port: (server.address() as AddressInfo).port, stop });
}

const metrics: RequestListener = (_request, response) => response.end(METRICS);

/** One machine, and time that passes by `wait`. */
function machine(intervalMs = 60_000) {
  const clock = new SteppedClock();
  const board = new Board("node-1", () => clock.date());
  const resolver = new Resolver({
    packs: loadPacks([packFolder({ queue: QUEUE_PACK })]),
    policy: STRICT_POLICY,
    tagName: "dd-observe",
  });
  const over = new AbortController();
  let snapshot: NodeSnapshot | undefined;
  const watching = watchEndpoints(
    {
      ground: { clusterId: "dc1", policy: STRICT_POLICY, tagName: "dd-observe" },
      snapshot: () => snapshot,
      board,
      log: SILENT,
      intervalMs,
      clock,
    },
    over.signal,
  );
  onTestFinished(async () => {
    over.abort();
    await watching;
  });
  const condition = () => board.get("queue")?.conditions.find(({ type }) => type === "EndpointReachable");
  /** Time goes on, and whatever was asked meanwhile is answered. */
  const wait = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 2_500) {
      await clock.advance(Math.min(left, 2_500));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return {
    condition,
    runs: (ports: readonly number[], { paused = false, address = "127.0.0.1" } = {}): void => {
      const instances = ports.map((port) => ({
        id: `queue-${port}`,
        service: "queue",
        address,
        port,
        tags: ["dd-observe"],
        meta: {},
      }));
      snapshot = resolver.ofNode(
        {
          node: { name: "node-1", address: "127.0.0.1" },
          instances: new Map(ports.length === 0 ? [] : [["queue", instances]]),
          documents: new Map(),
        },
        { paused: new Set(paused ? ["queue"] : []), placed: new Map() },
      );
    },
    wait,
    /** Until something is said of the endpoint that `matches`. */
    until: async (matches: (said: ReturnType<typeof condition>) => boolean): Promise<void> => {
      await expect
        .poll(
          async () => {
            await wait(2_500);
            return matches(condition());
          },
          { timeout: 15_000, interval: 10 },
        )
        .toBe(true);
    },
  };
}

test("an endpoint that answers with the expected metrics is reachable, and is asked once an interval", async () => {
  const queue = await instance(metrics);
  const { runs, until, condition, wait } = machine();
  runs([queue.port]);

  await until((said) => said !== undefined);
  const soon = queue.asked.length;
  await wait(300_000);

  expect(condition()).toMatchObject({ status: "True", reason: "Answers" });
  expect(soon).toBe(1);
  expect(queue.asked.length).toBeGreaterThanOrEqual(4);
  expect(queue.asked.length).toBeLessThanOrEqual(7);
  expect(new Set(queue.asked)).toEqual(new Set(["GET /metrics"]));
});

test("another system at the port is told with what is missing, what is there and what helps", async () => {
  const queue = await instance((_request, response) =>
    response.end("# TYPE vllm:tokens counter\nvllm:tokens 1\n"),
  );
  const { runs, until, condition } = machine();
  runs([queue.port]);

  await until((said) => said !== undefined);

  expect(condition()).toMatchObject({
    status: "False",
    reason: "UnexpectedMetrics",
    message: `http://127.0.0.1:${queue.port}/metrics answers without queue_depth and anything like ^queue_consumers; its metrics begin with vllm:. Start it with --metrics`,
  });
});

test("a single failure is looked at again before it is told, and a lasting one is told with the pack's hint", async () => {
  const queue = await instance(metrics);
  const { runs, until, condition, wait } = machine();
  runs([queue.port]);
  await until((said) => said?.status === "True");

  queue.answer = (_request, response) => response.writeHead(403).end();
  const before = queue.asked.length;
  await until(() => queue.asked.length === before + 1);
  const afterOne = condition()?.status;
  await until((said) => said?.status === "False");
  const told = condition();
  queue.answer = metrics;
  await wait(70_000);

  expect(afterOne).toBe("True");
  expect(told).toMatchObject({
    reason: "EndpointUnreachable",
    message: expect.stringMatching(/answers 403\. Allow this machine$/),
  });
  expect(condition()).toMatchObject({ status: "True" });
});

test("of two instances the one that is down is named", async () => {
  const [up, down] = [await instance(metrics), await instance(metrics)];
  await down.stop();
  const { runs, until, condition } = machine();
  runs([up.port, down.port]);

  await until((said) => said !== undefined);

  expect(condition()).toMatchObject({
    reason: "EndpointUnreachable",
    message: `1 of 2 endpoints: http://127.0.0.1:${down.port}/metrics can't be read: nobody listens there (connection refused). Start the exporter of queue`,
  });
});

test("a redirect is not followed", async () => {
  const elsewhere = await instance(metrics);
  const queue = await instance((_request, response) =>
    response.writeHead(302, { location: `http://127.0.0.1:${elsewhere.port}/` }).end(),
  );
  const { runs, until, condition } = machine();
  runs([queue.port]);

  await until((said) => said !== undefined);

  expect(condition()?.message).toContain("redirects to");
  expect(elsewhere.asked).toEqual([]);
});

test("nobody asks an address that the Agent may not be pointed at, nor what is paused", async () => {
  const queue = await instance(metrics);
  const { runs, wait, condition } = machine();
  runs([queue.port], { address: "169.254.169.254" });
  await wait(60_000);
  runs([queue.port], { paused: true });
  await wait(60_000);

  expect(queue.asked).toEqual([]);
  expect(condition()).toBeUndefined();
});

test("what was said of a service that has left goes with it", async () => {
  const queue = await instance(metrics);
  const { runs, until, wait, condition } = machine();
  runs([queue.port]);
  await until((said) => said !== undefined);

  runs([]);
  await wait(5_000);

  expect(condition()).toBeUndefined();
});

test("an endless answer is read up to a limit, and is no reason to complain", async () => {
  const gone = new AbortController();
  const queue = await instance((_request, response) => {
    response.on("close", () => gone.abort());
    response.write(METRICS);
    const line = `filler{x="${"y".repeat(1_000)}"} 1\n`.repeat(1_000);
    const more = (): void => {
      while (!gone.signal.aborted && response.write(line));
      if (!gone.signal.aborted) response.once("drain", more);
    };
    more();
  });
  const { runs, until, condition } = machine();
  runs([queue.port]);

  await until((said) => said !== undefined);

  expect(condition()).toMatchObject({ status: "True" });
  await expect.poll(() => gone.signal.aborted).toBe(true);
});

test("with the interval 0 nobody is asked", async () => {
  const queue = await instance(metrics);
  const { runs, wait } = machine(0);
  runs([queue.port]);

  await wait(60_000);

  expect(queue.asked).toEqual([]);
});
