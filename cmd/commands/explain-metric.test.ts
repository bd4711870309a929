import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { main } from "../main.ts";
import { plain } from "../terminal.ts";

const MANIFEST = `
name: tides
title: Tide gauges
description: A pack for tests.
setup: Nothing.
sources: [https://example.com]
options:
  waves: { type: boolean, description: Waves as well. }
`;

const METRICS = `
from: harbour@0123456789abcdef0123456789abcdef01234567 tides.csv
metrics:
  tides.level:
    type: gauge
    unit: meter
    tags: [harbour]
    exposed: tides_level
    placement: leader
    since: Tides 2.0
    verified: live
    description: Height of the water.
  tides.waves:
    type: count
    needs: waves
    verified: source
    description: Waves that came in.
asked:
  tides.height:
    answer: renamed
    metrics: [tides.level]
    instead: "<a>:tides.level<s>"
    aggregator: max
    note: The highest of all harbours.
  tides.depth: { answer: none, note: No gauge measures it. }
`;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "dd-observe-packs-"));
  mkdirSync(path.join(folder, "tides"));
  writeFileSync(path.join(folder, "tides", "pack.yaml"), MANIFEST);
  writeFileSync(path.join(folder, "tides", "metrics.yaml"), METRICS);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function explain(...words: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const terminal = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: 80,
    paint: plain,
    readStdin: async () => "",
  };
  const exit = await main(["explain", ...words, "--packs-dir", folder], { terminal, env: {} });
  return { exit, out, err };
}

test("tells what sends a metric, and what it rests on", async () => {
  expect(await explain("metric", "tides.level")).toEqual({
    exit: 0,
    err: "",
    out: `METRIC:   tides.level

SENT BY:  pack tides (Tide gauges), exposed as tides_level
TYPE:     gauge, meter
TAGS:     harbour; and as every series cluster, endpoint, env, host, service,
          team
PLACED:   leader
SINCE:    Tides 2.0
RESTS ON: seen on a live system; harbour@0123456789 tides.csv
QUERY:    avg:tides.level{*}

Height of the water.
`,
  });
});

test("takes a name as it stands in a query", async () => {
  const { out } = await explain("metric", "max:tides.waves{harbour:north}");

  expect(out).toContain("METRIC:   tides.waves\n");
  expect(out).toContain("NEEDS:    agent.waves: true\n");
});

test("has a query in place of a name that nothing sends", async () => {
  expect((await explain("metric", "tides.height")).out).toBe(`METRIC:   tides.height, which nothing sends
ANSWER:   there under another name (pack tides)
METRICS:  tides.level
QUERY:    max:tides.level{*}

The highest of all harbours.
`);
  expect((await explain("metric", "tides.depth")).out).toContain("ANSWER:   it can't be had (pack tides)\n");
});

test("lists the metrics whose names begin so, and without a name those that people ask for", async () => {
  expect((await explain("metric", "tides.")).out).toBe(`METRIC        PACK   WHAT     DESCRIPTION
tides.depth   tides  none
tides.height  tides  renamed  tides.level
tides.level   tides  gauge    Height of the water.
tides.waves   tides  count    Waves that came in.
`);
  const asked = JSON.parse((await explain("metric", "--pack", "tides", "-o", "json")).out) as object[];
  expect(asked).toEqual([
    { name: "tides.height", pack: "tides", what: "renamed", description: "tides.level" },
    { name: "tides.depth", pack: "tides", what: "none", description: "" },
  ]);
});

test("gives the same as data", async () => {
  const { out } = await explain("metric", "tides.height", "-o", "json");

  expect(JSON.parse(out)).toEqual({
    name: "tides.height",
    answers: [
      {
        pack: "tides",
        answer: "renamed",
        metrics: ["tides.level"],
        query: "max:tides.level{*}",
        note: "The highest of all harbours.",
      },
    ],
    senders: [],
  });
});

test.for([
  [["metric", "tides.levl"], /no pack knows a metric named tides\.levl.*\n\s+Near it: tides\.level/],
  [["metric", "postgres.connections"], /named postgres\.connections.*\n.*explain metric lists the names/],
  [["metric", "--pack", "tide"], /no pack is named tide; there are .*tides/],
  [["endpoint", "port"], /explain takes one field, and port is a second/],
] as const)("explain %o: says what to do", async ([words, message]) => {
  const { exit, err } = await explain(...words);

  expect(exit).toBe(1);
  expect(err).toMatch(message);
});
