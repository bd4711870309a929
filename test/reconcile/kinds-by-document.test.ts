import { afterEach, describe, expect, test } from "vitest";

import { fieldsOf, textsOf } from "../fakes/datadog-api.ts";
import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

async function startWorld(document: string): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  world.register("app", ["dd-observe"]);
  world.consul.put("observability/app", document);
  return world;
}

/** The attributes of the downtimes that aren't canceled. */
function downtimes({ datadog }: CommandWorld): readonly Readonly<Record<string, unknown>>[] {
  return datadog
    .objects("downtimes")
    .map(({ attributes }) => attributes as Readonly<Record<string, unknown>>)
    .filter(({ status }) => status !== "canceled");
}

/** Sorted, as they are a set. */
function tagsOf({ datadog }: CommandWorld, metric: string): readonly string[] {
  const attributes = fieldsOf(datadog.tagConfigs.get(metric)?.["attributes"]);
  return textsOf(attributes["tags"]).toSorted();
}

const NIGHT =
  "monitors: {load: {type: query alert, query: 'avg(last_5m):avg:system.load.1{*} > 4', critical: 4}}\n" +
  "downtimes: {night: {monitors: [load], recurrences: [{rrule: FREQ=DAILY, duration: 2h}], timezone: Europe/Berlin}}\n";

describe("downtimes of a document", () => {
  test("silence the monitor that they name, though it is made in the same run", async () => {
    const world = await startWorld(NIGHT);

    const { exit, err } = await world.run("apply");

    const load = [...world.datadog.monitors.values()].find(({ tags }) =>
      tags.includes("dd-observe-key:app/load"),
    );
    expect({ exit, err }).toMatchObject({ exit: 0 });
    expect(downtimes(world)).toMatchObject([
      {
        monitor_identifier: { monitor_id: load?.id },
        message: expect.stringMatching(/Managed by dd-observe: owner=dc1 key=app\/night$/),
      },
    ]);
    expect((await world.run("plan")).exit).toBe(0);
  });

  test("that a person cancels stay canceled until the wish changes", async () => {
    const world = await startWorld("downtimes: {night: {end: '2099-01-01T00:00:00Z'}}\n");
    await world.run("apply");
    // What no list has shown yet may only be late.
    await world.run("apply");
    world.datadog.remove("downtimes", String(world.datadog.objects("downtimes")[0]?.["id"]));

    await world.run("apply");
    const afterCancel = downtimes(world).length;
    const listed = (await world.run("get downtimes")).out;
    world.consul.put("observability/app", "downtimes: {night: {end: '2099-02-01T00:00:00Z'}}\n");
    await world.run("apply");

    expect(afterCancel).toBe(0);
    expect(listed).toMatch(/app\/night .*changed by hand/);
    expect(downtimes(world)).toMatchObject([{ schedule: { end: "2099-02-01T00:00:00+00:00" } }]);
  });

  test("that are over are neither made nor missed", async () => {
    const world = await startWorld("downtimes: {gone: {end: '2020-01-01T00:00:00Z'}}\n");

    const { exit, out } = await world.run("apply");

    expect({ exit, out }).toMatchObject({ exit: 0 });
    expect(world.datadog.objects("downtimes")).toEqual([]);
    expect((await world.run("get downtimes")).out).toMatch(/app\/gone +not needed/);
  });

  test("can be of no service", async () => {
    const world = await startWorld("");
    world.consul.put("observability/_downtimes/christmas", "end: '2099-01-01T00:00:00Z'\n");

    await world.run("apply");

    expect(downtimes(world)).toMatchObject([
      { monitor_identifier: { monitor_tags: ["dd-observe-owner:dc1"] } },
    ]);
  });

  test("of a person can be adopted, and then change with the document", async () => {
    const world = await startWorld("downtimes: {night: {scope: 'env:prod', end: '2099-01-01T00:00:00Z'}}\n");
    const id = world.datadog.add("downtimes", {
      attributes: {
        scope: "env:prod",
        message: "mine",
        schedule: {},
        monitor_identifier: { monitor_tags: ["*"] },
      },
    });

    const asked = await world.run(`adopt downtime ${id} app/night`);
    const done = await world.run(`adopt downtime ${id} app/night --yes`);
    await world.run("apply");

    expect(asked).toMatchObject({ exit: 1, err: expect.stringContaining("--yes") });
    expect(done).toMatchObject({ exit: 0 });
    expect(downtimes(world)).toMatchObject([{ monitor_identifier: { monitor_tags: expect.any(Array) } }]);
    expect(world.datadog.objects("downtimes")).toHaveLength(1);
  });
});

