import { describe, expect, test } from "vitest";

import { dashboardReader, dashboardWriter } from "../../clients/datadog-dashboards.ts";
import { signal } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

const timeseries = (query: string) => ({
  type: "timeseries",
  requests: [
    {
      response_format: "timeseries",
      display_type: "line",
      queries: [{ data_source: "metrics", name: "query1", query }],
      formulas: [{ formula: "query1" }],
    },
  ],
});

const DASHBOARD = {
  title: "Ray",
  description: "Nodes and queues",
  layout_type: "ordered",
  reflow_type: "auto",
  tags: ["team:platform"],
  template_variables: [{ name: "env", prefix: "env", defaults: ["prod"] }],
  widgets: [
    { definition: timeseries("avg:ray.node.cpu{$env} by {host}") },
    {
      definition: {
        type: "group",
        layout_type: "ordered",
        title: "Queues",
        widgets: [{ definition: timeseries("sum:ray.tasks{*}") }],
      },
    },
  ],
};

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`dashboards of ${name}`, () => {
    const startWorld = async (permissions?: readonly string[]) => {
      const world = await startOne(start, permissions === undefined ? {} : { permissions });
      return { ...world, dashboards: dashboardWriter(world.transport) };
    };

    test("a dashboard is created, read, listed, changed and deleted", async () => {
      const { dashboards, double } = await startWorld();

      const created = await dashboards.create(DASHBOARD, { signal: signal() });
      const id = String(created["id"]);
      const read = await dashboards.get(id, { signal: signal() });
      const listed = await dashboards.list({ signal: signal() });
      const updated = await dashboards.update(id, { ...DASHBOARD, title: "Ray 2" }, { signal: signal() });
      await dashboards.delete(id, { signal: signal() });

      expect(created).toMatchObject({ id, title: "Ray", tags: ["team:platform"], reflow_type: "auto" });
      expect(read).toEqual(created);
      expect(listed).toMatchObject({
        objects: [{ id, title: "Ray", description: "Nodes and queues", modified_at: created["modified_at"] }],
        pages: 1,
      });
      expect(listed.objects[0]).not.toHaveProperty("widgets");
      expect(updated).toMatchObject({ id, title: "Ray 2" });
      expect(double.objects("dashboards")).toEqual([]);
    });

    test("widgets come back as they were sent, with ids, in groups as well", async () => {
      const { dashboards } = await startWorld();

      const { widgets } = await dashboards.create(DASHBOARD, { signal: signal() });

      expect(widgets).toMatchObject(DASHBOARD.widgets);
      expect(widgets).toMatchObject([
        { id: expect.any(Number) },
        { id: expect.any(Number), definition: { widgets: [{ id: expect.any(Number) }] } },
      ]);
    });

    test("what is missing comes back as null, and people to notify in order", async () => {
      const { dashboards } = await startWorld();
      const plain = { title: "Plain", layout_type: "ordered", widgets: [] };

      const bare = await dashboards.create(plain, { signal: signal() });
      const loud = await dashboards.create(
        { ...plain, notify_list: ["zoe@example.com", "adam@example.com"] },
        { signal: signal() },
      );

      expect(bare).toMatchObject({ description: null, notify_list: null, template_variables: null });
      expect(bare["restricted_roles"]).toEqual([]);
      expect(loud["notify_list"]).toEqual(["adam@example.com", "zoe@example.com"]);
    });

    test("tabs name their widgets by position, and come back with the widgets' ids", async () => {
      const { dashboards } = await startWorld();
      const tabs = [{ id: "0d7ee5b2-5b3e-4a3c-9a6f-3d7c2c6f3b1a", name: "All", widget_ids: ["@1", "@2"] }];

      const stored = await dashboards.create({ ...DASHBOARD, tabs }, { signal: signal() });

      const ids = (stored["widgets"] as { id: number }[]).map((widget) => widget.id);
      expect(stored["tabs"]).toMatchObject([{ name: "All", widget_ids: ids }]);
    });

    test("a summary of every dashboard comes in one call, whoever made it", async () => {
      const { dashboards, double } = await startWorld();
      const { id } = await dashboards.create(DASHBOARD, { signal: signal() });
      double.copy("dashboards", String(id), 1_233);
      const before = double.requests().length;

      const { objects } = await dashboards.list({ signal: signal() });

      expect(new Set(objects.map((one) => one["id"])).size).toBe(1_234);
      expect(double.requests().slice(before)).toEqual(["GET /api/v1/dashboard"]);
    });

    test("a list that may have been cut off is looked at again, unless all that is known was in it", async () => {
      const { dashboards, double } = await startWorld();
      const { id } = await dashboards.create(DASHBOARD, { signal: signal() });
      double.copy("dashboards", String(id), 99);

      const unsure = await dashboards.list({ signal: signal() });
      const sure = await dashboards.list({ known: new Set([String(id)]), signal: signal() });

      expect(unsure).toMatchObject({ pages: 2 });
      expect(sure).toEqual({ ...unsure, pages: 1 });
      expect(unsure.objects).toHaveLength(100);
    });

    test("a dashboard that isn't there is not found, to read, to change and to delete", async () => {
      const { dashboards } = await startWorld();
      const expected = {
        failure: "notFound",
        message: expect.stringContaining("Dashboard with ID abc-def-ghi not found"),
      };

      await expect(dashboards.get("abc-def-ghi", { signal: signal() })).rejects.toMatchObject(expected);
      await expect(dashboards.update("abc-def-ghi", DASHBOARD, { signal: signal() })).rejects.toMatchObject(
        expected,
      );
      await expect(dashboards.delete("abc-def-ghi", { signal: signal() })).rejects.toMatchObject(expected);
    });

    test("tags other than a team's are refused", async () => {
      const { dashboards } = await startWorld();

      const created = dashboards.create({ ...DASHBOARD, tags: ["env:prod"] }, { signal: signal() });

      await expect(created).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining("Invalid tag format. Valid tag keys are: team."),
      });
    });

    test("a widget that Datadog doesn't know is refused, and it says which one", async () => {
      const { dashboards, breakRules } = await startWorld();
      breakRules();
      const widgets = [DASHBOARD.widgets[0], { definition: { type: "horoscope" } }];

      const created = dashboards.create({ ...DASHBOARD, widgets }, { signal: signal() });

      await expect(created).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining("Invalid widget definition at position 1 of type horoscope"),
      });
    });

    test("names the permission that is missing, to read and to write", async () => {
      const none = await startWorld(["monitors_read"]);
      const reader = await startWorld(["dashboards_read"]);

      const list = dashboardReader(none.transport).list({ signal: signal() });
      const create = reader.dashboards.create(DASHBOARD, { signal: signal() });

      await expect(list).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringMatching(/application key needs dashboards_read\./),
      });
      await expect(create).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringMatching(/application key needs dashboards_write\./),
      });
    });

    test("a dashboard that was just made may not be readable yet", async () => {
      const { dashboards, double } = await startWorld();
      double.setReadLag(60_000);

      const { id } = await dashboards.create(DASHBOARD, { signal: signal() });

      await expect(dashboards.get(String(id), { signal: signal() })).rejects.toMatchObject({
        failure: "notFound",
      });
      expect(await dashboards.list({ signal: signal() })).toMatchObject({ objects: [] });
      expect(double.objects("dashboards")).toHaveLength(1);
    });

    test("what a person edits is seen", async () => {
      const { dashboards, double } = await startWorld();
      const { id } = await dashboards.create(DASHBOARD, { signal: signal() });

      double.editObject("dashboards", String(id), { title: "Mine", description: null });

      expect(await dashboards.get(String(id), { signal: signal() })).toMatchObject({ title: "Mine" });
    });
  });
}
