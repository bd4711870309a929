import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { sentMetrics } from "../../crds/pack-metrics.ts";
import type { Pack } from "../../crds/pack.ts";
import { PACKS } from "../builders/observed.ts";
import { misfits, missingFamilies } from "../contracts/against-table.ts";
import { openMetricsInstance } from "../contracts/openmetrics-instance.ts";
import {
  sentByOpenMetrics,
  type OpenMetricsInstance,
  type SentSeries,
} from "../contracts/openmetrics-names.ts";

/** What a check of its own knows before an instance adds to it: `metrics.py` of the Agent's check. */
interface CheckMap {
  readonly namespace: string;
  readonly metrics: Exclude<NonNullable<OpenMetricsInstance["metrics"]>[number], string>;
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

/** What the Agent sends of a recorded answer, with the file that a service of this pack gets. */
function sentOf(pack: Pack, answer: string, agent = ""): readonly SentSeries[] {
  const { namespace, metrics } = JSON.parse(
    read(`../contracts/agent-checks/${pack.check}.map.json`),
  ) as CheckMap;
  return sentByOpenMetrics(answer, {
    ...openMetricsInstance(pack.name, agent),
    namespace,
    metrics: [metrics],
  });
}

const SAMPLES = ["ray", "vllm", "litellm", "gpu"].map((name) => ({
  name,
  pack: PACKS.get(name)!,
  answer: read(`../fixtures/endpoints/${name}.prom`),
}));

test.for(SAMPLES)(
  "an answer of $name has what the pack expects, and comes to what its table says",
  ({ pack, answer }) => {
    const names = new Set(sentOf(pack, answer).map(({ name }) => name));

    expect(missingFamilies(pack, answer)).toEqual([]);
    expect(misfits(pack, sentOf(pack, answer, "agent: {excludeMetrics: ['^nothing$']}"))).toEqual([]);
    expect(pack.keyMetrics.filter(({ name }) => !names.has(name))).toEqual([]);
  },
);

test("a worker of Ray sends nothing of the cluster, so that it counts once however many nodes are read", () => {
  const pack = PACKS.get("ray")!;
  const table = sentMetrics(pack.metrics);
  const worker = sentOf(pack, read("../fixtures/endpoints/ray-worker.prom"));

  expect(misfits(pack, worker)).toEqual([]);
  expect(worker.filter(({ name }) => table.get(name)?.entry?.placement === "head")).toEqual([]);
});

test("tasks of Ray are counted by their sum over owners and executors, where single values are negative", () => {
  const [{ pack, answer }] = SAMPLES as [(typeof SAMPLES)[0]];
  const states = new Map<string, number>();
  for (const { name, tags, value } of sentOf(pack, answer)) {
    if (name !== "ray.tasks" || !tags.includes("name:slow")) continue;
    const state = tags.find((tag) => tag.startsWith("state:"))!;
    states.set(state, (states.get(state) ?? 0) + value);
  }

  expect(Object.fromEntries(states)).toMatchObject({ "state:submitted_to_worker": 0, "state:running": 1 });
});

test("LiteLLM's team is not taken for the team that owns the proxy", () => {
  const { pack, answer } = SAMPLES.find(({ name }) => name === "litellm")!;
  const keys = sentOf(pack, answer).flatMap(({ tags }) => tags.map((tag) => tag.split(":")[0]));

  expect(keys).toContain("litellm_team");
  expect(keys).not.toContain("team");
});
