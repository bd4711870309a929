import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

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

const MUTED = { "service:web": null };

describe.skipIf(consulBinary() === undefined)(`drift, end to end${SKIPPED}`, () => {
  test("a monitor that a person edits is set right at the resync, and stays muted", async () => {
    const world = await startWorld();
    world.run();
    await world.register("web");
    await expectState(world, generic("web"));
    const before = monitorOf(world, "web/endpoint-down");

    world.datadog.edit(before.id, {
      message: "mine",
      options: { thresholds: { critical: 9 }, silenced: MUTED },
    });
    await expectState(world, generic("web"));

    const after = monitorOf(world, "web/endpoint-down");
    expect(after).toMatchObject({ id: before.id, message: before["message"], options: { silenced: MUTED } });
    await expect
      .poll(async () =>
        (await world.kv.kvList("dd-observe/backups/cluster/monitors/web/endpoint-down/"))
          .map(({ text }) => text)
          .join("\n"),
      )
      .toContain("mine");
  });

  test("where drift is only reported, what a person changed stays and is told of", async () => {
    const world = await startWorld();
    world.run();
    await world.register("web", { tags: ["dd-observe", "dd-observe.drift=report"] });
    await expectState(world, generic("web"));

    world.datadog.edit(monitorOf(world, "web/endpoint-down").id, {
      options: { thresholds: { critical: 9 } },
    });
    await expectCondition(
      world,
      "web",
      "MonitorsSynced",
      /^False DriftReported: web\/endpoint-down was changed by hand/,
    );

    await expectStays(world, tuned(generic("web"), { "web/endpoint-down": [9] }), 5_000);
  });

  test("monitors that a person deletes are made again, each once", { timeout: 240_000 }, async () => {
    const world = await startWorld();
    // Where there is no monitor at all, nothing tells that it is still the same organisation.
    await addForeign(world, "by hand");
    const wanted = withForeign(generic("web", "db"), "by hand");
    world.run();
    await world.register("web");
    await world.register("db");
    await expectState(world, wanted);
    const ids = ["web/endpoint-down", "db/endpoint-down"].map((key) => monitorOf(world, key).id);

    for (const id of ids) world.datadog.remove(id);
    // Datadog may show a monitor half a minute after it was made, so a fresh one is not made again before.
    await expectState(world, wanted, 60_000);

    await expectStays(world, wanted, 5_000);
    expect(ids).not.toContain(monitorOf(world, "web/endpoint-down").id);
  });

  test("a file that a person edits or deletes is set right, and files of others are not touched", async () => {
    const world = await startWorld();
    await mkdir(join(world.confd, "openmetrics.d"));
    const foreign = {
      "openmetrics.d/conf.yaml": "# mine\n",
      "openmetrics.d/dd-observe-db.yaml": "# mine as well\n",
    };
    for (const [path, text] of Object.entries(foreign)) await writeFile(join(world.confd, path), text);
    world.run();
    await world.register("web");
    const wanted = { ...generic("web"), files: { ...generic("web").files, ...foreign } };
    await expectState(world, wanted);
    const file = join(world.confd, fileOf("web"));
    const text = await readFile(file, "utf8");

    await appendFile(file, "# more\n");
    await expect.poll(async () => await readFile(file, "utf8")).toBe(text);
    await rm(file);
    await expectState(world, wanted);

    expect(await readFile(file, "utf8")).toBe(text);
    await expectStays(world, wanted, 3_000);
  });

  test("a file with which the Agent cannot work is rolled back until the wish is another one", async () => {
    const options = { openmetrics: ALLOWED };
    const world = await startWorld({
      // An Agent that runs its checks this seldom has run none more than 20 times before it is asked again.
      agent: { pollMs: 1_000, runMs: 1_500, options },
      env: { DD_OBSERVE_AGENT_RELOAD: "poll" },
    });
    world.run();
    await world.register("web");
    await expectCondition(world, "web", "AgentLoaded", /^True/);
    const good = await readFile(join(world.confd, fileOf("web")), "utf8");

    await world.put("web", { agent: { excludeMetrics: ["^go_"] } });
    await expectCondition(world, "web", "AgentLoaded", /^False RolledBack/);
    const kept = await readFile(join(world.confd, fileOf("web")), "utf8");
    await world.put("web", { agent: { timeout: 5 } });
    await expectCondition(world, "web", "AgentLoaded", /^True/);

    expect(kept).toBe(good);
    await expectState(world, generic("web"));
    expect(await readFile(join(world.confd, fileOf("web")), "utf8")).toContain("timeout: 5");
  });
});

/** What the Agent of this world knows: `exclude_metrics` is not among it. */
const ALLOWED = [
  "openmetrics_endpoint",
  "enable_health_service_check",
  "allow_redirects",
  "tags",
  "metrics",
  "namespace",
  "min_collection_interval",
  "collect_histogram_buckets",
  "max_returned_metrics",
  "timeout",
];
