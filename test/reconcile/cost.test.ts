import { afterEach, describe, expect, test } from "vitest";

import { watchCost } from "../../controllers/cost/index.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { resolve } from "../../crds/resolve.ts";
import { Budget } from "../../engine/budget.ts";
import { createMetrics } from "../../engine/metrics.ts";
import { Board } from "../../engine/status/board.ts";
import { parseStatus } from "../../engine/status/status.ts";
import { SteppedClock } from "../builders/clock.ts";
import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";
import { SILENT } from "../builders/engine-world.ts";
import { exampleGround } from "../builders/packs.ts";
import { startFakeDatadog, type FakeDatadog } from "../fakes/datadog.ts";

const running: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

const MINUTE = 60_000;
const DOCUMENT = "metrics: {app.requests: {tags: [env]}}";

function send(api: FakeDatadog, metric: string, series: number): void {
  const at = Math.floor(Date.now() / 1_000);
  const points = Array.from({ length: series }, (_, index) => ({ at, value: 1, tags: [`host:${index}`] }));
  api.metrics.set(metric, points);
}

async function startLeader(services: readonly string[], intervalMs: number) {
  const api = await startFakeDatadog();
  running.push(api);
  const clock = new SteppedClock();
  const board = new Board("controller", () => clock.date());
  const ground = exampleGround();
  const resolutions = new Map(
    services.map((service) => [service, resolve(service, [], { text: DOCUMENT, generation: 1 }, ground)!]),
  );
  for (const service of services) board.know(service, 1);
  const metrics = createMetrics();
  const warnings: string[] = [];
  const over = new AbortController();
  const done = watchCost(
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
      snapshot: () => ({ services: resolutions, paused: new Set() }),
      board,
      metrics,
      log: { ...SILENT, warn: (_fields: object, message: string) => void warnings.push(message) } as never,
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
  const volumeCalls = () => api.log.filter(({ path }) => path.endsWith("/volumes")).map(({ path }) => path);
  return { api, board, clock, metrics, warnings, over, done, volumeCalls };
}

describe("the leader measures what services cost", () => {
  test("first after five minutes, and stores it with each service", async () => {
    const { api, board, clock, metrics } = await startLeader(["api", "web"], 60 * MINUTE);
    send(api, "app.requests", 12);

    await clock.advance(4 * MINUTE);
    const early = board.get("api")?.cost;
    await clock.advance(MINUTE);
    await expect.poll(() => board.get("web")?.cost).toBeDefined();

    expect(early).toBeUndefined();
    const cost = board.get("web")?.cost;
    expect(cost?.series).toContainEqual({
      metric: "app.requests",
      indexed: 12,
      ingested: 12,
      asWished: expect.any(Number) as number,
    });
    expect(parseStatus(JSON.stringify(board.get("web")))?.cost).toEqual(cost);
    await expect
      .poll(async () => await metrics.registry.metrics())
      .toContain('dd_observe_cost_series{metric="app.requests",kind="indexed"} 12');
    expect(await metrics.registry.metrics()).toMatch(
      /dd_observe_cost_monitors\{service="web",type="grouped"\} \d/,
    );
  });

  test("with one call for each metric, however many services have it, and again every interval", async () => {
    const services = Array.from({ length: 40 }, (_, at) => `s${at}`);
    const { board, clock, volumeCalls } = await startLeader(services, 60 * MINUTE);

    await clock.advance(5 * MINUTE);
    await expect.poll(() => board.get("s39")?.cost).toBeDefined();
    const first = volumeCalls();
    await expect.poll(() => clock.nextMs).toBe(60 * MINUTE);
    await clock.advance(60 * MINUTE);
    await expect.poll(() => volumeCalls().length).toBe(2 * first.length);

    expect(new Set(first).size).toBe(first.length);
  });

  test("never, where the interval is 0", async () => {
    const { api, clock, done } = await startLeader(["api"], 0);

    await clock.advance(600 * MINUTE);
    await done;

    expect(api.log).toEqual([]);
  });

  test("and says once that the keys may not read metrics", async () => {
    const { api, board, clock, warnings } = await startLeader(["api"], 60 * MINUTE);
    api.fault({ path: /volumes/, kind: "status", status: 403, times: Infinity });

    await clock.advance(5 * MINUTE);
    await expect.poll(() => board.get("api")?.cost).toBeDefined();
    await expect.poll(() => clock.nextMs).toBe(60 * MINUTE);
    await clock.advance(60 * MINUTE);
    await expect.poll(() => board.get("api")?.cost?.at).toContain("T08:");

    expect(board.get("api")?.cost?.series).toContainEqual({
      metric: "app.requests",
      unknown: "the keys may not read it",
    });
    expect(warnings).toEqual(["cost not fully measured"]);
  });

  test("and takes its gauges back when it leads no more", async () => {
    const { board, clock, metrics, over, done } = await startLeader(["api"], 60 * MINUTE);
    await clock.advance(5 * MINUTE);
    await expect.poll(() => board.get("api")?.cost).toBeDefined();

    over.abort();
    await done;

    expect(await metrics.registry.metrics()).not.toContain('service="api"');
  });
});

describe("a person sees what a service costs", () => {
  async function startWorld(): Promise<CommandWorld> {
    const world = await startCommandWorld();
    running.push({ stop: async () => await world[Symbol.asyncDispose]() });
    world.register("ray", ["dd-observe"]);
    world.consul.put("observability/ray", DOCUMENT);
    await world.run("apply --role controller");
    return world;
  }

  test("by describe: monitors, groups, and series of each metric with what the wish would keep", async () => {
    const world = await startWorld();
    send(world.datadog, "app.requests", 12);

    const { out } = await world.run("describe ray");

    expect(out).toMatch(/Cost\n {2}10 monitors: \d simple, \d grouped; 10 groups are watched\n/);
    expect(out).toMatch(/METRIC +INDEXED +INGESTED +AS WISHED\n {2}app\.requests +12 +12 +\d+/);
    expect(out).toMatch(/not known of ray\.\S+, .*: not sent\s+lately/s);
  });

  test("by describe without keys: that Datadog was not asked", async () => {
    const world = await startWorld();

    const { out } = await world.run("describe ray", { env: { DD_APP_KEY: "" } });

    expect(out).toMatch(/Cost\n {2}10 monitors: \d simple, \d grouped\n/);
    expect(out).toContain("Datadog was not asked");
  });

  test("by get services -o wide, as the leader measured it", async () => {
    const world = await startWorld();
    const key = "dd-observe/status/services/ray";
    const status = JSON.parse(
      Buffer.from(world.consul.state.keys.get(key)!.Value ?? "", "base64").toString(),
    ) as object;
    const cost = {
      at: "2026-01-01T00:00:00.000Z",
      monitors: { simple: 2, grouped: 5 },
      series: [
        { metric: "app.requests", indexed: 12 },
        { metric: "x", unknown: "not sent lately" },
      ],
    };
    world.consul.put(key, JSON.stringify({ ...status, cost }));

    const { out } = await world.run("get services -o wide");

    expect(out).toMatch(/ray .* 2\+5 monitors, 12 series/);
  });
});
