import { describe, expect, test } from "vitest";

import { datadogReader, datadogWriter } from "../../clients/datadog.ts";
import type { Gate } from "../../clients/gate.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { wishedMonitor } from "../builders/monitors.ts";
import { signal } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`calls about monitors, to ${name}`, () => {
    const startWorld = async () => {
      const world = await startOne(start);
      const datadog = datadogWriter(world.transport);
      const body = { ...wishedMonitor("ray/a").body, tags: ["service:ray"] };
      return { ...world, datadog, body };
    };

    test("a full last page ends the list if all that is known was in it", async () => {
      const { datadog, double, body } = await startWorld();
      const { id } = await datadog.createMonitor(body, { signal: signal() });
      double.copy("monitors", String(id), 999);
      const known = new Set(double.monitors().map((monitor) => String(monitor["id"])));

      const sure = await datadog.listMonitors(["service:ray"], { known, signal: signal() });
      const unsure = await datadog.listMonitors(["service:ray"], { signal: signal() });
      const missing = await datadog.listMonitors(["service:ray"], {
        known: new Set([...known, "1"]),
        signal: signal(),
      });

      expect([sure.pages, unsure.pages, missing.pages]).toEqual([1, 2, 2]);
      expect(sure.monitors).toEqual(unsure.monitors);
      expect(sure.monitors).toHaveLength(1_000);
    });

    test("what is known and not yet read makes it read on", async () => {
      const { datadog, double, body } = await startWorld();
      const { id } = await datadog.createMonitor(body, { signal: signal() });
      double.copy("monitors", String(id), 1_999);
      const known = new Set(double.monitors().map((monitor) => String(monitor["id"])));

      const { monitors, pages } = await datadog.listMonitors(["service:ray"], { known, signal: signal() });

      expect(pages).toBe(2);
      expect(monitors).toHaveLength(2_000);
    });

    test("counts the groups of a service's monitors in one call", async () => {
      const { datadog, double, body } = await startWorld();
      for (const [n, service] of ["ray", "ray", "shop"].entries()) {
        const tags = [`service:${service}`, "env:prod"];
        await datadog.createMonitor({ ...body, name: `m${n}`, tags }, { signal: signal() });
      }
      const before = double.requests().length;

      const ray = await datadog.countGroups(["service:ray"], { signal: signal() });
      const both = await datadog.countGroups(["service:ray", "env:prod"], { signal: signal() });
      const none = await datadog.countGroups(["service:none"], { signal: signal() });

      expect([ray.total, both.total, none.total]).toEqual([2, 2, 0]);
      expect(double.requests().length - before).toBe(3);
    });

    test("a monitor that a composite uses is deleted by force alone", async () => {
      const { datadog, double, body } = await startWorld();
      const { id } = await datadog.createMonitor(body, { signal: signal() });
      const composite = { ...body, name: "both", type: "composite", query: `${id} || ${id}`, options: {} };
      await datadog.createMonitor(composite, { signal: signal() });

      const deletion = datadog.deleteMonitor(id, { signal: signal() });

      await expect(deletion).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining("is referenced in composite monitors"),
      });
      await datadog.deleteMonitor(id, { force: true, signal: signal() });
      expect(double.monitors()).toMatchObject([{ name: "both" }]);
    });

    test("the budget hears what each call is about", async () => {
      const { double } = await startWorld();
      const { url, apiKey, appKey } = double;
      const heard: unknown[] = [];
      const gate: Gate = {
        async acquire(operation, priority, _signal, kind) {
          heard.push([operation, priority, kind]);
          return { answered: () => undefined, failed: () => undefined };
        },
      };

      await datadogReader(new DatadogTransport({ url, apiKey, appKey, gate })).listMonitors(["a"], {
        signal: signal(),
      });

      expect(heard).toEqual([["listMonitors", "drift", "monitors"]]);
    });
  });
}

test("counts groups by what Datadog says of their state", async () => {
  const { double, transport } = await startOne(DOUBLES[0].start);
  const datadog = datadogWriter(transport);
  const body = { ...wishedMonitor("ray/a").body, tags: ["service:ray"] };
  const { id } = await datadog.createMonitor(body, { signal: signal() });
  double.copy("monitors", String(id), 2);
  double.edit(id, { overall_state: "Alert" });

  const { byStatus } = await datadog.countGroups(["service:ray"], { signal: signal() });

  expect(Object.fromEntries(byStatus)).toEqual({ Alert: 1, "No Data": 2 });
});
