import { expect, test } from "vitest";

import type { DriftedField } from "../plan/drift.ts";
import { Memory } from "../plan/memory.ts";
import { Board } from "./board.ts";
import { parseStatus, type ServiceStatus } from "./status.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");

const field = (path: string, over: Partial<DriftedField> = {}): DriftedField => ({
  path,
  wanted: 1,
  found: 2,
  wish: "0123456789abcdef",
  since: NOW - 1_000,
  ...over,
});

function boardWith(memory: Memory): Board {
  const board = new Board("controller", () => new Date(NOW));
  board.addMemory("monitors", memory);
  return board;
}

/** What the next process remembers of `ray/a`. */
function restored(status: ServiceStatus): readonly DriftedField[] | undefined {
  const memory = new Memory();
  boardWith(memory).restore([parseStatus(JSON.stringify(status))!]);
  return memory.get("ray/a")?.drift;
}

function statusWith(drift: readonly DriftedField[], objects = 1): ServiceStatus {
  const memory = new Memory();
  const board = boardWith(memory);
  board.know("ray", 1);
  for (let n = 0; n < objects; n++) {
    const key = n === 0 ? "ray/a" : `ray/a${n}`;
    memory.set(key, { owner: "ray", ref: String(n), applied: "x", drift });
  }
  return board.get("ray")!;
}

test.for<[string, DriftedField]>([
  ["is only reported", field("a", { until: Infinity })],
  ["is tolerated", field("a", { until: NOW + 1_000, by: "jane@example.com" })],
  ["is to be set right", field("a.b")],
  ["was added", field("a", { wanted: undefined })],
  ["was taken away", field("a", { found: undefined })],
])("the next process knows of an edit that %s", ([, drifted]) => {
  expect(restored(statusWith([drifted]))).toEqual([drifted]);
});

test("an edit whose time can't be read is noticed anew, and one that lies ahead began now", () => {
  const status = statusWith([field("a"), field("b")]);
  const [object] = status.objects;
  const [a, b] = object!.drift!;
  const drift = [
    { ...a!, since: "yesterday" },
    { ...b!, since: "2099-01-01T00:00:00Z", until: "some day" },
  ];

  const left = restored({ ...status, objects: [{ ...object!, drift }] });

  expect(left).toEqual([field("b", { since: NOW })]);
});

test("a status stays small, however much people changed in however many objects", () => {
  const long = "x".repeat(100_000);
  const drift = Array.from({ length: 100 }, (_, n) =>
    field(`options.${n}`, { wanted: long, found: { text: long }, until: Infinity }),
  );

  const status = statusWith(drift, 100);

  // Consul takes 512 KiB, in base64.
  expect((JSON.stringify(status).length * 4) / 3).toBeLessThan(500_000);
  expect(status.objects).toHaveLength(100);
  expect(restored(status)?.length).toBe(20);
});

test("a memory says whether what is changed by hand is news", () => {
  const memory = new Memory();
  memory.set("ray/a", { owner: "ray", ref: "1", applied: "x" });

  const said = [
    memory.setDrift("ray/unknown", [field("a")]),
    memory.setDrift("ray/a", [field("a")]),
    memory.setDrift("ray/a", [field("a")]),
    memory.setDrift("ray/a", []),
    memory.setDrift("ray/a", []),
  ];

  expect(said).toEqual([false, true, false, true, false]);
  expect(memory.get("ray/a")).toEqual({ owner: "ray", ref: "1", applied: "x" });
});
