import { describe, expect, test } from "vitest";

import type { DashboardBody } from "../../controllers/dashboards/canonical.ts";
import { withMark } from "../../controllers/datadog/text-mark.ts";
import { dashboardTarget, markedDashboards, wishedDashboard } from "../builders/dashboards.ts";
import { bringInLine, desired, signal, testTargetContract } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

function note(content: string) {
  return { definition: { type: "note", content } };
}

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`dashboards kept in ${name}`, () => {
    const startWorld = async () => {
      const { double } = await startOne(start);
      return { double, ...dashboardTarget(double) };
    };

    testTargetContract<DashboardBody>("dashboards", async () => {
      const { double, target } = await startWorld();
      return {
        target,
        wish: (key, variant) => wishedDashboard(`ray/${key}`, { widgets: [note(`Version ${variant}`)] }),
        writes: () => double.writes(),
        count: () => double.objects("dashboards").length,
        // Stopped at the test's end, after a look at what it saw.
        stop: () => Promise.resolve(),
      };
    });

    test("a resync without a change is one call, whatever the number of dashboards", async () => {
      const { double, target } = await startWorld();
      const wished = desired(["a", "b", "c"].map((key) => wishedDashboard(`ray/${key}`)));
      await bringInLine(target, wished);
      const before = double.requests().length;

      await bringInLine(target, wished);

      expect(double.requests().slice(before)).toEqual(["GET /api/v1/dashboard"]);
    });

    test("a new process reads each of ours once, and none of others", async () => {
      const { double, target } = await startWorld();
      const wished = desired(["a", "b"].map((key) => wishedDashboard(`ray/${key}`)));
      await bringInLine(target, wished);
      const { target: other } = dashboardTarget(double);
      const count = (requests: readonly string[]) =>
        requests.filter((request) => request.startsWith("GET /api/v1/dashboard/")).length;
      const before = double.requests().length;

      await bringInLine(other, wished);
      const first = double.requests().slice(before);
      await bringInLine(other, wished);

      expect(count(first)).toBe(2);
      expect(count(double.requests().slice(before))).toBe(2);
    });

    test("what a person changed is seen and set right, reading that one dashboard again", async () => {
      const { double, target } = await startWorld();
      const wished = desired(["a", "b"].map((key) => wishedDashboard(`ray/${key}`)));
      await bringInLine(target, wished);
      const [id] = markedDashboards(double.objects("dashboards"), "ray/a");
      double.editObject("dashboards", id!, { title: "Mine" });

      const plan = await bringInLine(target, wished);

      expect(plan.actions).toMatchObject([{ type: "update", drifted: true, changes: [{ path: "title" }] }]);
      expect(double.objects("dashboards").map((one) => one["title"])).toEqual([
        "Dashboard ray/a",
        "Dashboard ray/b",
      ]);
    });

    test("dashboards of people and of another operator are neither read nor touched", async () => {
      const { double, target } = await startWorld();
      const foreign = dashboardTarget(double);
      const mark = withMark("", { clusterId: "dc2", key: "ray/a", retain: false });
      await foreign.target.apply({ type: "create", desired: wishedDashboard("ray/x") }, signal());
      const [id] = markedDashboards(double.objects("dashboards"), "ray/x");
      double.editObject("dashboards", id!, { description: mark });
      const before = structuredClone(double.objects("dashboards"));

      await bringInLine(target, desired([wishedDashboard("ray/a")]));
      await bringInLine(target, desired([]));

      expect(double.objects("dashboards")).toEqual(before);
      expect(double.requests().filter((request) => request === `GET /api/v1/dashboard/${id}`)).toEqual([]);
    });

    test("a dashboard that reads don't show yet is not made again", async () => {
      const { double, target } = await startWorld();
      const wished = desired([wishedDashboard("ray/a")]);
      double.setReadLag(60_000);
      await bringInLine(target, wished);

      await expect(bringInLine(target, wished)).rejects.toMatchObject({ failure: "ambiguous" });

      expect(double.objects("dashboards")).toHaveLength(1);
    });
  });
}
