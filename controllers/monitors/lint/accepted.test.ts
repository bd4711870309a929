import { describe, expect, test } from "vitest";

import { loadPacks } from "../../../engine/sources/packs.ts";
import { hasRecordings, recordings } from "../../../test/recordings.ts";
import { monitorLayer } from "../../../crds/monitor.ts";
import { readDefaults } from "../../../crds/resolve.ts";
import { STRICT_POLICY } from "../../../crds/policy.ts";
import { validateText } from "../../../crds/validate.ts";
import { canonicalDesired, type MonitorBody } from "../canonical.ts";
import { compileMonitors } from "../compile.ts";
import { checkMonitor } from "../query.ts";
import { documentFields } from "./document.ts";
import { camelCase } from "./fields.ts";
import { knownMetrics } from "./known-metrics.ts";
import { lintAlerts, type Verdict } from "./lint.ts";

const known = knownMetrics(loadPacks());

function lint(...alerts: readonly object[]): readonly Verdict[] {
  return lintAlerts(
    alerts.map((value) => ({ value: value as Record<string, unknown> })),
    { known },
  );
}

function one(alert: object): Verdict {
  return lint({ name: "A", type: "query alert", ...alert })[0]!;
}

function why({ refusals }: Verdict): string {
  return refusals.map(({ message, advice }) => `${message}; ${advice}`).join("\n");
}

test("finds no fault in the monitors of the packs", () => {
  const found = [...loadPacks().values()].flatMap((pack) =>
    Object.values(pack.monitors).flatMap(({ name, type, query, critical }) => {
      const filled = query
        .replaceAll("${critical}", String(critical))
        .replaceAll("${scopeTags}", '"a:b"')
        .replaceAll(/\$\{scope(?:AnyCluster)?\}/g, "a:b")
        .replaceAll("${service}", "web")
        .replaceAll("${option.heartbeat}", "app.alive")
        .replaceAll("${option.namespace}", "app")
        .replaceAll(/\$\{option\.(\w+)\}/g, (_all, option: string) =>
          String(pack.options[option]?.default ?? 20),
        );
      return one({ name, type, query: filled, critical });
    }),
  );

  expect(found.length).toBeGreaterThan(10);
  expect(found.filter(({ state }) => state !== "ok")).toEqual([]);
  // What is good to know of a name that people ask for is no fault.
  const isAdvice = (note: string): boolean => known.asked.has(note.split(": ", 1)[0]!);
  expect(found.flatMap(({ notes }) => notes).filter((note) => !isAdvice(note))).toEqual([]);
});

describe.skipIf(!hasRecordings)("documents of recorded monitors", () => {
  const drafts = hasRecordings
    ? recordings(/^\/api\/v1\/monitor$/)
        .filter(({ status }) => status === 200)
        .map(({ body }) => lint(body)[0]!.alert)
    : [];
  const made = drafts.map((alert) => ({ alert, document: documentFields(alert) }));

  test("lack nothing that the schema could say", () => {
    const unsaid = made.flatMap(({ document }) =>
      document.ok ? [] : [/option (\w+)/.exec(document.message)![1]!],
    );

    expect(unsaid.filter((name) => Object.hasOwn(monitorLayer.shape, camelCase(name)))).toEqual([]);
  });

  test("compile to the monitor that they were made of", () => {
    const ground = {
      packs: loadPacks(),
      policy: STRICT_POLICY,
      tagName: "x",
      defaults: readDefaults(undefined),
    };
    // A tag without a value is Datadog's, but no document's.
    const said = made.filter(({ alert }) => alert.tags.every((tag) => /^\p{L}.*:./u.test(tag)));

    const pairs = said.flatMap(({ alert, document }) => {
      if (!document.ok) return [];
      const file = { kind: "reserved", name: "_monitors/a" } as const;
      const { accepted, problems } = validateText(file, JSON.stringify(document.fields), ground);
      if (accepted === undefined) throw new Error(problems.map(({ message }) => message).join());
      const snapshot = { services: new Map([["_monitors/a", accepted]]), paused: new Set<string>() };
      const compiled = compileMonitors("c", { appUrl: "https://app.datadoghq.com" })(snapshot).objects.get(
        "_monitors/a",
      )!.body;
      return [{ compiled, original: canonicalDesired({ ...alert }), stated: alert.options }];
    });

    // What the alert doesn't say comes from dd-observe's defaults; recoveries and the host's delay belong to those.
    const decisive = (
      { type, name, query, priority, options }: MonitorBody,
      stated: Readonly<Record<string, unknown>>,
    ): object => {
      const { thresholds, new_host_delay: _delay, ...others } = options;
      const { critical, warning } = (thresholds ?? {}) as Readonly<Record<string, unknown>>;
      const kept = Object.entries(others).filter(([option]) => Object.hasOwn(stated, option));
      return { type, name, query, priority, critical, warning, options: Object.fromEntries(kept) };
    };
    expect(pairs.length).toBeGreaterThan(50);
    for (const { compiled, original, stated } of pairs)
      expect(decisive(compiled, stated)).toEqual(decisive(original, stated));
  });
});

describe.skipIf(!hasRecordings)("over the recordings of the real API", () => {
  test("finds in each monitor that Datadog refused for itself what is wrong with it", () => {
    const refused = recordings(/^\/api\/v1\/monitor(?:\/validate)?$/).filter(
      ({ status, answer }) => status === 400 && !/Duplicate of/.test(JSON.stringify(answer)),
    );

    const missed = refused.filter(({ body }) => lint(body)[0]!.state === "ok");

    expect(refused.length).toBeGreaterThan(0);
    expect(missed.map(({ answer }) => answer)).toEqual([]);
  });

  test("refuses no monitor that Datadog took, and what it repairs passes the check", () => {
    const accepted = recordings(/^\/api\/v1\/monitor$/).filter(({ status }) => status === 200);

    const verdicts = accepted.map(({ body }) => lint(body)[0]!);

    const refused = verdicts.filter(({ state }) => state === "refused");
    expect(refused.map((verdict) => `${verdict.alert.query}: ${why(verdict)}`)).toEqual([]);
    expect(verdicts.flatMap(({ notes }) => notes)).toEqual([]);
    const bad = verdicts.filter(
      ({ alert }) =>
        checkMonitor({ type: alert.type, query: alert.query, options: alert.options }).length > 0,
    );
    expect(bad).toEqual([]);
  });
});
