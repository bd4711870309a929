import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { datadogWriter, type DatadogWriter } from "../../clients/datadog.ts";
import { FIELD_VALUES, monitorsWith, type MonitorField } from "../builders/monitor-values.ts";
import { hasStrictDouble, strictDouble, type DatadogDouble } from "./datadog-double.ts";

// Skipped where the strict double doesn't lie beside the repository.
describe.skipIf(!hasStrictDouble)("Datadog, as the strict double has it,", () => {
  let double: DatadogDouble;
  let datadog: DatadogWriter;

  beforeAll(async () => {
    double = await strictDouble();
    datadog = datadogWriter({ url: double.url, apiKey: double.apiKey, appKey: double.appKey });
  });

  afterAll(async () => {
    await double.stop();
  });

  test.for(Object.keys(FIELD_VALUES) as MonitorField[])("takes a monitor with %s", async (field) => {
    const signal = AbortSignal.timeout(20_000);
    const refused: string[] = [];
    let taken = 0;
    for (const monitor of monitorsWith(field)) {
      // The numbers that it joins are no monitors there.
      if (monitor["type"] === "composite") continue;
      try {
        await datadog.validateMonitor(monitor, { signal });
        taken++;
      } catch (error) {
        refused.push(`${String(monitor["type"])} ${String(monitor["query"])}: ${String(error)}`);
      }
    }

    expect([...new Set(refused)]).toEqual([]);
    expect(taken).toBeGreaterThan(0);
  });

  test("finds nothing in any of them that its published API doesn't know", () => {
    expect(double.violations()).toEqual([]);
  });
});
