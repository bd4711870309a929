import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { loadPacks } from "../../../engine/sources/packs.ts";
import { knownMetrics } from "./known-metrics.ts";
import { lintAlerts, type Verdict } from "./lint.ts";

const known = knownMetrics(loadPacks());

function lint(...alerts: readonly object[]): readonly Verdict[] {
  return lintAlerts(
    alerts.map((value) => ({ value: value as Record<string, unknown> })),
    { known },
  );
}

function why({ refusals }: Verdict): string {
  return refusals.map(({ message, advice }) => `${message}; ${advice}`).join("\n");
}

describe("the list as a whole", () => {
  const query = (limit: number): string => `avg(last_5m):avg:a.b{*} > ${limit}`;

  test("gives the second of one name another", () => {
    const [first, second] = lint({ name: "Full", query: query(1) }, { name: "full!", query: query(2) });

    expect([first!.slug, second!.slug, second!.name]).toEqual(["full", "full-2", "full! (2)"]);
  });

  test("refuses an alert that is there twice", () => {
    const [first, second] = lint({ name: "A", query: query(1) }, { name: "B", query: query(1) });

    expect(first!.state).toBe("repaired");
    expect(why(second!)).toMatch(/same as "A"/);
  });

  test("joins a composite's parts by name, and says the nearest where there is none", () => {
    const verdicts = lint(
      { name: "Store full", query: query(1) },
      { name: "CPU", query: query(2) },
      { name: "Both", query: '"Store full" && !cpu && 123' },
      { name: "Slip", query: "'Store ful' && cpu" },
    );

    expect(verdicts[2]).toMatchObject({
      state: "repaired",
      alert: {
        type: "composite",
        query: "${monitor:_monitors/store-full} && !${monitor:_monitors/cpu} && 123",
      },
    });
    expect(why(verdicts[3]!)).toMatch(/the nearest is "store full"/);
  });

  test("names the parts as the service's own where it becomes one", () => {
    const alerts = [
      { name: "A", query: query(1) },
      { name: "B", query: query(2) },
      { name: "C", query: "A && B" },
    ];

    const verdicts = lintAlerts(
      alerts.map((value) => ({ value })),
      { known, service: "ray" },
    );

    expect(verdicts[2]!.alert.query).toBe("${monitor:a} && ${monitor:b}");
  });

  test("refuses a composite whose part is refused", () => {
    const verdicts = lint(
      { name: "A", query: "avg(last_5m):avg:a.b{*}" },
      { name: "B", query: query(2) },
      { name: "C", query: "A && B" },
      { name: "D", query: "C || B" },
    );

    expect(verdicts.map(({ state }) => state)).toEqual(["refused", "repaired", "refused", "refused"]);
    expect(why(verdicts[3]!)).toMatch(/joins "C", which is refused/);
  });
});

test("gives a verdict on whatever it is given, and takes what it repaired", () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constantFrom(
      "avg(last_5m):a.b > .9",
      "constructor(last_5m):toString:a{*} > 1",
      "A && B",
      "ray.up",
      null,
      {},
      [1],
    ),
  );
  const alert = fc.dictionary(
    fc.constantFrom(
      "name",
      "type",
      "query",
      "priority",
      "options",
      "critical",
      "warning",
      "metric",
      "operator",
      "threshold",
      "message",
      "notify",
      "tags",
      "x",
    ),
    value,
  );

  fc.assert(
    fc.property(fc.array(alert, { maxLength: 4 }), (alerts) => {
      const verdicts = lint(...alerts);
      expect(verdicts).toHaveLength(alerts.length);
      expect(new Set(verdicts.map(({ slug }) => slug)).size).toBe(alerts.length);
      for (const { state, refusals, repairs } of verdicts) {
        if (state === "refused") expect(refusals.length).toBeGreaterThan(0);
        else expect(refusals).toEqual([]);
        if (state === "ok") expect(repairs).toEqual([]);
      }
    }),
  );
});
