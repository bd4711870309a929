import * as fc from "fast-check";
import { expect, test } from "vitest";

import { MONITOR_TYPES, monitorLayer, packMonitor, type MonitorLayer } from "../../crds/monitor.ts";
import {
  compiledMonitor,
  FIELD_VALUES,
  monitorsWith,
  QUERIES,
  type MonitorField,
} from "../../test/builders/monitor-values.ts";
import type { Json } from "./canonical.ts";
import { OPTION_FIELDS, OUTER_FIELDS, THRESHOLD_FIELDS, WINDOW_FIELDS, withApiNames } from "./fields.ts";

/** What the body of a monitor says of a field, or undefined if it says nothing. */
function inBody(field: MonitorField, body: Json): unknown {
  const options = body["options"] as Json;
  const thresholds = (options["thresholds"] ?? {}) as Json;
  const windows = (options["threshold_windows"] ?? {}) as Json;
  const text = String(body["message"]);
  if (field in THRESHOLD_FIELDS) return thresholds[THRESHOLD_FIELDS[field as keyof typeof THRESHOLD_FIELDS]];
  if (field in WINDOW_FIELDS) return windows[WINDOW_FIELDS[field as keyof typeof WINDOW_FIELDS]];
  if (field in OPTION_FIELDS) return options[OPTION_FIELDS[field as keyof typeof OPTION_FIELDS]];
  if (field in OUTER_FIELDS) return body[OUTER_FIELDS[field as keyof typeof OUTER_FIELDS]];
  if (field === "name") return String(body["name"]).replace("[ray] ", "");
  if (field === "message") return text.split("\n")[0];
  if (field === "notify") return text.match(/@slack-x/g);
  if (field === "runbookUrl") return /^Runbook: (\S+)$/m.exec(text)?.[1];
  if (field === "tags") return (body["tags"] as readonly string[]).filter((one) => one === "a:b");
  return body[field];
}

const fields = Object.keys(FIELD_VALUES) as MonitorField[];

test("the values tried cover every field of the schema", () => {
  expect(["type", "query", "drift", ...fields].toSorted()).toEqual(
    Object.keys(monitorLayer.shape).toSorted(),
  );
  expect(Object.keys(monitorLayer.shape).filter((field) => !(field in packMonitor.shape))).toEqual([]);
});

const layers = fc.record({
  type: fc.constantFrom(...MONITOR_TYPES),
  query: fc.constantFrom(...QUERIES),
  chosen: fc.uniqueArray(
    fc
      .constantFrom(...fields)
      .chain((field) => fc.constantFrom(...FIELD_VALUES[field]).map((value) => ({ field, value }))),
    { maxLength: 4, selector: ({ field }) => field },
  ),
});

test("every field of a document arrives in the monitor, or is refused", () => {
  let arrived = 0;
  fc.assert(
    fc.property(layers, ({ type, query, chosen }) => {
      const layer = {
        type,
        query,
        ...(query.includes("${critical}") ? { critical: 5 } : {}),
        ...Object.fromEntries(chosen.map(({ field, value }) => [field, value])),
      } as MonitorLayer;

      const { body, problems } = compiledMonitor(layer);

      if (body === undefined) {
        expect(problems).not.toEqual([]);
        return;
      }
      for (const { field, value } of chosen) {
        expect([field, inBody(field, body)]).toEqual([
          field,
          field === "notify" ? value : withApiNames(value),
        ]);
        arrived++;
      }
    }),
    { numRuns: 600 },
  );

  expect(arrived).toBeGreaterThan(100);
});

test.for(fields)("there is a monitor that takes %s", (field) => {
  expect(monitorsWith(field).next().value).toBeDefined();
});
