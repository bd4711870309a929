import { expect, test } from "vitest";

import type { Pack } from "../crds/pack.ts";
import { loadPacks } from "../engine/sources/packs.ts";
import { unknownMetricsOf } from "./pack-unknown-metrics.ts";

const packs = loadPacks();
const nats = packs.get("nats")!;

/** The pack of NATS with one monitor that asks so. */
function asking(query: string): Pack {
  const [name, monitor] = Object.entries(nats.monitors).find(([, { type }]) => type === "query alert")!;
  return { ...nats, monitors: { [name]: { ...monitor, query } } };
}

function messagesOf(query: string): readonly string[] {
  return unknownMetricsOf(asking(query), packs.values()).map(({ file, message }) => `${file}: ${message}`);
}

test.for([...packs.values()])("pack $name asks for nothing that no table has", (pack) => {
  expect(unknownMetricsOf(pack, packs.values())).toEqual([]);
});

test("a slip of a name is told, with the one that was meant", () => {
  expect(messagesOf("avg(last_5m):avg:nats.conections.total{${scope}} > ${critical}")).toEqual([
    expect.stringMatching(
      /^monitors\.yaml: \S+ asks for nats\.conections\.total, which is in no metrics\.yaml; did you mean nats\.connections\.total\?$/,
    ),
  ]);
});

test("what another pack sends is known, and of systems that no pack knows nothing is said", () => {
  expect(messagesOf("avg(last_5m):avg:ray.node.mem.used{${scope}} > ${critical}")).toEqual([]);
  expect(messagesOf("avg(last_5m):avg:my.queue.length{${scope}} > ${critical}")).toEqual([]);
});
