import { describe, expect, test } from "vitest";

import { sloReader, sloWriter } from "../../clients/datadog-slos.ts";
import { dashboardWriter } from "../../clients/datadog-dashboards.ts";
import { datadogWriter } from "../../clients/datadog.ts";
import { wishedMonitor } from "../builders/monitors.ts";
import { signal } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

const METRIC_SLO = {
  type: "metric",
  name: "Checkout answers",
  description: "Requests without an error",
  tags: ["managed-by:dd-observe", "team:shop", "service:checkout"],
  thresholds: [{ timeframe: "30d", target: 99.5, warning: 99.9 }],
  query: {
    numerator: "sum:checkout.ok{*}.as_count()",
    denominator: "sum:checkout.ok{*}.as_count() + sum:checkout.errors{*}.as_count()",
  },
};

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`SLOs of ${name}`, () => {
    const startWorld = async (permissions?: readonly string[]) => {
      const world = await startOne(start, permissions === undefined ? {} : { permissions });
      return {
        ...world,
        slos: sloWriter(world.transport),
        datadog: datadogWriter(world.transport),
        dashboards: dashboardWriter(world.transport),
      };
    };

    test("an SLO is created, read, listed, changed and deleted", async () => {
      const { slos, double } = await startWorld();

      const created = await slos.create(METRIC_SLO, { signal: signal() });
      const id = String(created["id"]);
      const read = await slos.get(id, { signal: signal() });
      const listed = await slos.list("team:shop", { signal: signal() });
      const updated = await slos.update(id, { ...METRIC_SLO, name: "Checkout" }, { signal: signal() });
      await slos.delete(id, { signal: signal() });

      expect(created).toMatchObject({ id, name: "Checkout answers", type: "metric" });
      expect(read).toEqual(created);
      expect(listed).toEqual({ objects: [created], pages: 1 });
      expect(updated).toMatchObject({ id, name: "Checkout" });
      expect(double.objects("slos")).toEqual([]);
    });

    test("tags are a set, thresholds are told twice, and formulas are derived from the queries", async () => {
      const { slos } = await startWorld();

      const slo = await slos.create(METRIC_SLO, { signal: signal() });

      expect([...(slo["tags"] as string[])].sort()).toEqual(METRIC_SLO.tags.toSorted());
      expect(slo).toMatchObject({
        timeframe: "30d",
        target_threshold: 99.5,
        warning_threshold: 99.9,
        thresholds: [{ target_display: "99.5", warning_display: "99.9" }],
        sli_specification: {
          count: {
            queries: [
              { data_source: "metrics", name: "query1", query: "sum:checkout.ok{*}.as_count()" },
              { data_source: "metrics", name: "query2", query: "sum:checkout.errors{*}.as_count()" },
            ],
            good_events_formula: { formula: "query1" },
            total_events_formula: { formula: "(query1 + query2)" },
          },
        },
      });
    });

    test("a wish by formulas gets its queries", async () => {
      const { slos } = await startWorld();
      const { query: _query, ...rest } = METRIC_SLO;
      const count = {
        queries: [
          { data_source: "metrics", name: "good", query: "sum:checkout.ok{*}.as_count()" },
          { data_source: "metrics", name: "all", query: "sum:checkout.all{*}.as_count()" },
        ],
        good_events_formula: { formula: "good" },
        total_events_formula: { formula: "all" },
      };

      const slo = await slos.create({ ...rest, sli_specification: { count } }, { signal: signal() });

      expect(slo).toMatchObject({
        query: { numerator: "sum:checkout.ok{*}.as_count()", denominator: "sum:checkout.all{*}.as_count()" },
        sli_specification: { count },
      });
    });

    test("the type of an SLO stays, whatever an update says", async () => {
      const { slos } = await startWorld();
      const { id } = await slos.create(METRIC_SLO, { signal: signal() });

      const updated = await slos.update(
        String(id),
        { ...METRIC_SLO, type: "monitor", monitor_ids: [1] },
        { signal: signal() },
      );

      expect(updated).toMatchObject({ type: "metric" });
    });

    test("a time slice gets its interval", async () => {
      const { slos } = await startWorld();
      const { query: _query, ...rest } = METRIC_SLO;
      const slice = {
        comparator: "<",
        threshold: 5,
        query: {
          formulas: [{ formula: "query1" }],
          queries: [{ data_source: "metrics", name: "query1", query: "avg:checkout.latency{*}" }],
        },
      };

      const slo = await slos.create(
        { ...rest, type: "time_slice", sli_specification: { time_slice: slice } },
        { signal: signal() },
      );

      expect(slo).toMatchObject({
        sli_specification: { time_slice: { query_interval_seconds: 300, threshold: 5 } },
      });
    });

    test.for([
      [0, 1],
      [999, 1],
      [1_000, 1],
      [1_001, 2],
    ] as const)("%i SLOs are listed in %i calls, each once", async ([count, expected]) => {
      const { slos, double } = await startWorld();
      if (count > 0) {
        const { id } = await slos.create(METRIC_SLO, { signal: signal() });
        double.copy("slos", String(id), count - 1);
      }
      const before = double.requests().length;

      const { objects, pages } = await slos.list("team:shop", { signal: signal() });

      expect(new Set(objects.map(({ id }) => id)).size).toBe(count);
      expect(pages).toBe(expected);
      expect(double.requests().length - before).toBe(expected);
    });

    test("a full last page ends the list if all that is known was in it, whoever else has SLOs", async () => {
      const { slos, double } = await startWorld();
      const { id } = await slos.create(METRIC_SLO, { signal: signal() });
      double.copy("slos", String(id), 999);
      await slos.create({ ...METRIC_SLO, tags: ["team:other"] }, { signal: signal() });
      const known = new Set(
        double
          .objects("slos")
          .filter(({ tags }) => (tags as string[]).includes("team:shop"))
          .map((slo) => String(slo["id"])),
      );

      const sure = await slos.list("team:shop", { known, signal: signal() });
      const unsure = await slos.list("team:shop", { signal: signal() });

      expect(sure).toMatchObject({ pages: 1 });
      expect(unsure).toMatchObject({ pages: 2 });
      expect(sure.objects).toEqual(unsure.objects);
    });

    test("an SLO that isn't there is not found, to read, to change and to delete", async () => {
      const { slos } = await startWorld();
      const id = "0123456789abcdef0123456789abcdef";
      const expected = { failure: "notFound", message: expect.stringContaining(`SLO not found: ${id}`) };

      await expect(slos.get(id, { signal: signal() })).rejects.toMatchObject(expected);
      await expect(slos.update(id, METRIC_SLO, { signal: signal() })).rejects.toMatchObject(expected);
      await expect(slos.delete(id, { signal: signal() })).rejects.toMatchObject(expected);
    });

    test.for([
      ["a monitor SLO without monitors", { type: "monitor" }, "must specify monitor_ids"],
      ["a metric SLO without a query", { query: undefined }, "must specify the query for count types"],
    ] as const)("%s is refused with Datadog's reason", async ([_what, change, reason]) => {
      const { slos } = await startWorld();

      const created = slos.create({ ...METRIC_SLO, ...change }, { signal: signal() });

      await expect(created).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining(`Invalid payload: ${reason}`),
      });
    });

    test("names the permission that is missing, to read and to write", async () => {
      const none = await startWorld(["monitors_read"]);
      const reader = await startWorld(["slos_read"]);

      const list = sloReader(none.transport).list("team:shop", { signal: signal() });
      const create = reader.slos.create(METRIC_SLO, { signal: signal() });

      await expect(list).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringMatching(/application key needs slos_read\./),
      });
      await expect(create).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringMatching(/application key needs slos_write\./),
      });
    });

    test("a monitor that an SLO uses may not be deleted, except by force", async () => {
      const { slos, datadog, double } = await startWorld();
      const { id } = await datadog.createMonitor({ ...wishedMonitor("ray/a").body }, { signal: signal() });
      const { query: _query, ...rest } = METRIC_SLO;
      const slo = await slos.create({ ...rest, type: "monitor", monitor_ids: [id] }, { signal: signal() });

      const hindrances = await datadog.canDelete([id], { signal: signal() });
      const deletion = datadog.deleteMonitor(id, { signal: signal() });

      expect(hindrances.get(id)?.join()).toContain(`is referenced in slos: [${String(slo["id"])},`);
      await expect(deletion).rejects.toMatchObject({ failure: "rejected" });
      expect(double.monitors()).toHaveLength(1);
      await datadog.deleteMonitor(id, { force: true, signal: signal() });
      expect(double.monitors()).toEqual([]);
    });

    test("an SLO that a dashboard shows may not be deleted, except by force", async () => {
      const { slos, dashboards, double } = await startWorld();
      const id = String((await slos.create(METRIC_SLO, { signal: signal() }))["id"]);
      const free = String((await slos.create(METRIC_SLO, { signal: signal() }))["id"]);
      const definition = { type: "slo", slo_id: id, view_type: "detail", view_mode: "overall" };
      await dashboards.create(
        {
          title: "Shop",
          layout_type: "ordered",
          widgets: [{ definition: { ...definition, time_windows: ["30d"] } }],
        },
        { signal: signal() },
      );

      const hindrances = await slos.canDelete([id, free], { signal: signal() });
      const deletion = slos.delete(id, { signal: signal() });

      expect([...hindrances.keys()]).toEqual([id]);
      expect(hindrances.get(id)?.join()).toContain("used by dashboards");
      await expect(deletion).rejects.toMatchObject({
        failure: "conflict",
        message: expect.stringContaining("used by dashboards"),
      });
      await slos.delete(id, { force: true, signal: signal() });
      expect(double.objects("slos").map((slo) => slo["id"])).toEqual([free]);
    });

    test("reads may lag behind a write", async () => {
      const { slos, double } = await startWorld();
      double.setReadLag(60_000);

      const { id } = await slos.create(METRIC_SLO, { signal: signal() });

      await expect(slos.get(String(id), { signal: signal() })).rejects.toMatchObject({ failure: "notFound" });
      expect(await slos.list("team:shop", { signal: signal() })).toMatchObject({ objects: [] });
      expect(double.objects("slos")).toHaveLength(1);
    });

    test("a write whose answer is lost is an open question", async () => {
      const { slos, double } = await startWorld();
      double.fault({ kind: "reset", method: "POST", path: /\/slo$/, after: true });

      const created = slos.create(METRIC_SLO, { signal: signal() });

      await expect(created).rejects.toMatchObject({ failure: "ambiguous" });
      expect(double.objects("slos")).toHaveLength(1);
    });
  });
}
