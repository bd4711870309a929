import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { dashboardWriter } from "../../clients/datadog-dashboards.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { datadogWriter } from "../../clients/datadog.ts";
import type { Json } from "../../controllers/monitors/canonical.ts";
import type { Pack } from "../../crds/pack.ts";
import { composed, wireOf } from "../builders/composed.ts";
import { observed, PACKS } from "../builders/observed.ts";
import { valuesOf } from "../builders/option-values.ts";
import { stating } from "../builders/pack-options.ts";
import { hasStrictDouble, strictDouble, type DatadogDouble } from "./datadog-double.ts";

/** A document for each value that each option may take, with every monitor that the pack has by then. */
function documentsOf({ name, options, monitors }: Pack): readonly string[] {
  const states = Object.entries(options).flatMap(([option, definition]) =>
    valuesOf(definition).map((value) => ({ [option]: value })),
  );
  const all = Object.fromEntries(Object.keys(monitors).map((monitor) => [monitor, true]));
  return [{}, ...states].map((values) =>
    stringify(
      { pack: name, env: "production", ...stating({ options }, values), monitors: all },
      { aliasDuplicateObjects: false },
    ),
  );
}

/** What stands for the numbers of other objects until they have some. */
function withoutNumbers(body: Json): Json {
  const text = JSON.stringify(body).replaceAll(/\$\{[a-z-]+:[^{}|]*\|([^{}]*)\}/g, "$1");
  return JSON.parse(text) as Json;
}

// Skipped where the strict double doesn't lie beside the repository.
describe.skipIf(!hasStrictDouble)(
  "Datadog, as the strict double has it, whatever an option is set to,",
  () => {
    let double: DatadogDouble;
    let transport: DatadogTransport;

    beforeAll(async () => {
      double = await strictDouble();
      transport = new DatadogTransport({ url: double.url, apiKey: double.apiKey, appKey: double.appKey });
    });

    afterAll(async () => {
      await double.stop();
    });

    test.for([...PACKS.values()])("takes what pack $name makes", { timeout: 120_000 }, async (pack) => {
      const monitors = new Map<string, object>();
      const dashboards = new Map<string, Json>();
      for (const document of documentsOf(pack)) {
        for (const body of observed("web", document).monitors.values())
          monitors.set(JSON.stringify(body), body);
        for (const body of composed({ web: document }).dashboards.values()) {
          const wire = withoutNumbers(wireOf(body));
          dashboards.set(JSON.stringify(wire), wire);
        }
      }
      const signal = AbortSignal.timeout(100_000);

      for (const body of monitors.values()) await datadogWriter(transport).validateMonitor(body, { signal });
      for (const body of dashboards.values()) await dashboardWriter(transport).create(body, { signal });

      expect(monitors.size).toBeGreaterThan(0);
      expect(double.violations()).toEqual([]);
    });
  },
);
