import { describe, expect, onTestFinished, test } from "vitest";

import { ownFake } from "../contracts/datadog-double.ts";
import { startFakeDatadog } from "../fakes/datadog.ts";
import { consulBinary } from "../servers/consul.ts";
import { startFront } from "./front.ts";
import { idOf } from "./objects.ts";
import {
  endSessions,
  expectCondition,
  expectState,
  expectStays,
  generic,
  hashesToApprove,
  monitorOf,
  SKIPPED,
  startWorld,
  type State,
  type World,
} from "./world.ts";

/** A monitor, an SLO over it, a dashboard that shows the SLO, and a downtime. */
function documentOf(title: string): object {
  return {
    slos: { up: { type: "metric", numerator: GOOD, denominator: ALL, target: 99 } },
    dashboards: {
      board: {
        definition: {
          title,
          layout_type: "ordered",
          widgets: [{ definition: { type: "slo", view_type: "detail", slo_id: "${slo:up}" } }],
        },
      },
      plain: {
        definition: {
          title: `${title}, plain`,
          layout_type: "ordered",
          widgets: [{ definition: { type: "note", content: "Look at the other one." } }],
        },
      },
    },
    downtimes: { night: { scope: "env:staging", recurrences: [{ rrule: "FREQ=DAILY", duration: "1h" }] } },
  };
}

const ALL = "sum:web.requests{${scope}}.as_count()";
const GOOD = "sum:web.requests{${scope},!code:500}.as_count()";

/** With one more service of the generic pack, whose section keeps the composed dashboard. */
function stateOf(...names: readonly string[]): State {
  const base = generic("other", ...names);
  const each = <Value>(of: (name: string) => readonly (readonly [string, Value])[]) =>
    Object.fromEntries(names.flatMap((name) => of(name)));
  return {
    ...base,
    objects: {
      dashboards: {
        ...base.objects?.dashboards,
        ...each((name) => [
          [`${name}/board`, [name]],
          [`${name}/plain`, [`${name}, plain`]],
        ]),
      },
      ...(names.length === 0
        ? {}
        : {
            slos: each((name) => [[`${name}/up`, [99]]]),
            downtimes: each((name) => [[`${name}/night`, ["env:staging"]]]),
          }),
    },
  };
}

async function putAll(world: World, ...names: readonly string[]): Promise<void> {
  await world.register("other");
  for (const name of names) {
    await world.put(name, documentOf(name));
    await world.register(name);
  }
}

const SCOPES = [
  "monitors_read",
  "monitors_write",
  "monitors_downtime",
  "dashboards_read",
  "dashboards_write",
  "slos_read",
  "slos_write",
];

/** What is missing, and where it is told of. */
const MISSING = [
  { scope: "slos_write", condition: "SLOsSynced", without: ["slos"] },
  { scope: "monitors_downtime", condition: "DowntimesSynced", without: ["downtimes"] },
] as const;

