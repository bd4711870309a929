import { describe, expect, test } from "vitest";

import { readDefaults } from "../../crds/resolve.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { readConfig } from "../config.ts";
import { packsOf } from "../connect.ts";
import { kindCompiler, openKinds } from "../kinds.ts";
import type { ImportedKind } from "./kinds.ts";
import { documentsOf, type Imported, type ImportGround } from "./documents.ts";
import { named } from "./named.ts";

type Json = Readonly<Record<string, unknown>>;

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** Nothing is ours but the monitors and SLOs of these ids, which are called `other/<kind><id>`. */
function ground(
  service: string | undefined,
  ids: Readonly<Record<string, readonly string[]>> = {},
): ImportGround {
  const config = readConfig({}, {});
  const look = {
    config,
    facts: { statuses: new Map() },
    snapshot: { services: new Map(), paused: new Set<string>() },
  };
  const { kinds } = openKinds({ look, clusterId: "dc1" });
  const known = new Map(
    Object.entries(ids).map(([kind, refs]) => [
      kind,
      new Map(refs.map((ref) => [`other/${kind}${ref}`, ref])),
    ]),
  );
  return {
    service,
    ground: {
      packs: packsOf(config),
      policy: config.policy,
      tagName: config.tagName,
      defaults: readDefaults(undefined),
    },
    compile: kindCompiler(config, "dc1"),
    kinds: new Map(kinds.map(({ name, kind }) => [name, kind])),
    known,
    ours: (kind, ref) => (ids[kind]?.includes(ref) === true ? `other/${kind}${ref}` : undefined),
  };
}

function importedOf(
  objects: readonly { readonly kind: ImportedKind; readonly raw: Json }[],
  service?: string,
  given: ImportGround = ground(service),
): Imported {
  const chosen = objects.map(({ kind, raw }, at) => ({
    kind,
    raw,
    ref: textOf(raw["id"] ?? at),
    name: textOf(raw["name"] ?? raw["title"]),
  }));
  return documentsOf(
    named(chosen, service, () => []),
    given,
  );
}

const MONITOR = {
  id: 12,
  name: "Load is high",
  type: "query alert",
  query: "avg(last_5m):avg:system.load.1{*} > 5",
  message: "Look. @slack-ops",
  tags: ["team:x", "env:prod"],
  options: { thresholds: { critical: 5 } },
};

describe("documents", () => {
  test("name the monitors of the same run", () => {
    const composite = {
      ...MONITOR,
      id: 13,
      name: "Both",
      type: "composite",
      query: "12 && !99",
      options: {},
    };
    const slo = {
      id: "ab".repeat(16),
      name: "Shop",
      type: "monitor",
      monitor_ids: [12],
      thresholds: [{ timeframe: "30d", target: 99 }],
      tags: [],
    };

    const { documents, leftOut } = importedOf([
      { kind: "monitors", raw: MONITOR },
      { kind: "monitors", raw: composite },
      { kind: "slos", raw: slo },
    ]);

    expect(leftOut).toEqual([]);
    expect(documents.map(({ key }) => key)).toEqual([
      "_monitors/load-is-high",
      "_monitors/both",
      "_slos/shop",
    ]);
    expect(documents[1]!.text).toContain("${monitor:_monitors/load-is-high} && !99 # 99 stays a number");
    expect(documents[2]!.text).toContain("- _monitors/load-is-high");
  });

  test("leave out an SLO whose monitor has no document, with what to do", () => {
    const slo = {
      id: "ab".repeat(16),
      name: "Shop",
      type: "monitor",
      monitor_ids: [77],
      thresholds: [{ timeframe: "30d", target: 99 }],
    };

    const { documents, leftOut } = importedOf([{ kind: "slos", raw: slo }]);

    expect(documents).toEqual([]);
    expect(leftOut[0]!.why[0]).toContain("monitor 77");
  });

  test("of a service are one, with names of their own and without the service's prefix", () => {
    const { documents } = importedOf(
      [
        { kind: "monitors", raw: { ...MONITOR, name: "[shop] Load is high" } },
        { kind: "monitors", raw: { ...MONITOR, id: 14, name: "Load is high", tags: ["env:dev"] } },
      ],
      "shop",
    );

    expect(documents.map(({ key }) => key)).toEqual(["shop"]);
    expect(documents[0]!.text).toMatch(
      /monitors:\n {2}load-is-high:\n(?: {4}.*\n)*? {4}name: Load is high\n/,
    );
    expect(documents[0]!.text).toContain("load-is-high-2:");
    // The two differ in it, and a service has one.
    expect(documents[0]!.notes.filter((note) => note.includes("the tag env:"))).toHaveLength(2);
  });

  test("of a service lose nothing by the tag that a service puts itself", () => {
    const tagged = { ...MONITOR, tags: ["service:shop", "service:other"] };

    const [document] = importedOf([{ kind: "monitors", raw: tagged }], "shop").documents;

    expect(document!.notes).toEqual([
      expect.stringMatching(/no document can state the tag service:other$/) as unknown,
    ]);
  });
});

