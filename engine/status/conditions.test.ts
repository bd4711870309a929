import { expect, test } from "vitest";

import { ApiError } from "../../clients/errors.ts";
import { resolve } from "../../crds/resolve.ts";
import { exampleGround } from "../../test/builders/packs.ts";
import { whyKept } from "../plan/drift.ts";
import { accepted, describeChanges, eventOf, failureOf, synced } from "./conditions.ts";
import type { Action, Desired } from "../plan/plan.ts";
import type { Outcome, Report } from "../loop/report.ts";
import { RefusedError } from "../plan/refused.ts";

function desired(over: Partial<Desired<string>> = {}): Desired<string> {
  return { objects: new Map(), held: new Map(), paused: new Set(), problems: [], ...over };
}

function report(over: Partial<Report<string>> = {}): Report<string> {
  return {
    problems: [],
    outcomes: [],
    withheld: [],
    unchanged: 0,
    drift: new Map(),
    left: 0,
    waiting: new Set(),
    ...over,
  };
}

const OBJECT = {
  key: "ray/a",
  owner: "ray",
  body: "1",
  drift: { rule: "correct", fields: {} },
  retain: false,
} as const;
const OTHER = { ...OBJECT, key: "ray/b" };
const CREATE: Action<string> = { type: "create", desired: OBJECT };
const FAILED: Outcome = {
  type: "create",
  key: "ray/a",
  owner: "ray",
  ref: undefined,
  changes: [],
  drifted: false,
  sent: "1",
  durationMs: 1,
  error: new ApiError("create toy", "400 no", { failure: "rejected", hint: "Mend it." }),
};
const DOWN = new ApiError("list toys", "503", { failure: "unavailable" });
const withheld = (reason: string) => [{ action: CREATE, reason, message: `because of ${reason}` }];

test.for<{ title: string; wish: Partial<Desired<string>>; pass: Partial<Report<string>>; said: string }>([
  { title: "nothing is wanted", wish: {}, pass: {}, said: "True NothingWanted: the wish asks for no toys" },
  {
    title: "one object is as wished",
    wish: { objects: new Map([["ray/a", OBJECT]]) },
    pass: {},
    said: "True Synced: 1 toy as wished",
  },
  {
    title: "two are as wished",
    wish: {
      objects: new Map([
        ["ray/a", OBJECT],
        ["ray/b", OTHER],
      ]),
    },
    pass: {},
    said: "True Synced: 2 toys as wished",
  },
  {
    title: "one failed",
    wish: {},
    pass: { outcomes: [FAILED], error: DOWN },
    said: "False Rejected: Cannot create toy: 400 no. Mend it.",
  },
  {
    title: "the run was stopped",
    wish: {},
    pass: { error: DOWN, left: 1 },
    said: "False Unavailable: Cannot list toys: 503",
  },
  {
    title: "the wish has a problem",
    wish: {},
    pass: { problems: [{ owner: "ray", reason: "NoPort", message: "no port" }] },
    said: "False NoPort: no port",
  },
  {
    title: "the brake holds it",
    wish: {},
    pass: { withheld: withheld("BrakeEngaged") },
    said: "False BrakeEngaged: because of BrakeEngaged",
  },
  {
    title: "it is retained",
    wish: {},
    pass: { withheld: withheld("Retained") },
    said: "True Retained: because of Retained",
  },
  {
    title: "the wish can't be read",
    wish: { held: new Map([["ray", "line 1"]]) },
    pass: { withheld: withheld("Held") },
    said: "False Held: nothing is changed while the wish cannot be read: line 1",
  },
  {
    title: "it is paused",
    wish: { paused: new Set(["ray"]) },
    pass: { withheld: withheld("Paused") },
    said: "False Paused: the service is paused; dd-observe resume ray",
  },
  {
    title: "its changes are still to come",
    wish: {},
    pass: { left: 1, waiting: new Set(["ray"]) },
    said: "Unknown Progressing: its toys are still to be written",
  },
  {
    title: "only others' changes are still to come",
    wish: {},
    pass: { left: 1, waiting: new Set(["chat"]) },
    said: "True NothingWanted: the wish asks for no toys",
  },
])("says what is so if $title", ({ wish, pass, said }) => {
  const conditions = synced("ToysSynced", "toy", new Set(["ray"]), desired(wish), report(pass));

  const { status, reason, message } = conditions.get("ray")!;
  expect(`${status} ${reason}: ${message}`).toBe(said);
});

test("says something of every service that it is asked about, and of no other", () => {
  const conditions = synced("T", "toy", new Set(["chat"]), desired(), report({ outcomes: [FAILED] }));

  expect([...conditions.keys()]).toEqual(["chat"]);
});

test.for([
  { error: new Error("plain"), reason: "Failed", message: "plain" },
  { error: DOWN, reason: "Unavailable", message: "Cannot list toys: 503" },
  {
    error: new RefusedError("OtherOrganisation", "abc", "Another organisation."),
    reason: "OtherOrganisation",
    message: "Another organisation. If this is right, run: dd-observe approve abc",
  },
])("a failure as a reason: $reason", ({ error, reason, message }) => {
  expect(failureOf(error)).toEqual({ reason, message });
});

