import { afterEach, describe, expect, test } from "vitest";

import { watchArrival } from "../../controllers/metrics-arrival/index.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { resolve, type Resolution } from "../../crds/resolve.ts";
import { Budget } from "../../engine/budget.ts";
import { createMetrics } from "../../engine/metrics.ts";
import { Board } from "../../engine/status/board.ts";
import { accepted } from "../../engine/status/conditions.ts";
import { SteppedClock } from "../builders/clock.ts";
import { SILENT } from "../builders/engine-world.ts";
import { exampleGround, examplePack } from "../builders/packs.ts";
import { startFakeDatadog, type FakeDatadogOptions } from "../fakes/datadog.ts";

const running: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

const MINUTE = 60_000;
const KEYS = ["ray.nodes", "ray.memory"];

function groundWith(keyMetrics: readonly string[] = KEYS) {
  const ground = exampleGround();
  const packs = new Map([...ground.packs, ["ray", examplePack({ manifest: { keyMetrics } })]]);
  return { ...ground, packs };
}

function wishOf(service: string, text: string, ground = groundWith()): Resolution {
  return resolve(service, [], { text, generation: 1 }, ground)!;
}

interface WorldOptions extends FakeDatadogOptions {
  readonly intervalMs?: number;
  /** How long the services have been known when the leader begins. Days if absent. */
  readonly knownForMs?: number;
}

