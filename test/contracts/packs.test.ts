import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";

import { sloWriter } from "../../clients/datadog-slos.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { datadogWriter, type DatadogWriter } from "../../clients/datadog.ts";
import { observed, PACKS } from "../builders/observed.ts";
import { hasStrictDouble, strictDouble, type DatadogDouble } from "./datadog-double.ts";

/** A document that asks for everything that a pack has. */
function everything(pack: string, tuning: object | true = true): string {
  const { options, monitors, slos } = PACKS.get(pack)!;
  const switches = Object.entries(options).filter(([, { type }]) => type === "boolean");
  return stringify({
    pack,
    env: "production",
    notify: ["@slack-ops"],
    agent: Object.fromEntries(switches.map(([name]) => [name, true])),
    monitors: Object.fromEntries(Object.keys(monitors).map((name) => [name, tuning])),
    slos: Object.fromEntries(Object.keys(slos).map((name) => [name, true])),
  });
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
      Object.keys(pack.monitors).map((name) => [pack.name, name] as const),
    ),
  )("accepts of pack %s the monitor %s, as it is and tuned", async ([pack, name]) => {
    const signal = AbortSignal.timeout(5_000);
    const plain = observed("web", everything(pack)).monitors.get(`web/${name}`);
    const tuned = observed(
      "web",
      everything(pack, { critical: 2, notifyNoData: false, priority: 5 }),
    ).monitors.get(`web/${name}`);

    expect(plain).toBeDefined();
    await expect(datadog.validateMonitor(plain!, { signal })).resolves.toBeUndefined();
    await expect(datadog.validateMonitor(tuned!, { signal })).resolves.toBeUndefined();
  });

  test.for(
    [...PACKS.values()].flatMap((pack) => Object.keys(pack.slos).map((name) => [pack.name, name] as const)),
  )("takes of pack %s the SLO %s, over its monitors", async ([pack, name]) => {
    const signal = AbortSignal.timeout(5_000);
    const { monitors, slos } = observed(pack, everything(pack));
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
    const [monitor] = [...observed("web", everything("ray")).monitors.values()];
    const broken = {
      ...monitor,
      query: "avg(last_5m):ray.object_store.memory_used / ray.object_store.memory_total > 0.9",
    };

    await expect(datadog.validateMonitor(broken, { signal: AbortSignal.timeout(5_000) })).rejects.toThrow(
      /invalid/,
    );
  });
});
