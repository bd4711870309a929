import { describe, expect, test } from "vitest";

import { hasStrictDouble, strictDouble, type DatadogDouble } from "../contracts/datadog-double.ts";
import { wishEveryKind } from "./every-kind.ts";
import { openStage } from "./open-stage.ts";

/** What only the strict double can be told. */
async function tell({ url }: DatadogDouble, path: string, method: string, body: object): Promise<void> {
  const answer = await fetch(`${url}/_admin/${path}`, { method, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
}

const isSkipped = hasStrictDouble ? "" : " (skipped: the strict double isn't here)";

describe.skipIf(!hasStrictDouble)(`an organisation${isSkipped}`, () => {
  test("with ten thousand monitors of others keeps them, byte by byte", async () => {
    const { stage, people, settled } = await openStage({ datadog: async () => await strictDouble() });
    await tell(stage.datadog, "seed", "POST", { fill: { monitors: 10_000, dashboards: 2_000, slos: 2_000 } });
    for (const kind of ["monitors", "dashboards", "slos"] as const) people.ownAll(stage.datadog, kind);
    await stage.start();

    wishEveryKind(stage, 1);
    const first = await settled();
    wishEveryKind(stage, 2);
    const second = await settled();

    expect([first, second]).toEqual([[], []]);
    expect(stage.datadog.objects("monitors").length).toBe(10_004);
  });

  test("with a tenth of the usual limits gets what is wished, and hardly ever says no", async () => {
    const { stage, settled } = await openStage({ datadog: async () => await strictDouble(), rate: 1 });
    await tell(stage.datadog, "config", "PATCH", { rateScale: 0.1 });
    await stage.start();

    stage.register("api");
    stage.put("api", { monitors: monitors(49, "endpoint-down") });
    wishEveryKind(stage, 1);

    expect(await settled({ withinMs: 90_000 })).toEqual([]);
  });

  test("that nobody changes is looked at with three reads and no write", { timeout: 500_000 }, async () => {
    const { stage, settled } = await openStage({
      datadog: async () => await strictDouble(),
      env: { DD_OBSERVE_COST_INTERVAL: "0" },
    });
    await tell(stage.datadog, "config", "PATCH", { rateLimit: "off" });
    for (let n = 0; n < 50; n++) {
      stage.register(`service-${n}`);
      stage.put(`service-${n}`, {
        pack: "generic",
        monitors: monitors(20, "endpoint-down"),
        slos: slos(20),
        ...(n < 49 ? { dashboards: { main: { definition: dashboard(n) } } } : {}),
      });
    }
    await stage.start();
    // To look at everything costs more than to count.
    const count = (kind: "monitors" | "slos" | "dashboards"): number => stage.datadog.objects(kind).length;
    const isThere = (): boolean => count("monitors") === 1_000 && count("slos") === 1_000;
    await expect.poll(isThere, { timeout: 300_000, interval: 500 }).toBe(true);
    expect(await settled({ withinMs: 3_600_000 })).toEqual([]);
    expect([count("monitors"), count("slos"), count("dashboards")]).toEqual([1_000, 1_000, 50]);

    const before = stage.datadog.requests().length;
    await stage.pass(100_000);
    const since = stage.datadog
      .requests()
      .slice(before)
      .map((line) => line.split("?")[0]!);

    const LISTS = ["GET /api/v1/dashboard", "GET /api/v1/monitor", "GET /api/v1/slo"];
    expect([...new Set(since)].toSorted()).toEqual(LISTS);
    const looks = LISTS.map((list) => since.filter((line) => line === list).length);
    expect(Math.min(...looks)).toBeGreaterThan(2);
    // Each kind looks by itself, so that one may have begun a look that the others have yet to make.
    expect(Math.max(...looks) - Math.min(...looks)).toBeLessThanOrEqual(2);
  });
});

function monitors(count: number, without: string): Readonly<Record<string, unknown>> {
  const own = Array.from({ length: count }, (_, n) => [
    `alert-${n}`,
    {
      type: "query alert",
      name: `Alert ${n}`,
      query: `avg(last_5m):avg:app.load${n}{\${scope}} > \${critical}`,
      critical: 1,
    },
  ]);
  return { ...Object.fromEntries(own), [without]: false };
}

function slos(count: number): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, n) => [
      `slo-${n}`,
      {
        type: "metric",
        name: `Good ${n}`,
        target: 99,
        numerator: `sum:app.good${n}{*}.as_count()`,
        denominator: `sum:app.all${n}{*}.as_count()`,
      },
    ]),
  );
}

function dashboard(n: number): Readonly<Record<string, unknown>> {
  const request = { q: "avg:app.load{*}", display_type: "line" };
  const widget = { definition: { type: "timeseries", title: "Load", requests: [request] } };
  return { title: `Dashboard ${n}`, layout_type: "ordered", widgets: [widget] };
}
