import { afterEach, describe, expect, test } from "vitest";

import { ApiError } from "../../clients/errors.ts";
import type { ChangeEvent } from "../../clients/datadog-events.ts";
import { ChangeReporter } from "../../controllers/change-events/index.ts";
import { MAX_EVENTS } from "../../controllers/change-events/event.ts";
import { changesIn, type OwnerChanges } from "../../engine/loop/changes.ts";
import type { Outcome } from "../../engine/loop/report.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";
import type { Fields } from "../fakes/datadog-api.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

async function startWorld(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  world.register("ray", ["dd-observe"]);
  world.consul.put("observability/ray", "team: ml\nenv: prod\n");
  return world;
}

/** What was posted of monitors since the last look. */
function takeEvents({ datadog }: CommandWorld): readonly Fields[] {
  return datadog.events
    .splice(0)
    .map((event) => (event["data"] as { attributes: Fields }).attributes)
    .map(({ attributes, ...rest }): Fields => ({ ...rest, ...(attributes as Fields) }))
    .filter(({ title }) => String(title).includes("monitors of"));
}

const apply = async (world: CommandWorld): Promise<number> =>
  (await world.run("apply --role controller")).exit;

describe("an event tells in Datadog", () => {
  test("of a service's first objects, with the service's tags and links to them", async () => {
    const world = await startWorld();

    await apply(world);

    const [event, ...others] = takeEvents(world);
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      category: "change",
      title: expect.stringMatching(/^dd-observe, monitors of ray: \d+ made$/) as string,
      tags: [
        "service:ray",
        "env:prod",
        expect.stringMatching(/^cluster:/) as string,
        "team:ml",
        "managed-by:dd-observe",
      ],
      changed_resource: { name: "monitors of ray" },
      impacted_resources: [{ type: "service", name: "ray" }],
    });
    expect(event?.["message"]).toMatch(
      /made \[ray\/[\w-]+\]\(http\S+\/monitors\/\d+\)\. First sync, document \d+\./,
    );
  });

  test("of a new wish, field by field", async () => {
    const world = await startWorld();
    await apply(world);
    takeEvents(world);
    world.consul.put("observability/ray", "team: ml\nenv: prod\nmonitors: {endpoint-down: {priority: 5}}\n");

    await apply(world);

    const [event] = takeEvents(world);
    expect(event?.["title"]).toBe("dd-observe, monitors of ray: 1 changed");
    expect(event?.["message"]).toMatch(/priority: \d → 5\. New wish, document/);
    expect(event?.["new_value"]).toMatchObject({ "ray/endpoint-down priority": 5 });
    expect(event?.["prev_value"]).toMatchObject({
      "ray/endpoint-down priority": expect.any(Number) as number,
    });
  });

  test("of what people changed or deleted by hand, and of a wish that is gone", async () => {
    const world = await startWorld();
    await apply(world);
    // What no list has shown yet may only be late: nothing is made again before.
    await apply(world);
    takeEvents(world);
    const [first, second] = [...world.datadog.monitors.keys()];
    world.datadog.edit(first!, { message: "mine" });
    world.datadog.remove(second!);

    await apply(world);
    const [drift] = takeEvents(world);
    world.consul.put("observability/ray", "team: ml\nenv: prod\nmonitors: {endpoint-down: false}\n");
    await apply(world);
    const [gone] = takeEvents(world);

    expect(drift?.["title"]).toBe("dd-observe, monitors of ray: 1 made, 1 changed");
    expect(String(drift?.["message"]).match(/Changed by hand, set right/g)).toHaveLength(2);
    expect(gone?.["message"]).toBe("- deleted `ray/endpoint-down`. Wish gone.");
  });

  test("of nothing where nothing changed, and nothing where it is switched off", async () => {
    const world = await startWorld();
    await world.run("apply --role controller --change-events off");
    const whileOff = takeEvents(world);

    await apply(world);

    expect(whileOff).toEqual([]);
    expect(takeEvents(world)).toEqual([]);
    expect(world.datadog.monitors.size).toBeGreaterThan(0);
  });

  test("and where it can't be posted, the pass is as good as ever", async () => {
    const world = await startWorld();
    world.datadog.fault({ path: /events/, kind: "status", status: 500, times: Infinity });

    expect(await apply(world)).toBe(0);

    expect(world.datadog.monitors.size).toBeGreaterThan(0);
    expect(world.datadog.events).toEqual([]);
  });
});

describe("a reporter", () => {
  const changed = (owner: string): OwnerChanges => ({
    owner,
    changes: [{ type: "delete", key: `${owner}/a`, ref: undefined, why: "gone", changes: [], by: undefined }],
  });
  const none = { services: new Map() };

  function start(post: (event: ChangeEvent) => Promise<void>) {
    const warnings: object[] = [];
    const reporter = new ChangeReporter({
      events: { post },
      clusterId: "dc1",
      appUrl: "https://app.datadoghq.eu",
      log: { warn: (fields: object) => void warnings.push(fields) },
      signal: new AbortController().signal,
    });
    return { reporter, warnings };
  }

  test("tells of many services of one pass by a bounded number of events", async () => {
    const posted: ChangeEvent[] = [];
    const { reporter } = start(async (event) => void posted.push(event));

    reporter.report(
      "monitors",
      Array.from({ length: 500 }, (_, at) => changed(`s${at}`)),
      none,
    );
    await reporter.flush(5_000);

    expect(posted).toHaveLength(MAX_EVENTS + 1);
    expect(posted.at(-1)?.title).toBe("dd-observe, monitors of 480 more: 480 deleted");
  });

  test("says once why it can't post, once more after it could, and never throws", async () => {
    let failure: "unavailable" | "unauthorized" | undefined = "unavailable";
    const { reporter, warnings } = start(async () => {
      if (failure !== undefined) throw new ApiError("post the event", "no", { failure });
    });
    const passes = async (next: typeof failure): Promise<void> => {
      failure = next;
      reporter.report("monitors", [changed("a"), changed("b")], none);
      await reporter.flush(5_000);
    };

    await passes("unavailable");
    await passes("unauthorized");
    await passes(undefined);
    await passes("unavailable");

    expect(warnings).toMatchObject([
      { reason: "unavailable" },
      { reason: "unauthorized" },
      { reason: "unavailable" },
    ]);
  });

  test("doesn't wait for Datadog longer than it may, and keeps a bounded number", async () => {
    const { reporter, warnings } = start(() => new Promise(() => undefined));
    for (let pass = 0; pass < 300; pass++) reporter.report("monitors", [changed("a")], none);

    await reporter.flush(5);

    expect(warnings).toMatchObject([{ reason: "TooMany" }]);
  });
});

test("only what succeeded is a change, and a service's first objects are told from more of them", () => {
  const outcome = (key: string, over: Partial<Outcome> = {}): Outcome => ({
    type: "create",
    key,
    owner: key.split("/")[0]!,
    ref: "1",
    changes: [],
    drifted: false,
    sent: {},
    durationMs: 1,
    ...over,
  });
  const memory = new Memory();
  for (const key of ["new/a", "old/a", "old/b"])
    memory.set(key, { owner: key.split("/")[0]!, ref: "1", applied: "x" });

  const changes = changesIn(
    {
      outcomes: [outcome("new/a"), outcome("old/b"), outcome("bad/a", { error: new Error("refused") })],
      drift: new Map(),
    },
    memory,
  );

  expect(changes.map(({ owner, changes: [first] }) => [owner, first?.why])).toEqual([
    ["new", "first"],
    ["old", "wish"],
  ]);
});
