import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { FamilyReader } from "../../clients/metric-families.ts";
import { compileProbes } from "../../controllers/endpoint-probe/compile.ts";
import { judgeAnswer, type Probe, type Verdict } from "../../controllers/endpoint-probe/judge.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { Resolver } from "../../engine/sources/snapshot.ts";
import { PACKS } from "../builders/observed.ts";

const FOLDER = new URL("../fixtures/endpoints/", import.meta.url);
/** Options without which a pack's Agent doesn't read the recorded answer. */
const OPTIONS: Readonly<Record<string, object>> = {
  consul: { usePrometheusEndpoint: true },
  nomad: { source: "scrape" },
};
/** `ray-worker.prom` is another answer of the pack `ray`. */
const SAMPLES = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".prom"))
  .map((file) => file.replace(/\.prom$/, ""))
  .map((sample) => ({ sample, pack: PACKS.has(sample) ? sample : sample.replace(/-\w+$/, "") }));

/** What a node asks an instance of the pack for. */
function probeOf(pack: string): Probe {
  const ground = { clusterId: "dc1", policy: STRICT_POLICY, tagName: "dd-observe" };
  const text = JSON.stringify({ pack, agent: OPTIONS[pack] ?? {} });
  const snapshot = new Resolver({ packs: PACKS, policy: STRICT_POLICY, tagName: "dd-observe" }).ofNode({
    node: { name: "node-1", address: "10.0.0.5" },
    instances: new Map([
      ["web", [{ id: "web", service: "web", address: "10.0.0.5", port: 9102, tags: [], meta: {} }]],
    ]),
    documents: new Map([["web", { name: "web", text, generation: 1 }]]),
  });
  return compileProbes(ground)(snapshot).get("web")![0]!;
}

function judge(pack: string, sample: string): Verdict {
  const text = readFileSync(new URL(`${sample}.prom`, FOLDER), "utf8");
  const reader = new FamilyReader();
  reader.push(text);
  reader.end();
  return judgeAnswer(probeOf(pack), {
    status: 200,
    contentType: "text/plain",
    location: undefined,
    families: reader.names,
    beginning: text.slice(0, 512),
    isWhole: true,
  });
}

test.for(SAMPLES)(
  "the recorded answer $sample is what a node expects of the pack $pack",
  ({ sample, pack }) => {
    expect(judge(pack, sample)).toMatchObject({ reason: "Answers" });
  },
);

test.for(SAMPLES)("the answer $sample is taken for no other system's", ({ sample, pack }) => {
  const others = [...PACKS.values()].filter(({ name, expects }) => {
    const isRelated = name === pack || name.startsWith(`${pack}-`) || pack.startsWith(`${name}-`);
    return !isRelated && expects.length > 0 && probeOf(name).format === "openmetrics";
  });

  const taken = others.filter(({ name }) => judge(name, sample).reason === "Answers");

  expect(others.length).toBeGreaterThan(3);
  expect(taken.map(({ name }) => name)).toEqual([]);
});
