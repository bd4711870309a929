import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, test } from "vitest";

import { DOUBLES } from "../contracts/datadog-doubles.ts";
import { consulBinary } from "../servers/consul.ts";
import { idOf, type OtherKind } from "./objects.ts";
import {
  expectCondition,
  expectState,
  expectStays,
  generic,
  monitorOf,
  OVERVIEW,
  SKIPPED,
  startWorld,
  type State,
  type World,
} from "./world.ts";

/** What differs between two versions of the document. */
interface Version {
  readonly critical: number;
  readonly target: number;
  readonly title: string;
  readonly scope: string;
  readonly description: string;
}

const FIRST: Version = {
  critical: 5,
  target: 99,
  title: "Web",
  scope: "env:staging",
  description: "Sells.",
};
const SECOND: Version = {
  critical: 6,
  target: 99.5,
  title: "Web, anew",
  scope: "env:test",
  description: "Sells more.",
};

/** One object of every kind, and more than one where they name one another. */
function documentOf({ critical, target, title, scope, description }: Version): object {
  const query = "avg(last_5m):avg:web.latency{${scope}} > ${critical}";
  return {
    monitors: {
      slow: { type: "query alert", query, critical },
      both: { type: "composite", query: "${monitor:slow} && ${monitor:endpoint-down}" },
    },
    slos: { up: { type: "monitor", monitors: ["slow"], target } },
    dashboards: {
      board: {
        definition: {
          title,
          layout_type: "ordered",
          widgets: [{ definition: { type: "slo", view_type: "detail", slo_id: "${slo:up}" } }],
        },
      },
    },
    downtimes: { night: { scope, recurrences: [{ rrule: "FREQ=DAILY", duration: "1h" }] } },
    metrics: { "web.requests": { tags: ["code", "service"] } },
    catalog: { description },
  };
}

const BARE = generic("web");

function stateOf({ critical, target, title, scope, description }: Version): State {
  return {
    files: BARE.files,
    monitors: { "web/endpoint-down": [3], "web/slow": [critical], "web/both": [undefined] },
    objects: {
      slos: { "web/up": [target] },
      dashboards: { "web/board": [title], [OVERVIEW]: ["Infrastructure Overview"] },
      downtimes: { "web/night": [scope] },
      "metric-tags": { "web.requests": ["code,service"] },
      catalog: { "web/entity": [description] },
    },
  };
}

const SYNCED = ["Monitors", "SLOs", "Dashboards", "Downtimes", "MetricTags", "Catalog"];

/** What a person changes of each kind. */
const EDITS: readonly (readonly [OtherKind, key: string, patch: Readonly<Record<string, unknown>>])[] = [
  ["slos", "web/up", { target_threshold: 90, thresholds: [{ timeframe: "30d", target: 90 }] }],
  ["dashboards", "web/board", { title: "Mine" }],
  ["dashboards", OVERVIEW, { title: "Mine as well" }],
  ["downtimes", "web/night", { attributes: { scope: "env:mine" } }],
  ["metric-tags", "web.requests", { attributes: { tags: ["mine"] } }],
  ["catalog", "web/entity", { metadata: { description: "Mine." } }],
];

async function startWithAll(world: World): Promise<void> {
  world.datadog.addPoint("web.requests", Math.floor(Date.now() / 1_000) - 60, ["code:200", "service:web"]);
  world.run();
  await world.register("web");
  await world.put("web", documentOf(FIRST));
  await expectState(world, stateOf(FIRST));
}

/** The ids of what was deleted, in order. */
function deletesIn({ datadog }: World, from: number): readonly string[] {
  return datadog
    .requests()
    .slice(from)
    .flatMap((request) => /^DELETE \/api\/v1\/(?:dashboard|slo|monitor)\/([^/?]+)/.exec(request)?.[1] ?? []);
}

for (const { name, start, isPresent } of DOUBLES) {
  const isSkipped = !isPresent || consulBinary() === undefined;

  describe.skipIf(isSkipped)(`every kind of object, end to end, in ${name}${SKIPPED}`, () => {
    test("a document brings it, changes it, and what people edit is set right; then nothing is written", async () => {
      const world = await startWorld({ datadog: start });
      await startWithAll(world);

      await world.put("web", documentOf(SECOND));
      await expectState(world, stateOf(SECOND));
      for (const kind of SYNCED) await expectCondition(world, "web", `${kind}Synced`, /^True Synced/);
      const ids = EDITS.map(([kind, key]) => idOf(world.datadog, kind, key));
      for (const [at, [kind, , patch]] of EDITS.entries()) world.datadog.editObject(kind, ids[at]!, patch);
      world.datadog.edit(monitorOf(world, "web/slow").id, { message: "mine" });
      await expectState(world, stateOf(SECOND));
      await expect.poll(() => monitorOf(world, "web/slow")["message"]).not.toBe("mine");
      await sleep(2_500);
      const writes = world.datadog.writes();

      await expectStays(world, stateOf(SECOND), 4_500);
      expect(world.datadog.writes()).toBe(writes);
      expect(EDITS.map(([kind, key]) => idOf(world.datadog, kind, key))).toEqual(ids);
      expect(world.datadog.violations()).toEqual([]);
    });

    test("with its service everything goes, what uses others first", async () => {
      const world = await startWorld({ datadog: start });
      await startWithAll(world);
      const { datadog } = world;
      const [slow, both] = ["web/slow", "web/both"].map((key) => String(monitorOf(world, key).id));
      const [slo, board] = [idOf(datadog, "slos", "web/up"), idOf(datadog, "dashboards", "web/board")];
      const from = datadog.requests().length;

      await world.kv.kvDelete("observability/web");
      await world.deregister("web");
      await expectState(world, generic());

      const deletes = deletesIn(world, from);
      const order = (ids: readonly unknown[]) => deletes.filter((id) => ids.includes(id));
      expect(order([slow, slo, board])).toEqual([board, slo, slow]);
      expect(order([slow, both])).toEqual([both, slow]);
      await expect.poll(async () => await world.conditions("web"), { timeout: 30_000 }).toEqual({});
    });

    test("what people delete is made again, each once", { timeout: 240_000 }, async () => {
      const world = await startWorld({ datadog: start });
      await startWithAll(world);
      const kinds = ["dashboards", "slos", "catalog"] as const;
      const keys = { dashboards: "web/board", slos: "web/up", catalog: "web/entity" };

      for (const kind of kinds) world.datadog.removeObject(kind, idOf(world.datadog, kind, keys[kind]));

      // Datadog may show an object half a minute after it was made, so a fresh one is not made again before.
      await expectState(world, stateOf(FIRST), 90_000);
      await expectStays(world, stateOf(FIRST), 3_000);
    });
  });
}
