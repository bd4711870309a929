import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { sloWriter } from "../../clients/datadog-slos.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { datadogWriter, type DatadogWriter } from "../../clients/datadog.ts";
import type { Needs } from "../../crds/condition.ts";
import { observed, PACKS } from "../builders/observed.ts";
import { optionsFor, stating } from "../builders/pack-options.ts";
import { hasStrictDouble, strictDouble, type DatadogDouble } from "./datadog-double.ts";

/** A document that asks for everything that a pack has while its options are so that `needs` holds, and else all on. */
function everything(pack: string, needs: Needs | undefined, tuning: object | true = true): string {
  const { options, monitors, slos } = PACKS.get(pack)!;
  const switches = Object.entries(options).filter(([, { type }]) => type === "boolean");
  const document = {
    pack,
    env: "production",
    notify: ["@slack-ops"],
    ...stating(
      { options },
      {
        ...Object.fromEntries(switches.map(([name]) => [name, true])),
        ...optionsFor({ options }, needs),
      },
    ),
    monitors: Object.fromEntries(Object.keys(monitors).map((name) => [name, tuning])),
    slos: Object.fromEntries(Object.keys(slos).map((name) => [name, true])),
  };
  // A document may hold few aliases, and many monitors are tuned alike.
  return stringify(document, { aliasDuplicateObjects: false });
}

// Skipped where the strict double doesn't lie beside the repository.
describe.skipIf(!hasStrictDouble)("Datadog, as the strict double has it,", () => {
  let double: DatadogDouble;
  let datadog: DatadogWriter;
  let transport: DatadogTransport;

  beforeAll(async () => {
    double = await strictDouble();
    transport = new DatadogTransport({ url: double.url, apiKey: double.apiKey, appKey: double.appKey });
    datadog = datadogWriter(transport);
  });

  afterAll(async () => {
    await double.stop();
  });

  test.for(
    [...PACKS.values()].flatMap((pack) =>
      Object.entries(pack.monitors).map(([name, { needs }]) => [pack.name, name, needs] as const),
    ),
  )("accepts of pack %s the monitor %s, as it is and tuned", async ([pack, name, needs]) => {
    const signal = AbortSignal.timeout(5_000);
    const plain = observed("web", everything(pack, needs)).monitors.get(`web/${name}`);
    const tuned = observed(
      "web",
      everything(pack, needs, { critical: 2, notifyNoData: false, priority: 5 }),
    ).monitors.get(`web/${name}`);

    expect(plain).toBeDefined();
    await expect(datadog.validateMonitor(plain!, { signal })).resolves.toBeUndefined();
    await expect(datadog.validateMonitor(tuned!, { signal })).resolves.toBeUndefined();
  });

  test.for(
    [...PACKS.values()].flatMap((pack) =>
      Object.entries(pack.slos).map(([name, { needs }]) => [pack.name, name, needs] as const),
    ),
  )("takes of pack %s the SLO %s, over its monitors", async ([pack, name, needs]) => {
    const signal = AbortSignal.timeout(5_000);
    const { monitors, slos } = observed(pack, everything(pack, needs));
    let text = JSON.stringify(slos.get(`${pack}/${name}`));
    for (const [token, key = ""] of text.matchAll(/"\$\{monitors:([^}]+)\}"/g)) {
      const { id } = await datadog.createMonitor(monitors.get(key)!, { signal });
      text = text.replace(token, String(id));
    }

    const stored = await sloWriter(transport).create(JSON.parse(text) as object, { signal });

    expect(stored).toMatchObject({ name: expect.stringContaining(`[${pack}] `) });
  });

  test("finds nothing in any of them that its published API doesn't know", () => {
    expect(double.violations()).toEqual([]);
  });

  test("refuses a query that is broken, so that the above means something", async () => {
    const [monitor] = [...observed("web", everything("ray", undefined)).monitors.values()];
    const broken = {
      ...monitor,
      query: "avg(last_5m):ray.object_store.memory_used / ray.object_store.memory_total > 0.9",
    };

    await expect(datadog.validateMonitor(broken, { signal: AbortSignal.timeout(5_000) })).rejects.toThrow(
      /invalid/,
    );
  });
});
