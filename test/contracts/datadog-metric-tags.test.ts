import { describe, expect, test } from "vitest";

import { metricTagsReader, metricTagsWriter } from "../../clients/datadog-metric-tags.ts";
import { signal } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

const METRIC = "ray.tasks";
const configuration = (attributes: object, id: string = METRIC) => ({ type: "manage_tags", id, attributes });
const GAUGE = configuration({ metric_type: "gauge", tags: ["env", "service"] });

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`metric tag configurations of ${name}`, () => {
    const startWorld = async (permissions?: readonly string[]) => {
      const world = await startOne(start, permissions === undefined ? {} : { permissions });
      world.double.addPoint(METRIC, Math.floor(Date.now() / 1_000), ["service:ray", "env:prod"]);
      return { ...world, metricTags: metricTagsWriter(world.transport) };
    };

    test("a configuration is created, read, listed, changed and deleted", async () => {
      const { metricTags, double } = await startWorld();

      const created = await metricTags.create(GAUGE, { signal: signal() });
      const read = await metricTags.get(METRIC, { signal: signal() });
      const listed = await metricTags.list({ signal: signal() });
      const updated = await metricTags.update(METRIC, configuration({ tags: ["env"] }), { signal: signal() });
      await metricTags.delete(METRIC, { signal: signal() });

      expect(created).toMatchObject({
        id: METRIC,
        type: "manage_tags",
        attributes: { metric_type: "gauge" },
      });
      expect(read).toEqual(created);
      expect(listed).toEqual([created]);
      expect(updated).toMatchObject({ id: METRIC, attributes: { metric_type: "gauge", tags: ["env"] } });
      expect(double.objects("metric-tags")).toEqual([]);
    });

    test("tags are a set, and Datadog adds the aggregations", async () => {
      const { metricTags } = await startWorld();

      const { attributes } = await metricTags.create(GAUGE, { signal: signal() });

      const { tags, aggregations } = attributes as { tags: string[]; aggregations: unknown };
      expect(tags.toSorted()).toEqual(["env", "service"]);
      expect(aggregations).toEqual([{ time: "sum", space: "sum" }]);
    });

    test("a distribution has percentiles or not, a gauge must not speak of them", async () => {
      const { metricTags, double } = await startWorld();
      double.addPoint("ray.latency", Math.floor(Date.now() / 1_000), []);
      const wanted = { metric_type: "distribution", tags: [], include_percentiles: true };

      const distribution = await metricTags.create(configuration(wanted, "ray.latency"), {
        signal: signal(),
      });
      const gauge = metricTags.create(
        configuration({ metric_type: "gauge", tags: [], include_percentiles: true }),
        { signal: signal() },
      );

      expect(distribution).toMatchObject({ attributes: { include_percentiles: true } });
      await expect(gauge).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining("include_percentiles can only be set for distribution metrics"),
      });
    });

    test("leaves metrics without a configuration out of the list", async () => {
      const { metricTags, double } = await startWorld();
      double.addPoint("ray.other", Math.floor(Date.now() / 1_000), []);
      await metricTags.create(GAUGE, { signal: signal() });

      const listed = await metricTags.list({ signal: signal() });

      expect(listed.map(({ id, type }) => [id, type])).toEqual([[METRIC, "manage_tags"]]);
    });

    test("lists every page, each configuration once", async () => {
      const { metricTags, double } = await startWorld();
      await metricTags.create(GAUGE, { signal: signal() });
      double.copy("metric-tags", METRIC, 10_500);

      const listed = await metricTags.list({ signal: signal() });

      expect(new Set(listed.map(({ id }) => id)).size).toBe(10_501);
      expect(listed).toHaveLength(10_501);
    });

    test.for([
      ["a metric that nobody sent", "ray.unheard", "Cannot configure tags on a metric that does not exist."],
      ["a metric of an integration", "system.disk", "metric is an integration metric"],
    ] as const)("%s can't be configured", async ([_what, metric, reason]) => {
      const { metricTags, double } = await startWorld();
      double.addIntegrationMetric("system.disk");

      const created = metricTags.create(configuration({ metric_type: "gauge", tags: [] }, metric), {
        signal: signal(),
      });

      await expect(created).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining(reason),
      });
      expect(double.objects("metric-tags")).toEqual([]);
    });

    test("a second configuration of a metric is a conflict", async () => {
      const { metricTags } = await startWorld();
      await metricTags.create(GAUGE, { signal: signal() });

      const second = metricTags.create(GAUGE, { signal: signal() });

      await expect(second).rejects.toMatchObject({
        failure: "conflict",
        message: expect.stringContaining("use PATCH to update"),
      });
    });

    test("what was just deleted can still be read, and stands in the way of a new one", async () => {
      const { metricTags, double } = await startWorld();
      double.setTagDeleteLag(60_000);
      await metricTags.create(GAUGE, { signal: signal() });

      await metricTags.delete(METRIC, { signal: signal() });

      expect(await metricTags.get(METRIC, { signal: signal() })).toMatchObject({ id: METRIC });
      expect(await metricTags.list({ signal: signal() })).toEqual([]);
      await expect(metricTags.create(GAUGE, { signal: signal() })).rejects.toMatchObject({
        failure: "conflict",
      });
    });

    test("a configuration that isn't there is not found, to read, to change and to delete", async () => {
      const { metricTags } = await startWorld();
      const expected = { failure: "notFound", message: expect.stringContaining(`${METRIC} not found`) };

      await expect(metricTags.get(METRIC, { signal: signal() })).rejects.toMatchObject(expected);
      await expect(
        metricTags.update(METRIC, configuration({ tags: [] }), { signal: signal() }),
      ).rejects.toMatchObject(expected);
      await expect(metricTags.delete(METRIC, { signal: signal() })).rejects.toMatchObject(expected);
    });

    test("tells how many series a metric has, and would have", async () => {
      const { metricTags } = await startWorld();

      const series = await metricTags.estimate(METRIC, { tags: ["env"] }, { signal: signal() });
      const volumes = await metricTags.volumes(METRIC, { signal: signal() });

      expect(series).toBe(1);
      expect(volumes).toEqual({ ingested: 1, indexed: 1 });
      await expect(metricTags.volumes("ray.unheard", { signal: signal() })).rejects.toMatchObject({
        failure: "notFound",
      });
    });

    test("names the permission that is missing, to read and to write", async () => {
      const none = await startWorld(["monitors_read"]);
      const reader = await startWorld(["metrics_read"]);

      const list = metricTagsReader(none.transport).list({ signal: signal() });
      const create = reader.metricTags.create(GAUGE, { signal: signal() });

      await expect(list).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringMatching(/application key needs metrics_read\./),
      });
      await expect(create).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringMatching(/application key needs metric_tags_write\./),
      });
    });
  });
}
