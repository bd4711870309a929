import { afterEach, describe, expect, test } from "vitest";

import { downtimeWriter } from "../../clients/datadog-downtimes.ts";
import { withMark } from "../../controllers/datadog/text-mark.ts";
import { canonicalDesired, type DowntimeBody } from "../../controllers/downtimes/canonical.ts";
import { downtimeKind } from "../../controllers/downtimes/kind.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { kindTarget, type KindWorldOptions } from "../builders/kind-world.ts";
import { CLUSTER } from "../builders/monitors.ts";
import { fieldsOf, textsOf } from "../fakes/datadog-api.ts";
import { startFakeDatadog, type FakeDatadog, type FakeDatadogOptions, type Fault } from "../fakes/datadog.ts";
import { bringInLine, desired, observedByKey, signal } from "../target-contract.ts";

const running: FakeDatadog[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.stop()));
});

async function startWorld(
  options: KindWorldOptions<DowntimeBody> = {},
  { permissions }: Pick<FakeDatadogOptions, "permissions"> = {},
) {
  const api = await startFakeDatadog(permissions === undefined ? {} : { permissions });
  running.push(api);
  const world = kindTarget<DowntimeBody>(
    api,
    (transport) => downtimeKind({ datadog: downtimeWriter(transport), clusterId: CLUSTER }),
    options,
  );
  return { ...world, api };
}

function wish(attributes: object = {}, key = "ray/night", clusterId = CLUSTER): DesiredObject<DowntimeBody> {
  const message = withMark("Backups run", { key, retain: false, clusterId });
  const body = canonicalDesired({
    attributes: {
      scope: "env:prod",
      monitor_identifier: { monitor_tags: ["service:ray"] },
      message,
      ...attributes,
    },
  });
  return { key, owner: "ray", body, drift: "correct", retain: false };
}

/** Downtimes that aren't canceled, as their attributes. */
function there(api: FakeDatadog): readonly Readonly<Record<string, unknown>>[] {
  return api
    .objects("downtimes")
    .map(({ attributes }) => attributes as Readonly<Record<string, unknown>>)
    .filter(({ status }) => status !== "canceled");
}

const AMBIGUOUS: readonly Omit<Fault, "method">[] = [
  { kind: "status", status: 500 },
  { kind: "status", status: 500, after: true },
  { kind: "truncate", after: true },
  { kind: "reset" },
  { kind: "reset", after: true },
];

describe("an answer that is lost", () => {
  test.for(AMBIGUOUS)("leaves exactly one downtime after a create: %j", async (strike) => {
    let now = 0;
    const { api, target } = await startWorld({ now: () => now });
    api.fault({ ...strike, method: "POST" });

    for (let pass = 0; pass < 3; pass++) {
      await bringInLine(target, desired([wish()])).catch((error: unknown) => {
        expect(error).toMatchObject({ failure: "ambiguous" });
      });
      now += 31_000;
    }

    expect(there(api)).toHaveLength(1);
    expect((await bringInLine(target, desired([wish()]))).actions).toEqual([]);
  });

  test.for(AMBIGUOUS)("is made good after a delete: %j", async (strike) => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wish()]));
    api.fault({ ...strike, method: "DELETE" });

    for (let pass = 0; pass < 2; pass++) {
      await bringInLine(target, desired([])).catch((error: unknown) => {
        expect(error).toMatchObject({ failure: "ambiguous" });
      });
    }

    expect(there(api)).toEqual([]);
  });
});

describe("downtimes of others", () => {
  test.for([
    ["a person's", "Windows update"],
    [
      "another cluster's",
      withMark("Backups run", { key: "ray/night", retain: false, clusterId: "elsewhere" }),
    ],
    ["one whose mark somebody changed", "Managed by dd-observe: owner=dc1"],
  ] as const)("%s are never listed, changed or canceled", async ([_whose, message]) => {
    const { api, target } = await startWorld();
    api.add("downtimes", { attributes: { scope: "*", message, schedule: {} } });
    const before = there(api);

    await bringInLine(target, desired([wish()]));
    await bringInLine(target, desired([]));

    expect(there(api)).toEqual(before);
  });

  test("a clone that a person made stays", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wish()]));
    api.add("downtimes", { attributes: { ...there(api)[0], scope: "env:mine" } });

    await bringInLine(target, desired([]));

    expect(there(api)).toMatchObject([{ scope: "env:mine" }]);
  });
});

describe("a duplicate that Datadog refuses", () => {
  const refuse = (api: FakeDatadog): void =>
    api.fault({
      method: "POST",
      kind: "status",
      status: 400,
      body: { errors: ["downtime being created is a duplicate"] },
    });

  test("is ours if it has our mark", async () => {
    const { api, target, memory } = await startWorld();
    const standing = wish();
    api.add("downtimes", { attributes: { ...standing.body } });
    refuse(api);

    await target.apply({ type: "create", desired: standing }, signal());

    expect(there(api)).toHaveLength(1);
    expect(memory.get("ray/night")).toMatchObject({ ref: api.objects("downtimes")[0]?.["id"] });
  });

  test("is a conflict that names it if it is somebody else's", async () => {
    const { api, target } = await startWorld();
    const id = api.add("downtimes", { attributes: { ...wish().body, message: "Mine" } });
    refuse(api);

    const created = target.apply({ type: "create", desired: wish() }, signal());

    await expect(created).rejects.toMatchObject({
      failure: "conflict",
      message: expect.stringContaining(`downtime ${id}`),
      hint: expect.stringContaining(`adopt downtime ${id} ray/night`),
    });
    expect(there(api)).toMatchObject([{ message: "Mine" }]);
  });
});

