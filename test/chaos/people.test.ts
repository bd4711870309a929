import { describe, expect, test } from "vitest";

import { hasStrictDouble, ownFake, strictDouble } from "../contracts/datadog-double.ts";
import { startFakeDatadog } from "../fakes/datadog.ts";
import { openFront } from "./front.ts";
import { wishEveryKind } from "./every-kind.ts";
import { openStage } from "./open-stage.ts";
import { Random } from "./random.ts";
import { disturb } from "./steps.ts";

const own = async () => await ownFake();

describe("keys", () => {
  /** Every permission, and the kinds that can't be kept without it. */
  const SCOPES = {
    monitors_read: ["monitors"],
    monitors_write: ["monitors"],
    slos_write: ["slos"],
    dashboards_read: ["dashboards"],
    dashboards_write: ["dashboards"],
    monitors_downtime: ["downtimes"],
    metric_tags_write: ["metric-tags"],
    apm_service_catalog_write: ["catalog"],
  } as const;
  const ALL = [...Object.keys(SCOPES), "slos_read", "metrics_read", "apm_service_catalog_read"];

  test.for(Object.entries(SCOPES))(
    "without %s: the other kinds are kept, and a condition names it",
    async ([scope, lost]) => {
      const permissions = ALL.filter((one) => one !== scope);
      const { stage, oracle, people } = await openStage({
        datadog: async () => await ownFake({ permissions }),
      });
      wishEveryKind(stage, 1);
      await stage.start();
      const kindsWrong = async (): Promise<readonly string[]> => {
        const wrong = await oracle.look(people);
        return [...new Set(wrong.map((line) => line.split(" ")[0]!))].toSorted();
      };

      await expect.poll(kindsWrong, { timeout: 60_000, interval: 50 }).toEqual(lost);

      const told = (): readonly string[] =>
        stage
          .statuses()
          .flatMap(({ conditions }) => conditions)
          .filter(({ reason }) => reason === "Unauthorized")
          .map(({ message }) => message);
      await expect.poll(told, { timeout: 30_000 }).toContainEqual(expect.stringContaining(scope));
    },
  );

  test("of another organisation: nothing is written there until a person approves", async () => {
    const { stage, settled } = await openStage({ datadog: own });
    wishEveryKind(stage, 1);
    const first = await stage.start();
    expect(await settled()).toEqual([]);
    const before = JSON.stringify(stage.datadog.objects("monitors"));
    await using other = await startOther();
    await first.stop();

    await stage.start({ apiKey: other.fake.apiKey, appKey: other.fake.appKey, datadog: other.front });
    const reasons = (): readonly string[] =>
      stage.statuses().flatMap(({ conditions }) => conditions.map(({ reason }) => reason));
    await expect.poll(reasons, { timeout: 30_000 }).toContain("OtherOrganisation");
    await stage.pass(60_000);

    expect(other.fake.writes).toBe(0);
    expect(JSON.stringify(stage.datadog.objects("monitors"))).toBe(before);

    stage.approveEverything();
    await expect.poll(() => other.fake.monitors.size, { timeout: 60_000 }).toBe(5);
    await expect.poll(() => other.fake.objects("downtimes").length).toBe(1);
    expect(JSON.stringify(stage.datadog.objects("monitors"))).toBe(before);
  });
});

describe("the list of our objects", () => {
  test.for([[2], [1]])(
    "that is suddenly empty leads to no write, with %i pages of wishes, and to none afterwards",
    async ([services]) => {
      const { stage, settled } = await openStage({ datadog: own });
      for (let n = 0; n < services!; n++) {
        stage.register(`service-${n}`);
        stage.put(`service-${n}`, { monitors: alerts(8) });
      }
      await stage.start();
      expect(await settled()).toEqual([]);
      const before = stage.datadog.writes();

      stage.datadog.fault({
        method: "GET",
        path: /^\/api\/v1\/monitor$/,
        kind: "status",
        status: 200,
        body: [],
        times: Infinity,
      });
      await stage.pass(60_000);
      const during = stage.datadog.writes();
      await stage.datadog.clearFaults();

      expect(await settled({ approves: false })).toEqual([]);
      expect([during, stage.datadog.writes()]).toEqual([before, before]);
    },
  );
});

describe("people at work while passes run", () => {
  test.for([
    ["our own stand-in", own],
    ["the strict double", hasStrictDouble ? async () => await strictDouble() : own],
  ] as const)("lead to what is wished: %s", async ([_name, datadog]) => {
    const { stage, people, oracle, settled } = await openStage({ datadog });
    const random = new Random(7);
    const scene = {
      stage,
      people,
      random,
      kinds: oracle.kinds,
      keyOf: oracle.keyOf.bind(oracle),
    };
    await stage.start();

    for (let version = 1; version <= 6; version++) {
      wishEveryKind(stage, version);
      for (let edit = 0; edit < 20; edit++) {
        disturb(scene);
        await stage.pass(300);
      }
    }

    expect(await settled()).toEqual([]);
    expect(stage.datadog.violations()).toEqual([]);
  });
});

function alerts(count: number): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, n) => [
      `alert-${n}`,
      {
        type: "query alert",
        name: `Alert ${n}`,
        query: `avg(last_5m):avg:app.load${n}{\${scope}} > \${critical}`,
        critical: 1,
      },
    ]),
  );
}

async function startOther() {
  const fake = await startFakeDatadog({ orgId: 999 });
  fake.add({ name: "Somebody's", type: "query alert", query: "avg(last_5m):avg:a{*} > 1" });
  fake.metrics.set("ray.duration", [{ at: Math.floor(Date.now() / 1_000), value: 1, tags: [] }]);
  const front = await openFront(fake.url);
  return {
    fake,
    front,
    async [Symbol.asyncDispose]() {
      await Promise.all([fake.stop(), front.stop()]);
    },
  };
}
