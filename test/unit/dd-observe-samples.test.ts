import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { sentMetrics } from "../../crds/pack-metrics.ts";
import { PACKS } from "../builders/observed.ts";
import { misfits, missingFamilies } from "../contracts/against-table.ts";
import { openMetricsInstance } from "../contracts/openmetrics-instance.ts";
import { sentByOpenMetrics } from "../contracts/openmetrics-names.ts";

// Of one process with both roles that observed itself.
const ANSWER = readFileSync(new URL("../fixtures/endpoints/dd-observe.prom", import.meta.url), "utf8");
/** Nothing was set right, failed or was silent while the answer was recorded. */
const UNSEEN = [
  "dd_observe.drift_corrected.count",
  "dd_observe.reconcile.errors.count",
  "dd_observe.silent_services",
];

test.for(["dd-observe", "dd-observe-node"])(
  "an answer of dd-observe has what the pack %s expects, and comes to what its table says",
  (name) => {
    const pack = PACKS.get(name)!;
    const series = sentByOpenMetrics(ANSWER, openMetricsInstance(name, ""));
    const sent = new Set(series.map((one) => one.name));

    expect(missingFamilies(pack, ANSWER)).toEqual([]);
    expect(misfits(pack, series)).toEqual([]);
    expect([...sentMetrics(pack.metrics).keys()].filter((metric) => !sent.has(metric)).sort()).toEqual(
      UNSEEN,
    );
    expect(pack.keyMetrics.filter((metric) => !sent.has(metric.name))).toEqual([]);
  },
);

test("a node is asked neither for a leader nor for Datadog", () => {
  const names = (pack: string): readonly string[] => Object.keys(PACKS.get(pack)!.monitors);

  expect(names("dd-observe")).toEqual(expect.arrayContaining([...names("dd-observe-node")]));
  expect([...names("dd-observe-node")].sort()).toEqual([
    "brake",
    "endpoint-down",
    "passes-fail",
    "watch-silent",
  ]);
});
