import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import type { Pack } from "../../crds/pack.ts";
import { PACKS } from "../builders/observed.ts";
import { misfits, missingFamilies } from "../contracts/against-table.ts";
import { openMetricsInstance } from "../contracts/openmetrics-instance.ts";
import {
  sentByOpenMetrics,
  type OpenMetricsInstance,
  type SentSeries,
} from "../contracts/openmetrics-names.ts";

const answerOf = (pack: string): string =>
  readFileSync(new URL(`../fixtures/endpoints/${pack}.prom`, import.meta.url), "utf8");

/** Temporal's check has a mapping of its own; the table says what it makes of what is exposed. */
function byTable({ metrics: { metrics } }: Pack): NonNullable<OpenMetricsInstance["metrics"]> {
  return Object.entries(metrics).flatMap(([name, { exposed, type }]) =>
    exposed === undefined ? [] : [{ [exposed]: type === "count" ? name.replace(/\.count$/, "") : name }],
  );
}

function sentOf(pack: Pack): readonly SentSeries[] {
  const instance = openMetricsInstance(pack.name, "");
  return sentByOpenMetrics(
    answerOf(pack.name),
    pack.check === "openmetrics" ? instance : { ...instance, metrics: byTable(pack) },
  );
}

test.for(["nomad", "temporal", "temporal-worker"])(
  "an answer of %s has what the pack expects, and comes to what its table says",
  (name) => {
    const pack = PACKS.get(name)!;

    const series = sentOf(pack);

    expect(missingFamilies(pack, answerOf(name))).toEqual([]);
    expect(misfits(pack, series)).toEqual([]);
    expect(new Set(series.map((one) => one.name)).size).toBeGreaterThan(7);
  },
);

test("a Nomad client whose status has just changed shows its old series as well, so that only the largest counts once", () => {
  const allocated = sentOf(PACKS.get("nomad")!).filter(
    ({ name }) => name === "nomad.client.allocated.memory",
  );

  expect(allocated.map(({ tags }) => tags.find((tag) => tag.startsWith("node_status:")))).toEqual([
    "node_status:initializing",
    "node_status:ready",
  ]);
});
