import { expect, test } from "vitest";

import { isAtLeast, levelOf, TELEMETRY_NAMES, TELEMETRY_SETTINGS } from "./nomad-telemetry.ts";
import { restartRulesOf } from "./nomad.ts";
import { STRICT_POLICY } from "./policy.ts";
import { resolveReserved } from "./reserved.ts";
import { readDefaults, type Ground } from "./resolve.ts";

function resolveNomad(text: string, { defaults = "", policy = STRICT_POLICY } = {}) {
  const ground: Ground = {
    packs: new Map(),
    policy,
    defaults: readDefaults({ text: defaults, generation: 1 }),
    tagName: "dd-observe",
  };
  return resolveReserved("_nomad", { text, generation: 7 }, ground);
}

function problemsOf(text: string): readonly string[] {
  const resolution = resolveNomad(text);
  return resolution.state === "held" ? resolution.problems.map(({ message }) => message) : [];
}

test("an empty document is one with defaults, and inherits its tags", () => {
  const resolution = resolveNomad("", { defaults: "env: prod\nteam: infra\ntags: [tier:1]\n" });

  expect(resolution).toMatchObject({
    state: "global",
    kind: "nomad",
    generation: 7,
    wish: { key: "_nomad", env: "prod", team: "infra", tags: ["tier:1"], nomad: { restart: "never" } },
  });
});

test.for([
  "127.0.0.1:8125",
  "10.1.2.3:8125",
  "localhost:8125",
  "[::1]:8125",
  "unix:///var/run/datadog/dsd.socket",
])("Nomad may send to %s", (address) => {
  expect(problemsOf(`telemetry: {datadogAddress: "${address}"}`)).toEqual([]);
});

test.for([
  "127.0.0.1",
  "dogstatsd.example.com:8125",
  "999.0.0.1:8125",
  "127.0.0.1:0",
  "127.0.0.1:70000",
  "169.254.169.254:8125",
  "unix://relative.socket",
  "unix:///var/../etc/x",
])("an agent would not start with %s, or must not send there", (address) => {
  expect(problemsOf(`telemetry: {datadogAddress: "${address}"}`)).toEqual([
    expect.stringContaining("telemetry.datadogAddress must be an IP address with a port"),
  ]);
});

test.for([
  ["telemetry: {prefixFilter: [nomad.raft]}", "must begin with + (keep) or - (drop)"],
  ["telemetry: {collectionInterval: 1d}", "must be a length of time as Nomad reads it"],
  ["telemetry: {collectionInterval: 10}", "must be a text"],
  ["telemetry: {prometheusMetrics: yes please}", "must be true or false"],
  ["telemetry: {inMemoryCollectionInterval: 2m}", "must not be longer than inMemoryRetentionPeriod (1m)"],
  ["telemetry: {publish_node_metrics: true}", "did you mean publishNodeMetrics"],
  ["telemetry: {statsdAddress: x}", "is not a field"],
  ["restart: sometimes", "restart"],
  ["tags: [env:x]", "tags"],
] as const)("%s is refused", ([text, message]) => {
  expect(problemsOf(text).join("\n")).toContain(message);
});

test("the operator's policy can keep it to itself", () => {
  const resolution = resolveNomad("", { policy: { ...STRICT_POLICY, nomadTelemetry: false } });

  expect(resolution).toMatchObject({ state: "held", problems: [{ reason: "NotAllowed" }] });
});

test("a rolling restart has rules, whether they are stated or not", () => {
  expect(restartRulesOf("never")).toBeUndefined();
  expect(restartRulesOf("rolling")).toEqual(restartRulesOf({}));
  expect(restartRulesOf({ order: "clients-first", comeBack: "90s" })).toEqual({
    order: "clients-first",
    windows: [],
    approve: false,
    comeBackMs: 90_000,
    settleMs: 600_000,
  });
});

test.for([
  ["1.0.18", "1.0.0"],
  ["1.4.14", "1.0.0"],
  ["1.5.0", "1.5.0"],
  ["1.7.6", "1.5.0"],
  ["1.7.7", "1.7.7"],
  ["1.8.0+ent", "1.7.7"],
  ["1.8.4", "1.8.1"],
  ["1.9.0-beta.1", "1.8.1"],
  ["1.9.3", "1.9.0"],
  ["1.10.0", "1.9.4"],
  ["2.0.6-dev", "1.9.4"],
  ["", "1.0.0"],
  ["main", "1.0.0"],
] as const)("an agent of version %s reads the settings of %s", ([version, level]) => {
  expect(levelOf(version)).toBe(level);
});

test("each level has the settings of those below it", () => {
  const counts = ["1.0.0", "1.5.0", "1.7.7", "1.8.1", "1.9.0", "1.9.4"].map(
    (level) => TELEMETRY_NAMES.filter((name) => isAtLeast(level, TELEMETRY_SETTINGS[name].since)).length,
  );

  expect(counts).toEqual([11, 12, 14, 15, 17, 18]);
});