/** Tags without a key, and those of a host or a service, which dd-observe keeps for itself. */
const TAG = /^tags: no document can state the tag /;
/** Of the objects of other recordings nothing is known. */
const FOREIGN = / stays an? (?:id|number): dd-observe doesn't keep that /;

interface Case {
  readonly kind: ImportedKind;
  readonly path: RegExp;
  readonly rawOf: (answer: Json) => Json | undefined;
  readonly least: number;
  /** What no document can say, with the reason. */
  readonly exceptions: readonly RegExp[];
}

const CASES: readonly Case[] = [
  {
    kind: "monitors",
    path: /^\/api\/v1\/monitor(\/\d+)?$/,
    rawOf: (answer) => answer,
    least: 220,
    exceptions: [TAG, FOREIGN],
  },
  {
    kind: "slos",
    path: /^\/api\/v1\/slo(\/[0-9a-f]{32})?$/,
    rawOf: ({ data }) => (Array.isArray(data) ? (data[0] as Json) : (data as Json | undefined)),
    least: 60,
    // Groups that were sent with an SLO that has no monitors are kept, and mean nothing.
    exceptions: [TAG, /^changes when it is taken over: groups: - env:test/],
  },
  {
    kind: "dashboards",
    path: /^\/api\/v1\/dashboard(\/[a-z0-9-]{11})?$/,
    rawOf: (answer) => (Array.isArray(answer["widgets"]) ? answer : undefined),
    least: 300,
    exceptions: [
      FOREIGN,
      /^title must be at least 1 characters long/,
      // Broken ones, which Datadog stores.
      /formula "my_query_1 \+ my_query_2" names my_query_2, which is no query/,
      /saved view "preset_2" sets var_3, which is no template variable/,
    ],
  },
];

describe.skipIf(!hasRecordings)("every recorded object comes back the same from its document", () => {
  test.for(CASES)("$kind", { timeout: 60_000 }, ({ kind, path, rawOf, least, exceptions }) => {
    const stored = recordings(path)
      .filter(({ status }) => status === 200)
      .map(({ answer }) => rawOf(answer))
      .filter((raw) => raw !== undefined)
      .map((raw, at): Json => ({ ...raw, id: at + 1 }));
    const given = ground(undefined, {
      monitors: stored.flatMap((raw) =>
        Array.isArray(raw["monitor_ids"]) ? raw["monitor_ids"].map(String) : [],
      ),
    });

    const told = stored.flatMap((raw) => {
      const { documents, leftOut } = importedOf([{ kind, raw }], undefined, given);
      return [...documents.flatMap(({ notes }) => notes), ...leftOut.flatMap(({ why }) => why)];
    });

    expect(told.filter((line) => !exceptions.some((known) => known.test(line)))).toEqual([]);
    expect(stored.length).toBeGreaterThan(least);
  });
});