async function startLeader(
  resolutions: readonly Resolution[],
  { intervalMs = 5 * MINUTE, knownForMs = 48 * 60 * MINUTE, ...options }: WorldOptions = {},
) {
  const api = await startFakeDatadog(options);
  running.push(api);
  const clock = new SteppedClock();
  const board = new Board("controller", () => new Date(clock.wallMs() - knownForMs));
  const services = new Map(resolutions.map((one) => [one.service, one]));
  for (const [service, resolution] of services) {
    board.know(service, 1);
    board.setConditions(service, 1, [accepted(resolution)]);
  }
  const metrics = createMetrics();
  const over = new AbortController();
  const done = watchArrival(
    {
      deps: {
        clusterId: "dc1",
        policy: STRICT_POLICY,
        tagName: "dd-observe",
        isDryRun: false,
        approved: () => new Set(),
        onBackup: async () => undefined,
        log: SILENT,
        datadog: { url: api.url, apiKey: api.apiKey, appKey: api.appKey },
        budget: new Budget(),
        onOrganisation: () => undefined,
        openIntents: () => new Map(),
      },
      snapshot: () => ({ services, paused: new Set() }),
      board,
      metrics,
      log: SILENT,
      intervalMs,
      clock,
    },
    over.signal,
  );
  running.push({
    async stop() {
      over.abort();
      await done;
    },
  });
  const send = (metric: string, tags: readonly string[], agoMs = MINUTE): void => {
    const at = Math.floor((clock.wallMs() - agoMs) / 1_000);
    api.metrics.set(metric, [...(api.metrics.get(metric) ?? []), { at, value: 1, tags }]);
  };
  const condition = (service: string) =>
    board.get(service)?.conditions.find(({ type }) => type === "MetricsArriving");
  /** Lets time pass, minute by minute, and waits for each look to end. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= MINUTE) {
      await clock.advance(Math.min(left, MINUTE));
      await expect.poll(() => clock.nextMs, { interval: 5 }).toBeDefined();
    }
  };
  return { api, board, clock, metrics, services, send, condition, pass, over, done };
}

const RAY = ["service:ray", "env:prod", "cluster:dc1"];

describe("MetricsArriving says of a service that has been there for long", () => {
  test("that all its key metrics have points with its tags", async () => {
    const { send, condition, pass } = await startLeader([wishOf("ray", "env: prod")]);
    for (const metric of KEYS) send(metric, RAY);

    await pass(MINUTE / 2);

    expect(condition("ray")).toMatchObject({
      status: "True",
      reason: "Arriving",
      message: "all 2 key metrics have points of the last 10 minutes",
    });
  });

  test("that one of them is missing", async () => {
    const { send, condition, pass } = await startLeader([wishOf("ray", "env: prod")]);
    send("ray.nodes", RAY);

    await pass(MINUTE / 2);

    expect(condition("ray")).toMatchObject({
      status: "False",
      reason: "Partial",
      message: "1 of 2 key metrics have no points of the last 10 minutes: ray.memory",
    });
  });

  test("that nothing came for longer than the window", async () => {
    const { send, condition, pass } = await startLeader([wishOf("ray", "env: prod")]);
    for (const metric of KEYS) send(metric, RAY, 11 * MINUTE);

    await pass(MINUTE / 2);

    expect(condition("ray")).toMatchObject({
      status: "False",
      reason: "NoData",
      message:
        "no points of the last 10 minutes with service:ray, env:prod, cluster:dc1: ray.nodes, ray.memory",
    });
  });

  test("that points of a check which runs once an hour may be as old", async () => {
    const text = "env: prod\nagent: {minCollectionInterval: 3600}";
    const ground = groundWith();
    const options = { minCollectionInterval: { option: "m", type: "integer", description: "m" } };
    ground.packs.set("ray", examplePack({ manifest: { keyMetrics: KEYS, options } }));
    const { send, condition, pass } = await startLeader([wishOf("ray", text, ground)]);
    for (const metric of KEYS) send(metric, RAY, 100 * MINUTE);

    await pass(MINUTE / 2);

    expect(condition("ray")).toMatchObject({ status: "True" });
  });

  test.for([
    [["service:ray"], "arrives without env:prod, cluster:dc1"],
    [["service:ray", "env:staging", "cluster:dc1"], "arrives without env:prod (instead: env:staging)"],
    [[], "arrives without service:ray, env:prod, cluster:dc1"],
    [["service:ray", "env:prod"], "arrives without cluster:dc1"],
  ] as const)("that points come with the tags %s only", async ([tags, words]) => {
    const { send, condition, pass } = await startLeader([wishOf("ray", "env: prod")]);
    for (const metric of KEYS) send(metric, tags);

    await pass(MINUTE / 2);

    expect(condition("ray")).toMatchObject({
      status: "False",
      reason: "TagsMissing",
      message: `ray.nodes, ray.memory: ${words}`,
    });
  });

  test.for([
    ["another service", ["service:other", "env:prod", "cluster:dc1"]],
    ["the same service in another cluster", ["service:ray", "env:prod", "cluster:dc2"]],
  ] as const)("that what %s sends isn't its own", async ([, tags]) => {
    const { send, condition, pass } = await startLeader([wishOf("ray", "env: prod")]);
    for (const metric of KEYS) send(metric, tags);

    await pass(MINUTE / 2);

    expect(condition("ray")).toMatchObject({ status: "False", reason: "NoData" });
  });

  test("without key metrics: that anything arrives with its tags", async () => {
    const { send, condition, pass } = await startLeader([wishOf("shop", ""), wishOf("mail", "")]);
    send("shop.orders", ["service:shop", "cluster:dc1"]);

    await pass(MINUTE / 2);

    expect(condition("shop")).toMatchObject({ status: "True", reason: "Arriving" });
    expect(condition("mail")).toMatchObject({ status: "False", reason: "NoData" });
  });

  test("which right the keys lack", async () => {
    const { condition, pass } = await startLeader([wishOf("ray", "")], { permissions: ["metrics_read"] });

    await pass(MINUTE / 2);

    expect(condition("ray")).toMatchObject({
      status: "Unknown",
      reason: "Unauthorized",
      message: expect.stringContaining("timeseries_query") as string,
    });
  });

  test("nothing new while Datadog is down", async () => {
    const { api, send, condition, pass } = await startLeader([wishOf("ray", "")]);
    for (const metric of KEYS) send(metric, ["service:ray", "cluster:dc1"]);
    await pass(MINUTE / 2);
    api.fault({ path: /./, kind: "status", status: 503, times: Infinity });

    await pass(30 * MINUTE);

    expect(condition("ray")).toMatchObject({ status: "True", reason: "Arriving" });
  });
});

describe("a new service", () => {
  test("has ten minutes until its silence counts, and is asked for every minute meanwhile", async () => {
    const { api, condition, pass } = await startLeader([wishOf("ray", "")], { knownForMs: 0 });

    await pass(MINUTE / 2);
    expect(condition("ray")).toMatchObject({ status: "Unknown", reason: "WaitingForData" });
    const before = api.log.length;
    await pass(MINUTE);
    expect(api.log.length).toBeGreaterThan(before);
    await pass(10 * MINUTE);

    expect(condition("ray")).toMatchObject({ status: "False", reason: "NoData" });
  });

  test("is seen well within a minute of its first point, though the interval is longer", async () => {
    const { send, condition, pass } = await startLeader([wishOf("ray", "")], { knownForMs: 0 });
    await pass(MINUTE / 2);
    for (const metric of KEYS) send(metric, ["service:ray", "cluster:dc1"], 0);

    await pass(MINUTE);

    expect(condition("ray")).toMatchObject({ status: "True" });
  });

  test("that comes between two rounds is asked for, alone", async () => {
    const { api, services, board, condition, pass } = await startLeader([wishOf("ray", "")]);
    await pass(MINUTE / 2);
    const late = wishOf("late", "pack: ray");
    services.set("late", late);
    board.know("late", 1);
    board.setConditions("late", 1, [accepted(late)]);
    api.log.splice(0);

    await pass(MINUTE);

    expect(condition("late")).toBeDefined();
    expect(condition("ray")).toMatchObject({ reason: "NoData" });
  });

  test("and one with another environment, whose old points don't count", async () => {
    const { services, send, condition, pass } = await startLeader([wishOf("ray", "env: staging")]);
    for (const metric of KEYS) send(metric, ["service:ray", "env:staging", "cluster:dc1"]);
    await pass(MINUTE / 2);
    services.set("ray", wishOf("ray", "env: prod"));

    await pass(5 * MINUTE);

    expect(condition("ray")).toMatchObject({ status: "Unknown", reason: "WaitingForData" });
  });
});

describe("what it costs", () => {
  const many = (count: number, pack: string): readonly Resolution[] =>
    Array.from({ length: count }, (_, at) => wishOf(`s${at}`, `pack: ${pack}`));

  test("one call for ten metrics, however many services have them", async () => {
    const { api, send, pass } = await startLeader(many(500, "ray"));
    for (let at = 0; at < 500; at++)
      for (const metric of KEYS) send(metric, [`service:s${at}`, "cluster:dc1"]);

    await pass(MINUTE / 2);

    expect(api.log.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /api/v2/query/timeseries"]);
  });

  test("nothing between two rounds while all is well", async () => {
    const { api, send, pass } = await startLeader(many(3, "ray"));
    for (let at = 0; at < 3; at++) for (const metric of KEYS) send(metric, [`service:s${at}`, "cluster:dc1"]);
    await pass(MINUTE / 2);

    await pass(4 * MINUTE);

    expect(api.log).toHaveLength(1);
  });

  test("one call more where metrics are missed, for as many as three", async () => {
    const { api, pass } = await startLeader(many(100, "ray"));

    await pass(MINUTE / 2);

    expect(api.log).toHaveLength(2);
  });

  test("at most twenty calls at once for services without key metrics, in turns", async () => {
    const { board, api, pass } = await startLeader(many(50, "generic"));

    await pass(MINUTE / 2);
    expect(api.log).toHaveLength(20);
    await pass(MINUTE);
    await pass(MINUTE);

    expect(api.log).toHaveLength(50);
    const told = board
      .all()
      .filter(({ conditions }) => conditions.some(({ type }) => type === "MetricsArriving"));
    expect(told).toHaveLength(50);
  });

  test("nothing where the interval is 0", async () => {
    const { api, clock, done } = await startLeader([wishOf("ray", "")], { intervalMs: 0 });

    await clock.advance(60 * MINUTE);
    await done;

    expect(api.log).toEqual([]);
  });

  test("a query that Datadog refuses doesn't hide the others", async () => {
    const ground = groundWith(["ray.nodes", "ray.memory"]);
    const { api, send, condition, pass } = await startLeader([wishOf("ray", "", ground)]);
    send("ray.nodes", ["service:ray", "cluster:dc1"]);
    send("ray.memory", ["service:ray", "cluster:dc1"]);
    api.fault({ path: /query/, kind: "status", status: 400, times: 2 });

    await pass(MINUTE / 2);

    expect(condition("ray")).toMatchObject({ status: "Unknown", reason: "Rejected" });
    expect(api.log).toHaveLength(3);
  });

  test("services whose metrics don't arrive are counted, until it leads no more", async () => {
    const { metrics, pass, over, done } = await startLeader(many(2, "ray"));

    await pass(MINUTE / 2);
    const text = await metrics.registry.metrics();
    over.abort();
    await done;

    expect(text).toContain('dd_observe_silent_services{reason="NoData"} 2');
    expect(await metrics.registry.metrics()).not.toContain('reason="NoData"');
  });
});