describe("tag configurations of a document", () => {
  const METRICS = "metrics: {app.latency: {tags: [env, host]}}\n";

  test("are made, kept by what is remembered, and shown", async () => {
    const world = await startWorld(METRICS);
    world.datadog.metrics.set("app.latency", []);

    await world.run("apply");
    world.datadog.edit("metric-tags", "app.latency", { attributes: { tags: ["by-hand"] } });
    await world.run("apply");

    expect(tagsOf(world, "app.latency")).toEqual(["env", "host"]);
    expect((await world.run("plan")).exit).toBe(0);
    expect((await world.run("get metric-tags")).out).toMatch(
      /_metrics\/app\.latency +app\.latency +as wished/,
    );
    expect((await world.run("describe app")).out).toMatch(/Metric tags\n.*\n +app\.latency +as wished/);
  });

  test("wait for a metric that Datadog doesn't know, which needs no person", async () => {
    const world = await startWorld(METRICS);

    await world.run("apply");

    expect((await world.run("describe app")).out).toMatch(/MetricTagsSynced +False +WaitingForMetric/);
    expect(JSON.parse((await world.run("describe app -o json")).out)).toMatchObject({
      stalled: { status: "False" },
    });
  });

  test("of somebody else are taken over once a person says so", async () => {
    const world = await startWorld(METRICS);
    world.datadog.metrics.set("app.latency", []);
    world.datadog.add("metric-tags", {
      id: "app.latency",
      attributes: { metric_type: "gauge", tags: ["theirs"] },
    });

    await world.run("apply");
    const before = tagsOf(world, "app.latency");
    const described = (await world.run("describe app -o json")).out;
    const done = await world.run("adopt metric-tags app.latency app --yes");
    await world.run("apply");

    expect(before).toEqual(["theirs"]);
    expect(described).toContain("dd-observe adopt metric-tags app.latency app");
    expect(done).toMatchObject({ exit: 0 });
    expect(tagsOf(world, "app.latency")).toEqual(["env", "host"]);
  });

  test("have the percentiles that a monitor's query asks for", async () => {
    const world = await startWorld(
      "monitors: {slow: {type: query alert, query: 'avg(last_5m):p99:app.latency{*} > 4', critical: 4}}\n",
    );
    world.datadog.metrics.set("app.latency", []);
    world.datadog.metricTypes.set("app.latency", "distribution");

    await world.run("apply");

    expect(world.datadog.tagConfigs.get("app.latency")?.["attributes"]).toMatchObject({
      include_percentiles: true,
    });
  });

  test("go when the last document that wishes them goes, and stay with deletion: retain", async () => {
    const world = await startWorld(METRICS);
    world.datadog.metrics.set("app.latency", []);
    world.datadog.metrics.set("app.kept", []);
    world.register("kept", ["dd-observe"]);
    world.consul.put("observability/kept", "metrics: {app.kept: {tags: [env]}}\ndeletion: retain\n");
    await world.run("apply");

    world.consul.put("observability/app", "drift: correct\n");
    world.consul.put("observability/kept", "drift: correct\n");
    await world.run("apply --grace 0s");

    expect([...world.datadog.tagConfigs.keys()]).toEqual(["app.kept"]);
  });
});