describe.skipIf(consulBinary() === undefined)(`trouble with several kinds, end to end${SKIPPED}`, () => {
  test("a leader killed in the midst of creates whose answers never came leaves no duplicate", async () => {
    const world = await startWorld();
    const front = await startFront(world.datadog.url);
    onTestFinished(async () => await front.stop());
    const first = world.run([], { DD_API_URL: front.url });
    await putAll(world);
    await expectState(world, stateOf());

    front.mode = "swallow";
    const before = front.writes.length;
    await putAll(world, "web", "db");
    // So many creates are on their way at once: at least one of each kind that needs no other.
    await expect.poll(() => front.writes.length - before, { timeout: 30_000 }).toBeGreaterThanOrEqual(4);
    await first.kill();
    await endSessions(world);
    world.run();

    await expectState(world, stateOf("web", "db"), 60_000);
    await expectStays(world, stateOf("web", "db"), 4_500);
  });

  test("deletes of several kinds wait for approval, each kind with its own hash", async () => {
    const world = await startWorld({ env: { DD_OBSERVE_MAX_DELETES: "1" } });
    const first = world.run();
    const names = ["web", "db", "queue"];
    await putAll(world, ...names);
    await expectState(world, stateOf(...names));
    await expectCondition(world, "queue", "DashboardsSynced", /^True/);

    // While nobody looks, so that all of them are noticed at the same time.
    await first.stop();
    for (const name of names) {
      await world.kv.kvDelete(`observability/${name}`);
      await world.deregister(name);
    }
    world.run();
    // Monitors, SLOs, dashboards, downtimes and files.
    await expect.poll(async () => await hashesToApprove(world), { timeout: 30_000 }).toHaveLength(5);
    await expectStays(world, stateOf(...names), 2_500);
    for (const hash of await hashesToApprove(world)) await world.command("approve", hash);

    await expectState(world, stateOf());
  });

  test("what a person's own dashboard shows stays until a person approves", async () => {
    const world = await startWorld();
    world.run();
    await putAll(world, "web");
    await expectState(world, stateOf("web"));
    const slo = idOf(world.datadog, "slos", "web/up");
    await addForeignDashboard(world, slo);

    await world.put("web", { ...documentOf("web"), slos: {}, dashboards: {} });
    await expectCondition(world, "web", "SLOsSynced", /^False InUse: .*dd-observe approve [0-9a-f]+/);
    const waiting = world.datadog.objects("slos").map(({ id }) => id);
    for (const hash of await hashesToApprove(world)) await world.command("approve", hash);

    await expect.poll(() => world.datadog.objects("slos"), { timeout: 30_000 }).toEqual([]);
    expect(waiting).toEqual([slo]);
    expect(world.datadog.objects("dashboards").map(({ title }) => title)).toContain("By hand");
    await expectCondition(world, "web", "SLOsSynced", /^True/);
  });

  test("a dashboard that its document gave up is put back as a person's own, and left alone", async () => {
    const world = await startWorld();
    world.run();
    await putAll(world, "web");
    await expectState(world, stateOf("web"));
    const { dashboards: _mine, ...others } = stateOf("web").objects ?? {};
    await world.put("web", { ...documentOf("web"), dashboards: {} });
    const without = { ...stateOf("web"), objects: { ...stateOf().objects, ...others } };
    await expectState(world, without);

    const list = await world.command("restore");
    const restored = await world.command("restore", "dashboards", "web/board", "--yes");

    expect(list.stdout).toMatch(/dashboards +web\/board/);
    expect(restored).toMatchObject({ code: 0 });
    const dashboards = { ...stateOf().objects?.dashboards, "not ours: web": ["web"] };
    const wanted = { ...without, objects: { ...without.objects, dashboards } };
    await expectState(world, wanted);
    await expectStays(world, wanted, 4_500);
  });

  test("keys of another organisation write nothing of any kind until a person approves", async () => {
    const world = await startWorld();
    const first = world.run();
    await putAll(world, "web");
    await expectState(world, stateOf("web"));
    // In an organisation without any monitor it is known only after the next look.
    await expect
      .poll(async () => await world.kv.kvGet("dd-observe/state/organisation"), { timeout: 30_000 })
      .toBeDefined();
    await first.stop();
    const other = await startFakeDatadog({ orgId: 7 });
    onTestFinished(async () => await other.stop());
    // Something tells which organisation it is.
    other.add({ name: "theirs" });

    world.run([], { DD_API_URL: other.url, DD_API_KEY: other.apiKey, DD_APP_KEY: other.appKey });
    for (const kind of ["Monitors", "SLOs", "Dashboards", "Downtimes"])
      await expectCondition(world, "web", `${kind}Synced`, /^False OtherOrganisation/);
    const writes = other.writes;
    const hashes = await hashesToApprove(world);
    for (const hash of hashes) await world.command("approve", hash);

    await expect
      .poll(() => [other.monitors, other.slos, other.dashboards].map(({ size }) => size), {
        timeout: 60_000,
      })
      .toEqual([3, 1, 3]);
    expect(writes).toBe(0);
    expect(hashes).toHaveLength(1);
    expect(await world.state()).toEqual(stateOf("web"));
  });

  test.for(MISSING)("without $scope the other kinds go on", async ({ scope, condition, without }) => {
    const permissions = SCOPES.filter((one) => one !== scope);
    const world = await startWorld({ datadog: async () => await ownFake({ permissions }) });
    world.run();
    await putAll(world, "web");

    await expectCondition(world, "web", condition, /^False Unauthorized/);
    const { objects, ...rest } = stateOf("web");
    const kept = Object.fromEntries(
      Object.entries(objects ?? {}).filter(([kind]) => !without.some((one) => one === kind)),
    );
    // What shows the SLO waits for it.
    if (scope === "slos_write") kept["dashboards"] = withoutKey(kept["dashboards"], "web/board");
    await expectState(world, { ...rest, objects: kept });
    await expectCondition(world, "web", "MonitorsSynced", /^True Synced/);
    if (scope !== "slos_write") await expectCondition(world, "web", "SLOsSynced", /^True Synced/);
  });

  test("the last section's service takes the composed dashboard along, and a new one brings it again", async () => {
    const world = await startWorld();
    world.run();
    await putAll(world);
    await expectState(world, stateOf());
    const before = monitorOf(world, "other/endpoint-down").id;

    await world.deregister("other");
    await expectState(world, generic());
    await putAll(world);

    await expectState(world, stateOf());
    expect(monitorOf(world, "other/endpoint-down").id).not.toBe(before);
  });
});

function withoutKey<Value>(
  of: Readonly<Record<string, Value>> | undefined,
  key: string,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(of ?? {}).filter(([name]) => name !== key));
}

/** A person makes a dashboard that shows one of our SLOs. */
async function addForeignDashboard({ datadog }: World, sloId: string): Promise<void> {
  const answer = await fetch(`${datadog.url}/api/v1/dashboard`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "dd-api-key": datadog.apiKey,
      "dd-application-key": datadog.appKey,
    },
    body: JSON.stringify({
      title: "By hand",
      layout_type: "ordered",
      widgets: [
        {
          definition: {
            type: "slo",
            view_type: "detail",
            slo_id: sloId,
            time_windows: ["30d"],
            view_mode: "overall",
          },
        },
      ],
    }),
  });
  expect(answer.status).toBe(200);
}
