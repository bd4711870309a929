import { expect, test } from "vitest";

import { readTextMark } from "../datadog/text-mark.ts";
import { canonicalDesired } from "./canonical.ts";
import { downtimeOfNoService, downtimesOf, type DowntimeWish } from "./compile.ts";

function compile(downtimes: Readonly<Record<string, DowntimeWish>>) {
  const compiled = downtimesOf(
    {
      service: "ray",
      downtimes,
      drift: "correct",
      deletion: "delete",
    },
    "dc1",
  );
  const keys = compiled.objects.map(({ key }) => key);
  return { ...compiled, keys, body: compiled.objects[0]?.body };
}

test("without monitors it is of all that dd-observe keeps for the service", () => {
  const { keys, body } = compile({ night: { end: "2027-01-02T00:00:00Z", message: "New disks. @slack-ml" } });

  expect(keys).toEqual(["ray/night"]);
  expect(body).toMatchObject({
    scope: "*",
    monitor_identifier: { monitor_tags: ["dd-observe-owner:dc1", "service:ray"] },
    display_timezone: "UTC",
    schedule: { end: "2027-01-02T00:00:00Z" },
    message: expect.stringMatching(/^New disks\. @slack-ml\n\nKept by dd-observe for service ray\./),
  });
  expect(readTextMark(body?.message ?? "", "dc1")).toEqual({ key: "ray/night", retain: false });
});

test("one monitor is named by a reference, and the downtime keeps its name", () => {
  const { keys, body } = compile({ night: { monitors: ["queue-too-long"] } });

  expect(keys).toEqual(["ray/night"]);
  expect(body?.monitor_identifier).toEqual({ monitor_id: "${monitors:ray/queue-too-long}" });
});

test("several monitors take a downtime each, with a mark of its own", () => {
  const { objects, keys } = compile({
    night: {
      monitors: [
        "queue-too-long",
        "ray/out-of-memory",
        "consul/no-leader",
        "_monitors/disk",
        "queue-too-long",
      ],
    },
  });

  expect(keys).toEqual([
    "ray/night._monitors.disk",
    "ray/night.consul.no-leader",
    "ray/night.out-of-memory",
    "ray/night.queue-too-long",
  ]);
  expect(objects.map(({ body }) => readTextMark(body.message, "dc1")?.key)).toEqual(keys);
  expect(objects.every(({ owner }) => owner === "ray")).toBe(true);
});

test("recurrences are in the wish's time zone, in which people are shown them too", () => {
  const recurrences = [{ rrule: "FREQ=WEEKLY;BYDAY=SA,SU", duration: "1d" }];

  const { body } = compile({ weekend: { recurrences, timezone: "Europe/Berlin", notifyEndTypes: [] } });

  expect(body).toMatchObject({
    display_timezone: "Europe/Berlin",
    notify_end_types: [],
    notify_end_states: ["alert", "no data", "warn"],
    schedule: { timezone: "Europe/Berlin", recurrences },
  });
});

test("two downtimes whose keys are the same are told, and the first is made", () => {
  const { objects, keys, problems } = compile({
    night: { monitors: ["a", "b"], scope: "env:first" },
    "night.a": { scope: "env:second" },
  });

  expect(keys).toEqual(["ray/night.a", "ray/night.b"]);
  expect(objects[0]?.body.scope).toBe("env:first");
  expect(problems).toMatchObject([{ owner: "ray", reason: "Conflict", path: "downtimes.night.a" }]);
});

test("a downtime's own rules of drift go before the service's", () => {
  const { objects } = compile({ a: {}, b: { drift: "report" } });

  expect(objects.map(({ drift }) => drift)).toEqual(["correct", "report"]);
});

function ofNoService(downtime: DowntimeWish) {
  return downtimeOfNoService({ key: "_downtimes/x", downtime, drift: "correct", deletion: "retain" }, "DC1");
}

test("a downtime of no service is of all that this cluster's dd-observe keeps", () => {
  const [object] = ofNoService({ scope: "env:staging" }).objects;

  expect(object).toMatchObject({
    key: "_downtimes/x",
    owner: "_downtimes/x",
    body: { scope: "env:staging", monitor_identifier: { monitor_tags: ["dd-observe-owner:dc1"] } },
  });
  expect(readTextMark(object?.body.message ?? "", "DC1")).toEqual({ key: "_downtimes/x", retain: true });
});

test("a downtime of no service is of one monitor at most", () => {
  const one = ofNoService({ monitors: ["ray/a"] });
  const two = ofNoService({ monitors: ["ray/a", "_monitors/b"] });

  expect(one.objects[0]?.body.monitor_identifier).toEqual({ monitor_id: "${monitors:ray/a}" });
  expect(two.objects).toEqual([]);
  expect(two.held?.has("_downtimes/x")).toBe(true);
  expect(two.problems).toMatchObject([{ owner: "_downtimes/x", reason: "NotAllowed" }]);
});

test("what is compiled is canonical already", () => {
  const { objects } = compile({
    a: { monitors: ["queue-too-long"] },
    b: { start: "2027-01-01T00:00+01:00" },
  });

  for (const { body } of objects) expect(canonicalDesired({ attributes: body })).toEqual(body);
});
