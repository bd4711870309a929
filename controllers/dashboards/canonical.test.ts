import * as fc from "fast-check";
import { expect, test } from "vitest";

import { compareText, fieldChanges, isSame } from "../../engine/plan/plan.ts";
import { differencePath, fieldEdits, patternOf, type FieldEdit } from "../../test/field-edits.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { isObject, type Json } from "../monitors/canonical.ts";
import {
  canonicalDesired,
  canonicalObserved,
  SET_BY_DATADOG,
  toWire,
  type DashboardBody,
} from "./canonical.ts";

const widgetArbitrary: fc.Arbitrary<Json> = fc.letrec<{ widget: Json }>((tie) => ({
  widget: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({
      definition: fc.record(
        {
          type: fc.constantFrom("note", "slo", "timeseries"),
          content: fc.constantFrom("a", " b ", ""),
          title: fc.constantFrom("t", null),
          requests: fc.constantFrom([{ q: "avg:a.b{*}" }], [{ q: "avg:a.b{*}", style: { palette: null } }]),
          time: fc.constantFrom({}, { live_span: "1h" }),
        },
        { requiredKeys: ["type"] },
      ),
      layout: fc.record({ x: fc.nat(3), y: fc.nat(3), width: fc.nat(3), height: fc.nat(3) }),
    }),
    fc.record({
      definition: fc.record({
        type: fc.constant("group"),
        layout_type: fc.constant("ordered"),
        widgets: fc.array(tie("widget"), { maxLength: 3 }),
      }),
    }),
  ),
})).widget;

const variableArbitrary: fc.Arbitrary<Json> = fc.record(
  {
    name: fc.constantFrom("env", "service"),
    prefix: fc.constantFrom("env", null),
    default: fc.constantFrom("*", "prod", "", null),
    available_values: fc.constantFrom([], ["prod", "dev"], null),
    type: fc.constantFrom("group", null),
  },
  { requiredKeys: ["name"] },
);

const presetArbitrary: fc.Arbitrary<Json> = fc.record({
  name: fc.constantFrom("a", "b", "c"),
  template_variables: fc.uniqueArray(
    fc.constantFrom<Json>(
      { name: "env", value: "prod" },
      { name: "service", values: ["x", "y"] },
      { name: "team", value: "t" },
    ),
  ),
});

const wireArbitrary: fc.Arbitrary<Json> = fc
  .record(
    {
      title: fc.constantFrom("Ray", " Ray "),
      description: fc.constantFrom("text\n\nmark", "", null),
      layout_type: fc.constantFrom("ordered", "free"),
      reflow_type: fc.constantFrom("auto", "fixed", null),
      widgets: fc.array(widgetArbitrary, { maxLength: 4 }),
      template_variables: fc.oneof(fc.constant(null), fc.array(variableArbitrary, { maxLength: 2 })),
      template_variable_presets: fc.oneof(
        fc.constant(null),
        fc.uniqueArray(presetArbitrary, { selector: (preset) => preset["name"] }),
      ),
      notify_list: fc.constantFrom(null, [], ["b@x", "a@x"], ["a@x"]),
      tags: fc.constantFrom(null, [], ["team:b", "team:a"]),
      default_timeframe: fc.constantFrom(null, { type: "live", unit: "hour", value: 4 }),
      restricted_roles: fc.constantFrom([], ["role-2", "role-1"]),
    },
    { requiredKeys: ["title", "layout_type", "widgets"] },
  )
  .chain((wire) =>
    fc.boolean().map((isTabbed) => {
      const widgets = wire.widgets;
      if (!isTabbed || widgets.length === 0) return wire;
      return { ...wire, tabs: [{ name: "All", widget_ids: widgets.map((_, at) => `@${at + 1}`) }] };
    }),
  );

