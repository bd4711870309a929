import { expect, test } from "vitest";

import type { ServiceStatus, StoredCondition } from "../../engine/status/status.ts";
import { plain, type Terminal } from "../terminal.ts";
import { Narrator } from "./narrator.ts";

function start(titles: Readonly<Record<string, string>> = {}) {
  let text = "";
  const terminal: Terminal = {
    out: (part) => (text += part),
    err: () => undefined,
    width: undefined,
    paint: plain,
    readStdin: async () => "",
  };
  const narrator = new Narrator(terminal, (controller, id) => titles[`${controller} ${id}`]);
  const log = narrator.openLog();
  return {
    narrator,
    act: (line: object) => log.info(line, "action applied"),
    /** Without the times. */
    lines: () =>
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => line.slice(10)),
  };
}

function statusOf(service: string, ...conditions: readonly Partial<StoredCondition>[]): ServiceStatus {
  const usual = {
    type: "MonitorsSynced",
    status: "True",
    reason: "Synced",
    message: "as wished",
    observedGeneration: 1,
    lastTransitionTime: "2026-01-01T00:00:00.000Z",
  } as const;
  return {
    service,
    writer: "controller",
    generation: 1,
    conditions: conditions.map((one) => ({ ...usual, ...one })),
    objects: [],
    events: [],
  };
}

test("each kind has its word, its title, and an id that can be read", () => {
  const { act, lines } = start({
    "monitors 12": "[ray] Full",
    "slos 0123456789abcdef": "[ray] Up",
    "dashboards abc-def-ghi": "Overview",
  });

  act({ type: "create", controller: "monitors", key: "ray/full", ref: "12" });
  act({ type: "create", controller: "slos", key: "ray/up", ref: "0123456789abcdef" });
  act({ type: "create", controller: "dashboards", key: "_dashboards/overview", ref: "abc-def-ghi" });
  act({ type: "delete", controller: "slos", key: "ray/up", ref: "gone" });

  expect(lines()).toEqual([
    "+ monitor   12 [ray] Full",
    "+ SLO       [ray] Up",
    "+ dashboard abc-def-ghi Overview",
    "- SLO       gone [ray] Up",
  ]);
});

test("what stood and is made again was deleted by hand, unless the operator did it", () => {
  const { act, lines } = start();
  const made = { type: "create", controller: "monitors", key: "ray/full", ref: "12" };

  act(made);
  act({ ...made, ref: "13" });
  act({ ...made, type: "delete", ref: "13" });
  act({ ...made, ref: "14" });

  expect(lines()).toEqual([
    "+ monitor   12 ray/full",
    "+ monitor   13 ray/full  (was deleted by hand; made again)",
    "- monitor   13 ray/full",
    "+ monitor   14 ray/full",
  ]);
});

test("of what changed, the fields that are short enough are told", () => {
  const { act, lines } = start();
  const long = `query: ${"x".repeat(90)} → y`;
  const update = { type: "update", controller: "monitors", key: "ray/full", ref: "12" };

  act({ ...update, changes: `priority: 3 → 2, ${long}` });
  act({ ...update, changes: long, reason: "Drift" });

  expect(lines()).toEqual([
    "~ monitor   12 ray/full  (priority: 3 → 2 and more)",
    "~ monitor   12 ray/full  (was changed by hand; set right)",
  ]);
});

test("an edit that may stand for a while is no failure", () => {
  const { narrator, lines } = start();

  narrator.seeStatuses([
    statusOf("ray", { status: "False", reason: "DriftTolerated", message: "until 10:00" }),
  ]);

  expect(lines()).toEqual(["… ray       MonitorsSynced: DriftTolerated. until 10:00"]);
});

test("what is unknown for a moment is not told, and what stays unknown is, once", () => {
  const { narrator, lines } = start();
  const waiting = [statusOf("ray", { status: "Unknown", reason: "WaitingForReference", message: "waits" })];

  narrator.seeStatuses(waiting, 0);
  const atOnce = lines();
  narrator.seeStatuses(waiting, 2_500);
  narrator.seeStatuses(waiting, 5_000);
  narrator.seeStatuses([statusOf("ray", {})], 6_000);

  expect(atOnce).toEqual([]);
  expect(lines()).toEqual(["… ray       MonitorsSynced: waits", "✔ ray       MonitorsSynced"]);
});

test("a composed dashboard is told of as a dashboard", () => {
  const { narrator, lines } = start();

  narrator.seeStatuses([statusOf("_dashboards/overview", { type: "DashboardsSynced" })]);

  expect(lines()).toEqual(["✔ dashboard overview: DashboardsSynced"]);
});