test.for([
  { outcome: { type: "create" }, said: "Created: toys ray/a" },
  { outcome: { type: "delete" }, said: "Deleted: toys ray/a" },
  {
    outcome: { type: "update", changes: ["name", "query"] },
    said: "Updated: toys ray/a (name: 2 → 1, query: 2 → 1)",
  },
  {
    outcome: { type: "update", changes: ["a", "b", "c", "d", "e", "f"], drifted: true },
    said: "DriftCorrected: toys ray/a: changed by hand, set right (a: 2 → 1, b: 2 → 1, c: 2 → 1, d: 2 → 1, e: 2 → 1 and 1 more)",
  },
  { outcome: { type: "update", error: new Error("no") }, said: "Failed: toys ray/a: no" },
] as const)("an outcome as an event: $said", ({ outcome, said }) => {
  const { error: _error, ...plain } = FAILED;
  const changes = ("changes" in outcome ? outcome.changes : []).map((path) => ({
    path,
    wanted: 1,
    found: 2,
  }));

  const { reason, message } = eventOf("toys", { ...plain, ...outcome, changes });

  expect(`${reason}: ${message}`).toBe(said);
});

test.for([
  { document: undefined, said: "True Accepted: observed by its tags with pack ray" },
  { document: "", said: "True Accepted: observed by its document with pack ray" },
  { document: "pack: vlm", said: /^False InvalidWish: line 1, column 1: no pack is named vlm/ },
  {
    document: "pakc: a\nteem: b",
    said: /^False InvalidWish: line 1.*\(and 1 more; dd-observe describe ray\)$/,
  },
])("says whether a wish is accepted ($document)", ({ document, said }) => {
  const text = document === undefined ? undefined : { text: document, generation: 7 };
  const resolution = resolve("ray", ["dd-observe"], text, exampleGround())!;

  const { status, reason, message } = accepted(resolution);

  expect(`${status} ${reason}: ${message}`).toEqual(
    typeof said === "string" ? said : expect.stringMatching(said),
  );
});

test.for([
  { wanted: "new", found: undefined, said: 'a: nothing → "new"' },
  { wanted: { x: 1 }, found: [1, 2], said: 'a: [1,2] → {"x":1}' },
  {
    wanted: `${"long ".repeat(30)}> 4`,
    found: `${"long ".repeat(30)}> 5`,
    said: 'a: …ng long long long > 5" → …ng long long long > 4"',
  },
  { wanted: "y", found: "x".repeat(200), said: `a: "${"x".repeat(79)}… → "y"` },
])("a changed field in words: $said", ({ wanted, found, said }) => {
  expect(describeChanges([{ path: "a", wanted, found }])).toBe(said);
});

const EDIT = { path: "a", wanted: 1, found: 2, wish: "w", since: 0 };

test("says which fields stay as a person made them, and until when, though the rest is set right", () => {
  const drift = new Map([
    [
      "ray/a",
      [
        { ...EDIT, path: "message", until: Infinity },
        { ...EDIT, path: "options.limit", until: 3_600_000 },
        { ...EDIT, path: "query" },
      ],
    ],
  ]);
  const objects = new Map([["ray/a", OBJECT]]);

  const conditions = synced("T", "toy", new Set(["ray"]), desired({ objects }), report({ drift }));

  expect(conditions.get("ray")).toMatchObject({
    status: "False",
    reason: "DriftTolerated",
    message:
      "ray/a was changed by hand. options.limit: set right at 1970-01-01T01:00:00.000Z; message: only reported",
  });
});

test("names five fields at most", () => {
  const fields = ["a", "b", "c", "d", "e", "f", "g"].map((path) => ({ ...EDIT, path, until: Infinity }));

  const { message } = whyKept("ray/a", fields, false);

  expect(message).toBe("ray/a was changed by hand. a, b, c, d, e and 2 more: only reported");
});

test("names who it was, if that is known", () => {
  const { message } = whyKept("ray/a", [{ ...EDIT, until: Infinity, by: "jane@example.com" }], false);

  expect(message).toBe("ray/a was changed by hand, by jane@example.com. a: only reported");
});

test("it is not known whether all is as wished while an object waits for another", () => {
  const pass = report({ withheld: withheld("WaitingForReference") });

  const conditions = synced("T", "toy", new Set(["ray"]), desired(), pass);

  expect(conditions.get("ray")).toMatchObject({ status: "Unknown", reason: "WaitingForReference" });
});

test("of a paused service the pause is said, not what its objects wait for", () => {
  const pass = report({ withheld: withheld("WaitingForReference") });

  const conditions = synced("T", "toy", new Set(["ray"]), desired({ paused: new Set(["ray"]) }), pass);

  expect(conditions.get("ray")).toMatchObject({ status: "False", reason: "Paused" });
});