/** What Datadog makes of a body: ids handed out, sets sorted, nulls and its own fields added (recorded from the real API). */
function stored(wire: Json): Json {
  let next = 4_274_057_372_149_908;
  const numbered = (widgets: unknown): unknown[] =>
    (widgets as Json[]).map((widget) => {
      const definition = widget["definition"] as Json;
      const inner = definition["widgets"];
      const kept = inner === undefined ? definition : { ...definition, widgets: numbered(inner) };
      return { ...widget, definition: kept, id: next++ };
    });
  const widgets = numbered(wire["widgets"]);
  const idAt = (position: unknown) => (widgets[Number(String(position).slice(1)) - 1] as Json)["id"];
  const tabs = (wire["tabs"] ?? []) as Json[];
  return {
    description: null,
    template_variables: null,
    restricted_roles: [],
    ...wire,
    widgets,
    notify_list: Array.isArray(wire["notify_list"]) ? wire["notify_list"].toSorted(compareText) : null,
    ...(tabs.length === 0
      ? {}
      : { tabs: tabs.map((tab) => ({ ...tab, widget_ids: (tab["widget_ids"] as unknown[]).map(idAt) })) }),
    ...serverFields,
  };
}

const serverFields: Json = {
  id: "han-5zg-c32",
  url: "/dashboard/han-5zg-c32/ray",
  author_handle: "frog@example.com",
  author_name: null,
  created_at: "2026-01-01T00:00:00+00:00",
  modified_at: "2026-01-01T00:00:00+00:00",
  experience_type: "default",
  is_read_only: false,
};

test("the canonical form of a canonical form is itself, and so is what is sent for it", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const once = canonicalDesired(wire);

      expect(canonicalDesired(once)).toEqual(once);
      expect(canonicalDesired(toWire(once))).toEqual(once);
    }),
  );
});

test("a dashboard comes back equal, whatever Datadog fills in", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const wanted = canonicalDesired(wire);

      expect(fieldChanges(wanted, canonicalObserved(stored(toWire(wanted)), wanted))).toEqual([]);
    }),
  );
});

test("the order of people, tags, roles and saved views means nothing, nor do ids and nulls", () => {
  const reversed = (list: unknown) => (Array.isArray(list) ? list.toReversed() : list);
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const other = {
        ...stored(wire),
        notify_list: reversed(wire["notify_list"]),
        tags: reversed(wire["tags"]),
        restricted_roles: reversed(wire["restricted_roles"] ?? []),
        template_variable_presets: reversed(wire["template_variable_presets"]) ?? null,
      };

      expect(canonicalDesired(other)).toEqual(canonicalDesired(wire));
    }),
  );
});

const base: Json = { title: "Ray", layout_type: "ordered", widgets: [] };

test("a field that nobody knows is kept and sent", () => {
  const wanted = canonicalDesired({ ...base, future_field: { a: 1 } });

  expect(toWire(wanted)).toMatchObject({ future_field: { a: 1 } });
  expect(fieldChanges(wanted, canonicalObserved({ ...base, future_field: { a: 2 } }, wanted))).toEqual([
    { path: "future_field.a", wanted: 1, found: 2 },
  ]);
});

test("a field that Datadog adds one day, and who may edit, count only if the wish sets them", () => {
  const answer = { ...base, future_field: 1, restricted_roles: ["role-1"] };
  const plain = canonicalDesired(base);
  const wished = canonicalDesired({ ...base, restricted_roles: ["role-2"] });

  expect(fieldChanges(plain, canonicalObserved(answer, plain))).toEqual([]);
  expect(fieldChanges(wished, canonicalObserved(answer, wished)).map((change) => change.path)).toEqual([
    "restricted_roles",
  ]);
});

test("a single default by its older name and a list of one are the same", () => {
  const older = canonicalDesired({ ...base, template_variables: [{ name: "env", default: "prod" }] });
  const newer = canonicalDesired({ ...base, template_variables: [{ name: "env", defaults: ["prod"] }] });

  expect(older).toEqual(newer);
});

