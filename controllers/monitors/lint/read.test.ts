import { describe, expect, test } from "vitest";

import { readAlerts } from "./read.ts";

describe("reading", () => {
  test.for<[form: string, text: string, keys: readonly (string | undefined)[]]>([
    ["a list", "- {query: a}\n- {query: b}", [undefined, undefined]],
    ["a list below monitors", "monitors: [{query: a}]", [undefined]],
    ["a mapping below alerts", "alerts: {full: {query: a}}", ["full"]],
    [
      "several documents",
      "- query: a\n---\nalerts:\n  - query: b\n---\nquery: c",
      [undefined, undefined, undefined],
    ],
    ["one alert", '{"query": "a"}', [undefined]],
    ["Terraform's JSON", '{"resource": {"datadog_monitor": {"full": [{"query": "a"}]}}}', ["full"]],
    ["nothing", "# nothing\n", []],
  ])("takes %s", ([, text, keys]) => {
    const read = readAlerts(text);

    expect(read.ok && read.alerts.map(({ key }) => key)).toEqual(keys);
  });

  test("knows the line of each alert", () => {
    const read = readAlerts("- query: a\n- query: b\n---\nalerts:\n  - query: c\n");

    expect(read.ok && read.alerts.map(({ at }) => at?.line)).toEqual([1, 2, 5]);
  });

  test.for<[text: string, message: RegExp]>([
    ["message: @slack-ml", /needs quotes/],
    ["a: 1", /no list of alerts/],
    ["- 5", /0 is no alert/],
    ["- *x", /alias|anchor/i],
    [`- query: ${"x".repeat(1_100_000)}`, /larger than/],
  ])("says what is wrong with %s", ([text, message]) => {
    const read = readAlerts(text);

    expect(read.ok ? "" : read.message).toMatch(message);
  });
});
