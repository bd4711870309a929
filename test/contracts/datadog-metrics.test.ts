import { describe, expect, test } from "vitest";

import { metricsReader } from "../../clients/datadog-metrics.ts";
import { signal } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

const MINUTE = 60_000;

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`points of metrics in ${name}`, () => {
    const startWorld = async (permissions?: readonly string[]) => {
      const world = await startOne(start, permissions === undefined ? {} : { permissions });
      const nowS = Math.floor(Date.now() / 1_000);
      world.double.addPoint("ray.tasks", nowS - 120, ["service:ray", "env:prod", "cluster:dc1"]);
      world.double.addPoint("ray.old", nowS - 3_000, ["service:ray", "env:prod", "cluster:dc1"]);
      const nowMs = Date.now();
      return {
        ...world,
        nowS,
        window: { fromMs: nowMs - 10 * MINUTE, toMs: nowMs },
        metrics: metricsReader(world.transport),
      };
    };

    test("several queries in one call are told apart, and have the age of their newest point", async () => {
      const { metrics, window, nowS, double } = await startWorld();

      const [grouped, other, all, old, unknown] = await metrics.query(
        [
          "avg:ray.tasks{cluster:dc1} by {service,env}",
          "avg:ray.tasks{cluster:dc2} by {service,env}",
          "avg:ray.tasks{*}",
          "avg:ray.old{*} by {service}",
          "avg:ray.none{*}",
        ],
        window,
        { signal: signal() },
      );

      expect(grouped?.map(({ tags }) => tags.toSorted())).toEqual([["env:prod", "service:ray"]]);
      expect(grouped?.[0]?.lastAtMs).toBeGreaterThan((nowS - 240) * 1_000);
      expect(grouped?.[0]?.lastAtMs).toBeLessThanOrEqual((nowS - 60) * 1_000);
      expect(all).toHaveLength(1);
      expect([other, old, unknown]).toEqual([[], [], []]);
      expect(double.requests().filter((line) => line.startsWith("POST"))).toHaveLength(1);
    });

    test("points with their values and without a unit where the metric has none", async () => {
      const { metrics, window } = await startWorld();

      const [grouped, none] = await metrics.points(
        ["sum:ray.tasks{cluster:dc1} by {service}.as_count()", "sum:ray.none{*} by {service}.as_count()"],
        { ...window, intervalMs: MINUTE },
        { signal: signal() },
      );

      expect(grouped?.map(({ tags, unit }) => ({ tags, unit }))).toEqual([
        { tags: ["service:ray"], unit: undefined },
      ]);
      expect(grouped?.[0]?.points.reduce((sum, [, value]) => sum + value, 0)).toBe(1);
      expect(none).toEqual([]);
    });

    test("a query that makes no sense is rejected with Datadog's words", async () => {
      const { metrics, window, breakRules } = await startWorld();
      breakRules();

      const asked = metrics.query(["avg:ray.tasks"], window, { signal: signal() });

      await expect(asked).rejects.toMatchObject({ failure: "rejected" });
      await expect(asked).rejects.toThrow("run avg:ray.tasks");
    });

    test("names of metrics that arrive lately", async () => {
      const { metrics, window } = await startWorld();

      const names = await metrics.active(["service:ray", "cluster:dc1"], window.fromMs, { signal: signal() });

      expect(names).toContain("ray.tasks");
    });

    test("a key without the right learns which one it is", async () => {
      const { metrics, window } = await startWorld(["monitors_read"]);

      const asked = metrics.query(["avg:ray.tasks{*}"], window, { signal: signal() });
      const listed = metrics.active(["service:ray"], window.fromMs, { signal: signal() });

      await expect(asked).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringContaining("timeseries_query") as string,
      });
      await expect(listed).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringContaining("metrics_read") as string,
      });
    });
  });
}
