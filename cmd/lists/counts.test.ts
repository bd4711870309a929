import { expect, test } from "vitest";

import { countObjects, countsInWords } from "./counts.ts";

const object = (controller: string, key: string) => ({ controller, key, ref: "1", applied: "" });
const status = {
  service: "ray",
  writer: "controller",
  generation: 1,
  conditions: [],
  events: [],
  objects: [
    object("monitors", "ray/a"),
    object("monitors", "ray/b"),
    object("slos", "ray/up"),
    object("catalog", "ray/entity"),
    object("downtimes", "ray/night"),
  ],
};

test("counts what there is of each kind, whoever wrote it", () => {
  const file = { ...status, writer: "node-1", objects: [object("agent-config", "ray/openmetrics")] };

  const counts = countObjects({ statuses: [status, file] });

  expect(counts).toEqual({ monitors: 2, slos: 1, downtimes: 1, catalog: 1 });
});

test.for([
  [Infinity, "2 monitors, 1 SLO, 1 downtime, 1 entity"],
  [2, "2 monitors, 1 SLO and 2 more"],
  [4, "2 monitors, 1 SLO, 1 downtime, 1 entity"],
] as const)("with room for %s kinds they are %s", ([most, words]) => {
  expect(countsInWords(countObjects({ statuses: [status] }), most)).toBe(words);
});

test("nothing is no text", () => {
  expect(countsInWords({})).toBe("");
});
