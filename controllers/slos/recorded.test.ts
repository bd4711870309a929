import { expect, test } from "vitest";

import { fieldChanges } from "../../engine/plan/plan.ts";
import { differencePath, fieldEdits, patternOf, type FieldEdit } from "../../test/field-edits.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { isObject, type Json } from "../monitors/canonical.ts";
import { canonicalDesired, canonicalObserved, SET_BY_DATADOG, toWire, type SloBody } from "./canonical.ts";

function recordedWrites() {
  return recordings(/^\/api\/v1\/slo(\/[0-9a-f]{32})?$/)
    .filter((one) => one.status === 200 && (one.method === "POST" || one.method === "PUT"))
    .map(({ body, answer }) => ({ body, answer: (answer["data"] as readonly Json[])[0] ?? {} }));
}

test.skipIf(!hasRecordings)("every recorded create and update comes back without a difference", () => {
  const writes = recordedWrites();

  const differences = writes.flatMap(({ body, answer }) => {
    const wanted = canonicalDesired(body);
    return fieldChanges(wanted, canonicalObserved(answer, wanted));
  });

  // Not one exception among 67.
  expect(differences).toEqual([]);
  expect(writes.length).toBeGreaterThan(60);
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
  // The same number once more, as a text for people.
  /^thresholds\.\*\.(target|warning)_display$/,
];

/** Fields that follow from the thresholds wherever they are not given themselves. */
const DERIVED = ["target_threshold", "timeframe", "warning_threshold"];

/** Says what is wrong with the differences that one edit of `whole` brought about, or undefined. */
function wrongly(edit: FieldEdit, whole: Json, paths: readonly string[]): string | undefined {
  const { required, allowed } = expectedOf(edit, whole);
  const isMissing = required !== undefined && !paths.some((path) => required.test(path));
  const isExtra = paths.some((path) => !(required?.test(path) ?? false) && !(allowed?.test(path) ?? false));
  return isMissing || isExtra ? `${edit.path.join(".")}: ${paths.join(", ")}` : undefined;
}

/** One difference that must be there, and others that may be: what follows from the edited field. */
function expectedOf(edit: FieldEdit, whole: Json): { required?: RegExp; allowed?: RegExp } {
  const [field] = edit.path;
  if (SET_BY_DATADOG.has(String(field))) return {};
  if (NO_DIFFERENCE.some((known) => known.test(patternOf(edit.path)))) return {};
  if (field === "sli_specification" && whole["type"] === "metric") {
    // Where the query is given as well, it says the same, and is what counts.
    if (isObject(whole["query"])) return {};
    // Else it is compared as the query that follows from it, or as it is where none follows.
    return { required: /^(query|sli_specification)/, allowed: /^(query|sli_specification)/ };
  }
  const required = new RegExp(`^${RegExp.escape(differencePath(edit.path))}$`);
  // The type says how the rest is to be read.
  if (field === "type") return { required, allowed: /^(query|sli_specification)/ };
  const derived = DERIVED.filter((one) => !(one in whole));
  if (field !== "thresholds" || derived.length === 0) return { required };
  return { required, allowed: new RegExp(`^(${derived.join("|")})$`) };
}

test.skipIf(!hasRecordings)(
  "each field of a recorded SLO, changed on either side, is exactly that difference",
  () => {
    const wrong: (string | undefined)[] = [];
    let edits = 0;
    const judge = (edit: FieldEdit, whole: Json, wanted: SloBody, answer: Json) => {
      const paths = fieldChanges(wanted, canonicalObserved(answer, wanted)).map((change) => change.path);
      wrong.push(wrongly(edit, whole, paths));
      edits++;
    };

    for (const { body, answer } of recordedWrites()) {
      for (const edit of fieldEdits(body)) {
        judge(edit, body, canonicalDesired(edit.edited as Json), answer);
      }
      for (const edit of fieldEdits(answer)) {
        judge(edit, answer, canonicalDesired(body), edit.edited as Json);
      }
    }

    expect(wrong.filter((one) => one !== undefined)).toEqual([]);
    expect(edits).toBeGreaterThan(3000);
  },
);
