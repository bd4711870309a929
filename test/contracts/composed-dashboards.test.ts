import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { dashboardWriter, type DashboardWriter } from "../../clients/datadog-dashboards.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { CLUSTERS, composed, wireOf } from "../builders/composed.ts";
import { hasStrictDouble, strictDouble, type DatadogDouble } from "./datadog-double.ts";

// Skipped where the strict double doesn't lie beside the repository.
describe.skipIf(!hasStrictDouble)("Datadog, as the strict double has it,", () => {
  let double: DatadogDouble;
  let datadog: DashboardWriter;

  beforeAll(async () => {
    double = await strictDouble();
    datadog = dashboardWriter(
      new DatadogTransport({ url: double.url, apiKey: double.apiKey, appKey: double.appKey }),
    );
  });

  afterAll(async () => {
    await double.stop();
  });

  test.for(Object.entries(CLUSTERS))(
    "takes the dashboards of %s and finds nothing in them",
    async ([, documents]) => {
      for (const body of composed(documents).dashboards.values()) {
        // Objects that they name have no numbers yet; what stands for them then is in the text.
        const wire = JSON.parse(
          JSON.stringify(wireOf(body)).replaceAll(/\$\{[a-z-]+:[^{}|]*\|([^{}]*)\}/g, "$1"),
        ) as Record<string, unknown>;

        const stored = await datadog.create(wire, { signal: AbortSignal.timeout(10_000) });

        expect(stored).toMatchObject({ title: body.title });
      }
      expect(double.violations()).toEqual([]);
    },
  );
});
