import { expect, test } from "vitest";

import { fieldChanges } from "../../engine/plan/plan.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import type { Json } from "../monitors/canonical.ts";
import { canonicalDesired, canonicalObserved } from "./canonical.ts";
import { checkDashboard } from "./check.ts";
import { documentOf } from "./document.ts";

const nobodyKeeps = (): undefined => undefined;

const WIDGETS = [
  { definition: { type: "alert_graph", alert_id: "12", viz_type: "timeseries" } },
  {
    definition: {
      type: "group",
      widgets: [{ definition: { type: "slo", slo_id: "ab", view_type: "detail" } }],
    },
  },
];

function dashboard(more: Json = {}): Json {
  return { id: "abc-def-ghi", url: "/x", title: "Shop", layout_type: "ordered", widgets: WIDGETS, ...more };
}

test("names monitors and SLOs that are kept, and keeps the ids of others, which it tells", () => {
  const document = documentOf(dashboard(), "abc-def-ghi", (controller, id) =>
    controller === "monitors" && id === "12" ? "ray/load" : undefined,
  );

  expect(document).toMatchObject({
    ok: true,
    definition: {
      widgets: [
        { definition: { alert_id: "${monitors:ray/load}" } },
        { definition: { widgets: [{ definition: { slo_id: "ab" } }] } },
      ],
    },
    unnamed: [{ path: "widgets.1.definition.widgets.0.definition.slo_id", controller: "slos", id: "ab" }],
  });
});

test("leaves out our mark, and what Datadog sets by itself", () => {
  const description = "Shop's own.\n\nManaged by dd-observe: owner=dc1 key=_dashboards/shop";

  const document = documentOf(dashboard({ description, author_handle: "a@b.c" }), "x", nobodyKeeps);

  expect(document.ok && document.definition).toEqual({
    title: "Shop",
    description: "Shop's own.",
    layout_type: "ordered",
    widgets: WIDGETS,
  });
});

test("a text that dd-observe would fill in is refused, with its place", () => {
  const widgets = [{ definition: { type: "note", content: "costs ${total}" } }];

  const document = documentOf(dashboard({ widgets }), "x", nobodyKeeps);

  expect(document.ok ? [] : document.problems.map(({ path }) => path)).toEqual([
    "widgets.0.definition.content",
  ]);
});

test("what no document can state is told", () => {
  const document = documentOf(dashboard({ newer_than_us: { a: 1 } }), "x", nobodyKeeps);

  expect(document.ok && document.lost).toEqual(["newer_than_us"]);
});

/** Recorded dashboards that no document can express, each with the reason. */
const EXCEPTIONS: readonly RegExp[] = [];

test.skipIf(!hasRecordings)("every recorded dashboard comes back the same from its document", () => {
  const stored = recordings(/^\/api\/v1\/dashboard(\/[a-z0-9-]{11})?$/)
    .filter(({ status, answer }) => status === 200 && Array.isArray(answer["widgets"]))
    .filter(({ answer }) => checkDashboard(answer).length === 0);

  const differences = stored.flatMap(({ answer, scenario }) => {
    const document = documentOf(answer, scenario, nobodyKeeps);
    if (!document.ok) return document.problems.map(({ message }) => `${scenario}: ${message}`);
    const body = canonicalDesired(document.definition);
    return fieldChanges(body, canonicalObserved(answer, body)).map(({ path }) => `${scenario}: ${path}`);
  });

  expect(differences.filter((line) => !EXCEPTIONS.some((known) => known.test(line)))).toEqual([]);
  expect(stored.length).toBeGreaterThan(300);
});
