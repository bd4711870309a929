import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { hasStrictDouble, ownFake, strictDouble } from "../contracts/datadog-double.ts";
import { consulBinary } from "../servers/consul.ts";
import {
  addForeign,
  expectCondition,
  expectState,
  expectStays,
  fileOf,
  generic,
  monitorOf,
  SKIPPED,
  startWorld,
  tuned,
  withForeign,
} from "./world.ts";

describe.skipIf(consulBinary() === undefined)(`wishes, end to end${SKIPPED}`, () => {
  test("a tag alone brings a file and a monitor", async ({ annotate }) => {
    const world = await startWorld();
    const operator = world.run();
    await operator.says("leading");

    const startedAt = performance.now();
    await world.register("web");
    await expectState(world, generic("web"));

    await annotate(`${Math.round(performance.now() - startedAt)} ms from the tag to file and monitor`);
    expect(await readFile(join(world.confd, fileOf("web")), "utf8")).toBe(WEB_FILE);
    expect(monitorOf(world, "web/endpoint-down")).toMatchObject({
      type: "service check",
      name: "[web] Metrics endpoint does not answer",
      query:
        '"web.openmetrics.health".over("service:web","cluster:dc1").by("endpoint").last(4).count_by_status()',
      tags: [
        "cluster:dc1",
        "dd-observe-key:web/endpoint-down",
        "dd-observe-owner:dc1",
        "managed-by:dd-observe",
        "service:web",
      ],
    });
    await expectCondition(world, "web", "MonitorsSynced", /^True Synced/);
    await expectCondition(world, "web", "ConfigWritten", /^True Synced/);
    await expectCondition(world, "web", "Accepted", /^True Accepted: observed by its tags/);
    expect(await operator.stop()).toBe(0);
    await expectStays(world, generic("web"), 200);
  });

  test("a broken document holds its service alone, and says where it is broken", async () => {
    const world = await startWorld();
    const operator = world.run();
    await world.put("web", "monitors:\n  endpoint-down: {critical: 2}\n");
    await world.register("web");
    await expectState(world, tuned(generic("web"), { "web/endpoint-down": [2] }));

    await world.put("web", "monitors:\n  endpoint-dwn: {critical: 1}\n");
    await expectCondition(
      world,
      "web",
      "Accepted",
      /^False InvalidWish: line 2, column 3: .*did you mean endpoint-down/,
    );
    await world.register("db", { port: 9_200 });
    const held = tuned(generic("web", ["db", 9_200]), { "web/endpoint-down": [2] });
    await expectState(world, held);
    await expectStays(world, held, 3_000);
    await world.put("web", "monitors:\n  endpoint-down: {critical: 1}\n");

    await expectState(world, tuned(generic("web", ["db", 9_200]), { "web/endpoint-down": [1] }));
    await expectCondition(world, "web", "Accepted", /^True Accepted/);
    expect(await operator.stop()).toBe(0);
  });

  test("a paused service rests until it is resumed", async () => {
    const world = await startWorld();
    world.run();
    await world.register("web");
    await expectState(world, generic("web"));

    const paused = await world.command("pause", "web");
    await expectCondition(world, "web", "MonitorsSynced", /^False Paused/);
    await world.register("web", { port: 9_101 });
    await world.put("web", { monitors: { "endpoint-down": { critical: 1 } } });
    await expectStays(world, generic("web"), 3_000);
    const resumed = await world.command("resume", "web");

    await expectState(world, tuned(generic(["web", 9_101]), { "web/endpoint-down": [1] }));
    await expectCondition(world, "web", "MonitorsSynced", /^True Synced/);
    expect([paused.code, resumed.code]).toEqual([0, 0]);
  });

  test.for([
    { name: "the project's own stand-in", datadog: ownFake, isThere: true },
    { name: "the strict double", datadog: strictDouble, isThere: hasStrictDouble },
  ])(
    "a document wins, inherits, and leaves as it came, with $name",
    async ({ datadog, isThere }, { skip }) => {
      skip(!isThere, "skipped: there is no strict double beside the repository");
      const world = await startWorld({ datadog });
      const foreign = await addForeign(world, "by hand");
      const before = foreign();
      const operator = world.run();
      await world.register("web", { tags: ["dd-observe", "dd-observe.team=tags", "dd-observe.env=tags"] });
      await expectState(world, withForeign(generic("web"), "by hand"));

      await world.put("_defaults", { team: "inherited", env: "inherited", notify: ["@slack-all"] });
      await world.put("web", TUNED);
      const wanted = {
        files: { [fileOf("web")]: ["http://127.0.0.1:9300/own"] },
        monitors: { "web/endpoint-down": [2], "web/own": [5] },
      };
      await expectState(world, withForeign(wanted, "by hand"));
      const byDocument = monitorOf(world, "web/own");
      await world.kv.kvDelete("observability/web");
      await expectState(world, withForeign(generic("web"), "by hand"));
      await world.kv.kvDelete("observability/_defaults");

      await expect
        .poll(() => monitorOf(world, "web/endpoint-down")["message"], { timeout: 10_000 })
        .not.toContain("@slack-all");
      expect(byDocument["tags"]).toEqual(
        expect.arrayContaining(["team:document", "env:tags", "service:web"]),
      );
      expect(byDocument["message"]).toContain("@slack-all");
      expect(foreign()).toEqual(before);
      expect(await operator.stop()).toBe(0);
      expect(world.datadog.violations()).toEqual([]);
    },
  );
});

const TUNED = `
team: document
endpoint: {port: 9300, path: /own}
monitors:
  endpoint-down: {critical: 2}
  own:
    type: query alert
    name: Too many
    query: avg(last_5m):avg:web.queue{\${scope}} > \${critical}
    message: look
    critical: 5
`;

const WEB_FILE = `# Managed by dd-observe (owner dc1, service web). Edits are undone; change the wish instead: dd-observe describe web
init_config: {}
instances:
  - openmetrics_endpoint: http://127.0.0.1:9100/metrics
    enable_health_service_check: true
    allow_redirects: false
    tags:
      - cluster:dc1
      - service:web
    metrics:
      - .+
    namespace: web
    min_collection_interval: 15
    collect_histogram_buckets: true
    max_returned_metrics: 2000
    timeout: 10
`;
