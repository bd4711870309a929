import { expect, test } from "vitest";

import { resolve, type Wish } from "../crds/resolve.ts";
import { exampleGround, examplePack } from "../test/builders/packs.ts";
import { packParts } from "./pack-parts.ts";

const MANIFEST = {
  options: {
    namespace: {
      option: "namespace",
      type: "text",
      default: "${serviceName}",
      description: "n",
      required: true,
    },
    buckets: { option: "collect_histogram_buckets", type: "boolean", default: true, description: "b" },
    source: { type: "choice", values: ["scrape", "push"], default: "scrape", description: "s" },
    also: { type: "texts", description: "a" },
  },
  checkNeeds: "source=scrape",
  keyMetrics: ["${option.namespace}.up", { name: "ray.sizes.bucket", needs: "buckets" }, "${option.also}"],
  serviceChecks: [{ name: "${option.namespace}.openmetrics.health", needs: "source=scrape" }],
  receivers: [{ receiver: "dogstatsd", needs: "source=push" }],
  probe: [
    { path: "/${option.namespace}", format: "json", needs: "!buckets" },
    { path: "/health", format: "any" },
  ],
  expects: [{ metric: "ray_up" }, { regex: "^ray_", needs: "!buckets" }],
  hints: { unreachable: "Is ${service} up?" },
  setup: [
    { title: "Expose it", text: "Namespace ${option.namespace}.", needs: "source=scrape" },
    { text: "Push from ${service}.", needs: "source=push" },
  ],
};

function wishOf(agent = ""): Wish {
  const packs = new Map([
    ["ray", examplePack({ manifest: MANIFEST })],
    ["generic", examplePack({ manifest: { name: "generic" } })],
  ]);
  const text = `pack: ray\nagent: {${agent}}`;
  const resolution = resolve("web-1", [], { text, generation: 1 }, exampleGround({ packs }));
  if (resolution?.state !== "accepted") throw new Error(resolution?.problems[0]?.message);
  return resolution.wish;
}

const partsOf = (agent?: string) => packParts(wishOf(agent), "dc1");

test("a service gets the parts of its pack that its options let hold, filled in", () => {
  expect(partsOf()).toMatchObject({
    hasFile: true,
    keyMetrics: ["web_1.up", "ray.sizes.bucket"],
    serviceChecks: ["web_1.openmetrics.health"],
    receivers: [],
    probe: { path: "/health", format: "any" },
    expects: [{ metric: "ray_up" }],
    hints: { unreachable: "Is web-1 up?" },
    setup: [{ title: "Expose it", text: "Namespace web_1." }],
  });
});

test("a service that pushes has receivers in the place of a file", () => {
  expect(partsOf("source: push")).toMatchObject({
    hasFile: false,
    serviceChecks: [],
    receivers: ["dogstatsd"],
    setup: [{ text: "Push from web-1." }],
  });
});

test("an option that is a list names each of its values", () => {
  expect(partsOf("also: [a.b, c.d, a.b]").keyMetrics).toEqual(["web_1.up", "ray.sizes.bucket", "a.b", "c.d"]);
});

test("the first probe whose conditions hold is taken", () => {
  expect(partsOf("buckets: false").probe).toEqual({ path: "/web_1", format: "json" });
});

test("the minimal profile leaves defaults out, but neither what the check requires nor what steers the pack", () => {
  const { options, keyMetrics, expects } = partsOf("profile: minimal");

  expect(options).toEqual({ namespace: "web_1", source: "scrape", profile: "minimal" });
  // The default that collects buckets is not written, so nobody may count on them.
  expect(keyMetrics).toEqual(["web_1.up"]);
  expect(expects).toHaveLength(2);
  expect(partsOf("profile: minimal, buckets: true").keyMetrics).toContain("ray.sizes.bucket");
});
