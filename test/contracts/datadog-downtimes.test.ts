import { describe, expect, test } from "vitest";

import { downtimeReader, downtimeWriter } from "../../clients/datadog-downtimes.ts";
import { datadogWriter } from "../../clients/datadog.ts";
import { wishedMonitor } from "../builders/monitors.ts";
import { signal } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

const downtime = (attributes: object = {}) => ({
  type: "downtime",
  attributes: {
    scope: "env:staging",
    monitor_identifier: { monitor_tags: ["service:ray"] },
    message: "Nightly load test",
    schedule: { start: null },
    ...attributes,
  },
});
const UNKNOWN = "00000000-0000-1234-0000-000000000000";

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`downtimes of ${name}`, () => {
    const startWorld = async (permissions?: readonly string[]) => {
      const world = await startOne(start, permissions === undefined ? {} : { permissions });
      return { ...world, downtimes: downtimeWriter(world.transport) };
    };

    test("a downtime is created, read, listed, changed and canceled", async () => {
      const { downtimes } = await startWorld();

      const created = await downtimes.create(downtime(), { signal: signal() });
      const id = String(created["id"]);
      const read = await downtimes.get(id, { signal: signal() });
      const { objects: listed } = await downtimes.list({ signal: signal() });
      const patch = { type: "downtime", attributes: { message: "Longer" } };
      const updated = await downtimes.update(id, patch, { signal: signal() });
      await downtimes.delete(id, { signal: signal() });
      const { objects: left } = await downtimes.list({ signal: signal() });

      const attributes = { scope: "env:staging", message: "Nightly load test", status: "active" };
      expect(created).toMatchObject({ id, type: "downtime", attributes });
      expect(read).toMatchObject({ id, attributes });
      expect(listed).toMatchObject([{ id, attributes }]);
      expect(updated).toMatchObject({ id, attributes: { ...attributes, message: "Longer" } });
      expect(left).toEqual([]);
    });

    test("the server fills in what is left out, and sets have no order", async () => {
      const { downtimes } = await startWorld();

      const { attributes } = await downtimes.create(downtime(), { signal: signal() });

      expect(attributes).toMatchObject({
        display_timezone: "UTC",
        mute_first_recovery_notification: false,
        notify_end_types: ["expired"],
        schedule: { start: expect.stringMatching(/\+00:00$/), end: null },
      });
      const { notify_end_states: states } = attributes as { notify_end_states: string[] };
      expect(states.toSorted()).toEqual(["alert", "no data", "warn"]);
    });

    test("times come back with another zone's name", async () => {
      const { downtimes } = await startWorld();
      const schedule = { start: "2199-01-01T00:00:00Z", end: "2199-01-02T00:00:00Z" };

      const created = await downtimes.create(downtime({ schedule }), { signal: signal() });

      expect(created).toMatchObject({
        attributes: {
          status: "scheduled",
          schedule: { start: "2199-01-01T00:00:00+00:00", end: "2199-01-02T00:00:00+00:00" },
        },
      });
    });

    test("a recurring downtime gets its start and its current span", async () => {
      const { downtimes } = await startWorld();
      const schedule = {
        timezone: "Europe/Berlin",
        recurrences: [{ rrule: "FREQ=DAILY;INTERVAL=1", duration: "2h" }],
      };

      const created = await downtimes.create(downtime({ schedule }), { signal: signal() });

      expect(created).toMatchObject({
        attributes: {
          schedule: {
            timezone: "Europe/Berlin",
            recurrences: [
              { rrule: "FREQ=DAILY;INTERVAL=1", duration: "2h", start: expect.stringMatching(/^\d{4}-/) },
            ],
            current_downtime: { start: expect.any(String), end: expect.any(String) },
          },
        },
      });
    });

    test.for([
      [99, 1],
      [100, 1],
      [101, 2],
    ] as const)("%i downtimes are listed in %i calls, each once", async ([count, calls]) => {
      const { downtimes, double } = await startWorld();
      const { id } = await downtimes.create(downtime(), { signal: signal() });
      double.copy("downtimes", String(id), count - 1);
      const before = double.requests().length;

      const { objects: listed } = await downtimes.list({ signal: signal() });

      expect(new Set(listed.map((one) => one["id"])).size).toBe(count);
      expect(double.requests().length - before).toBe(calls);
    });

    test("canceling twice succeeds, and what is canceled can be read", async () => {
      const { downtimes } = await startWorld();
      const { id } = await downtimes.create(downtime(), { signal: signal() });

      await downtimes.delete(String(id), { signal: signal() });
      await downtimes.delete(String(id), { signal: signal() });

      expect(await downtimes.get(String(id), { signal: signal() })).toMatchObject({
        attributes: { status: "canceled" },
      });
    });

    test("a downtime that isn't there is not found, to read, to change and to cancel", async () => {
      const { downtimes } = await startWorld();
      const expected = { failure: "notFound", message: expect.stringContaining("not found") };

      await expect(downtimes.get(UNKNOWN, { signal: signal() })).rejects.toMatchObject(expected);
      await expect(
        downtimes.update(UNKNOWN, { type: "downtime", attributes: {} }, { signal: signal() }),
      ).rejects.toMatchObject(expected);
      await expect(downtimes.delete(UNKNOWN, { signal: signal() })).rejects.toMatchObject(expected);
    });

    test("a downtime can be of one monitor, and only of one that is there", async () => {
      const { downtimes, transport } = await startWorld();
      const datadog = datadogWriter(transport);
      const { id } = await datadog.createMonitor({ ...wishedMonitor("ray/a").body }, { signal: signal() });

      const ofOne = await downtimes.create(downtime({ monitor_identifier: { monitor_id: id } }), {
        signal: signal(),
      });
      const ofNone = downtimes.create(downtime({ monitor_identifier: { monitor_id: id + 1 } }), {
        signal: signal(),
      });

      expect(ofOne).toMatchObject({ attributes: { monitor_identifier: { monitor_id: id } } });
      await expect(ofNone).rejects.toMatchObject({ failure: "rejected" });
    });

    test("a scope without a key is refused", async () => {
      const { downtimes } = await startWorld();

      const created = downtimes.create(downtime({ scope: "staging" }), { signal: signal() });

      await expect(created).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining("All values must have a key"),
      });
    });

    test("a field that Datadog doesn't know is refused", async () => {
      const { downtimes, breakRules } = await startWorld();
      breakRules();

      const created = downtimes.create(downtime({ colour: "red" }), { signal: signal() });

      await expect(created).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining("Additional properties are not allowed ('colour' was unexpected)"),
      });
    });

    test("names the permission that is missing, to read and to write", async () => {
      const { downtimes, transport } = await startWorld(["monitors_read"]);
      const expected = {
        failure: "unauthorized",
        hint: expect.stringMatching(/application key needs monitors_downtime\./),
      };

      await expect(downtimeReader(transport).list({ signal: signal() })).rejects.toMatchObject(expected);
      await expect(downtimes.create(downtime(), { signal: signal() })).rejects.toMatchObject(expected);
    });
  });
}