describe("a downtime that is there", () => {
  test("is canceled by a person: it counts as gone, and so does one that has ended", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wish()]));
    const [{ id } = {}] = api.objects("downtimes");
    api.remove("downtimes", String(id));

    expect(await observedByKey(target)).toEqual(new Map());
  });

  test("takes back what a wish no longer sets", async () => {
    const { api, target } = await startWorld();
    const more = {
      display_timezone: "Europe/Berlin",
      mute_first_recovery_notification: true,
      notify_end_states: ["alert"],
      notify_end_types: ["canceled", "expired"],
    };
    await bringInLine(target, desired([wish(more)]));

    await bringInLine(target, desired([wish()]));

    const [stored] = there(api);
    expect(stored).toMatchObject({ display_timezone: "UTC", mute_first_recovery_notification: false });
    expect(textsOf(stored?.["notify_end_states"]).toSorted()).toEqual(["alert", "no data", "warn"]);
    expect(stored?.["notify_end_types"]).toEqual(["expired"]);
  });

  test("begins at once when a wish no longer states a start that lies ahead", async () => {
    const { api, target } = await startWorld();
    const end = "2099-02-01T00:00:00Z";
    await bringInLine(target, desired([wish({ schedule: { start: "2099-01-01T00:00:00Z", end } })]));

    await bringInLine(target, desired([wish({ schedule: { end } })]));

    expect(there(api)).toMatchObject([{ status: "active" }]);
    expect((await bringInLine(target, desired([wish({ schedule: { end } })]))).actions).toEqual([]);
  });

  test("is sent nothing but what differs, so that a start under way isn't moved", async () => {
    const { api, target } = await startWorld();
    const schedule = { start: null, end: "2099-01-01T00:00:00Z" };
    await bringInLine(target, desired([wish({ schedule })]));

    await bringInLine(target, desired([wish({ schedule, scope: "env:staging" })]));

    const patch = api.log.find(({ method }) => method === "PATCH");
    expect(fieldsOf(patch?.body["data"])["attributes"]).toEqual({ scope: "env:staging" });
  });

  test("can be one monitor's, and recurs", async () => {
    const { api, target } = await startWorld();
    const monitor = api.add("monitors", {});
    const wished = desired([
      wish({
        monitor_identifier: { monitor_id: monitor },
        schedule: {
          timezone: "Europe/Berlin",
          recurrences: [{ rrule: "FREQ=WEEKLY;BYDAY=SA", duration: "2h" }],
        },
      }),
    ]);

    await bringInLine(target, wished);

    expect(there(api)).toMatchObject([
      { monitor_identifier: { monitor_id: Number(monitor) }, schedule: { timezone: "Europe/Berlin" } },
    ]);
    expect((await bringInLine(target, wished)).actions).toEqual([]);
  });

  test("begins at once where its start is past", async () => {
    const { api, target } = await startWorld();
    const wished = desired([
      wish({ schedule: { start: "2020-01-01T00:00:00Z", end: "2099-01-01T00:00:00Z" } }),
    ]);

    await bringInLine(target, wished);

    expect(api.log.find(({ method }) => method === "POST")?.body).toMatchObject({
      data: { attributes: { schedule: { start: null } } },
    });
    expect((await bringInLine(target, wished)).actions).toEqual([]);
  });
});

describe("calls", () => {
  test("are none at a resync where nothing is wished and nothing was found", async () => {
    const { api, target } = await startWorld({ hasWishes: () => false });
    await target.observe(signal());
    const before = api.log.length;

    await target.observe(signal());

    expect(before).toBe(1);
    expect(api.log).toHaveLength(before);
  });

  test("need no right where nothing is wished, and say which one is missing once something is", async () => {
    let isWished = false;
    const { api, target } = await startWorld(
      { hasWishes: () => isWished },
      { permissions: ["monitors_read", "monitors_write"] },
    );

    const before = await target.observe(signal());
    await target.observe(signal());
    const calls = api.log.length;
    isWished = true;

    expect({ before, calls }).toEqual({ before: [], calls: 1 });
    await expect(target.observe(signal())).rejects.toMatchObject({
      failure: "unauthorized",
      hint: expect.stringContaining("monitors_downtime"),
    });
  });

  test("go on where something of ours was found", async () => {
    const { api, target } = await startWorld({ hasWishes: () => false });
    api.add("downtimes", { attributes: { ...wish().body } });

    expect((await observedByKey(target)).size).toBe(1);
    expect((await observedByKey(target)).size).toBe(1);
  });
});
