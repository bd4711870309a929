import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { sentMetrics } from "../../crds/pack-metrics.ts";
import { PACKS } from "../builders/observed.ts";
import { misfits, missingFamilies } from "./against-table.ts";
import { openMetricsInstance } from "./openmetrics-instance.ts";
import { sentByOpenMetrics } from "./openmetrics-names.ts";

const pack = PACKS.get("nats")!;
const RECORDED = readFileSync(new URL("../fixtures/endpoints/nats.prom", import.meta.url), "utf8");

test("a recorded answer of the exporter has what the pack expects, and comes to what its table says", () => {
  const series = sentByOpenMetrics(RECORDED, openMetricsInstance("nats", ""));
  const sent = new Set(series.map(({ name }) => name));

  expect(missingFamilies(pack, RECORDED)).toEqual([]);
  expect(misfits(pack, series)).toEqual([]);
  expect([...sentMetrics(pack.metrics).keys()].filter((name) => !sent.has(name))).toEqual([]);
});

test("of the recorded server's two consumers it leads one, and both count once each by the leader's tag", () => {
  const pending = sentByOpenMetrics(RECORDED, openMetricsInstance("nats", "")).filter(
    ({ name }) => name === "nats.jetstream.consumer.pending",
  );

  expect(
    pending.map(({ tags }) => tags.filter((tag) => /^(is_consumer|consumer_name)/.test(tag)).join(" ")),
  ).toEqual(
    expect.arrayContaining([
      "consumer_name:worker is_consumer_leader:true",
      "consumer_name:audit is_consumer_leader:false",
    ]),
  );
});

test("a label that tells series apart can't be dropped without two of them becoming one", () => {
  const instance = openMetricsInstance("nats", "");
  const series = sentByOpenMetrics(RECORDED, {
    ...instance,
    exclude_labels: [...(instance.exclude_labels ?? []), "stream_name"],
  });

  expect(misfits(pack, series).join("\n")).toContain("comes twice");
});