test("the id of a tab is a UUID that stays the same from write to write", () => {
  const body = canonicalDesired({
    ...base,
    widgets: [{ definition: { type: "note" } }, { definition: { type: "note" } }],
    tabs: [
      { name: "All", widget_ids: ["@1"] },
      { name: "All", widget_ids: ["@2"] },
    ],
  });

  const ids = (toWire(body)["tabs"] as Json[]).map((tab) => tab["id"]);

  expect(ids).toEqual([expect.stringMatching(UUID), expect.stringMatching(UUID)]);
  expect(new Set(ids).size).toBe(2);
  expect((toWire(canonicalDesired(toWire(body)))["tabs"] as Json[]).map((tab) => tab["id"])).toEqual(ids);
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/;

function recordedWrites() {
  return recordings(/^\/api\/v1\/dashboard(\/[a-z0-9]{3}-[a-z0-9]{3}-[a-z0-9]{3})?$/).filter(
    (one) => one.status === 200 && (one.method === "POST" || one.method === "PUT"),
  );
}

test.skipIf(!hasRecordings)("every recorded create and update comes back without a difference", () => {
  const writes = recordedWrites();

  const differences = writes.flatMap((one) => {
    const wanted = canonicalDesired(one.body);
    return fieldChanges(wanted, canonicalObserved(one.answer, wanted));
  });

  // Not one exception among 414.
  expect(differences).toEqual([]);
  expect(writes.length).toBeGreaterThan(400);
});

test.skipIf(!hasRecordings)("what Datadog returned can be sent again as it is", () => {
  for (const { answer } of recordedWrites()) {
    const body = canonicalObserved(answer);

    expect(canonicalDesired(toWire(body))).toEqual(body);
    expect(canonicalDesired(body)).toEqual(body);
  }
});

/** Changes of one field that are no difference of ours, and why. Patterns as `patternOf` writes them. */
const NO_DIFFERENCE: readonly RegExp[] = [
  // Datadog hands out new ones at every write.
  /^widgets(\.\*\.definition\.widgets)?\.\*\.id$/,
  // Wanted at every write, but of no meaning; ours follow from position and name.
  /^tabs\.\*\.id$/,
];

function expectedPaths({ path }: FieldEdit, wishHasRoles: boolean): readonly string[] {
  const field = String(path[0]);
  if (SET_BY_DATADOG.has(field)) return [];
  if (field === "restricted_roles" && !wishHasRoles) return [];
  return NO_DIFFERENCE.some((known) => known.test(patternOf(path))) ? [] : [differencePath(path)];
}

/** One edit of each kind, however many recordings hold it: `timeseries`, `widgets.*.definition.requests.*.q`. */
function newKinds(body: Json, seen: Set<string>): readonly FieldEdit[] {
  return [...fieldEdits(body)].filter((edit) => {
    const [field, at] = edit.path;
    const widget = field === "widgets" ? (body["widgets"] as Json[])[Number(at)] : undefined;
    const type = isObject(widget?.["definition"]) ? String(widget["definition"]["type"]) : "";
    const grows = Array.isArray(edit.after) && edit.after.length > (edit.before as unknown[]).length;
    const kind = `${type} ${patternOf(edit.path)} ${grows ? "longer" : ""}`;
    if (seen.has(kind)) return false;
    seen.add(kind);
    return true;
  });
}

test.skipIf(!hasRecordings)(
  "each field of a recorded dashboard, changed on either side, is exactly that difference",
  () => {
    const inWish = new Set<string>();
    const inAnswer = new Set<string>();
    const wrong: string[] = [];
    const judge = (wanted: DashboardBody, answer: Json, edit: FieldEdit) => {
      const paths = fieldChanges(wanted, canonicalObserved(answer, wanted)).map((change) => change.path);
      if (isSame(paths, expectedPaths(edit, wanted.restricted_roles !== undefined))) return;
      wrong.push(`${edit.path.join(".")}: ${paths.join(", ")}`);
    };

    for (const { body, answer } of recordedWrites()) {
      for (const edit of newKinds(body, inWish)) judge(canonicalDesired(edit.edited as Json), answer, edit);
      const wanted = canonicalDesired(body);
      for (const edit of newKinds(answer, inAnswer)) judge(wanted, edit.edited as Json, edit);
    }

    expect(wrong).toEqual([]);
    expect(inWish.size).toBeGreaterThan(1500);
    expect(inAnswer.size).toBeGreaterThan(1500);
  },
);
