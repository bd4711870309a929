import { expect, test } from "vitest";

import { metricTable } from "../crds/metric-table.ts";
import { examplePack } from "../test/builders/packs.ts";
import { factsOf, namesBeginning, namesNear } from "./metric-facts.ts";

const RAY = examplePack({
  manifest: { keyMetrics: ["ray.used"] },
  metrics: {
    from: "ray/metadata.csv",
    metrics: {
      "ray.used": {
        type: "gauge",
        unit: "byte",
        tags: ["nodeaddress"],
        exposed: "ray_used",
        verified: "live",
        description: "Memory in use.",
      },
      "ray.noise": {
        type: "count",
        needs: ["buckets", "mode=fast"],
        since: "Ray 2.9",
        placement: "head",
        verified: "source",
        source: "noise.py",
        description: "Noise.",
      },
      "ray.wait": { type: "histogram", unit: "second", verified: "unverified", description: "Waiting." },
    },
    others: { gauge: ["ray.other"] },
    asked: {
      "ray.memory": {
        answer: "renamed",
        metrics: ["ray.used"],
        instead: "<a>:ray.used<s>",
        tag: "state:used",
        aggregator: "sum",
        note: "Per node.",
      },
      "ray.price": { answer: "none" },
    },
  },
});
const PACKS = new Map([["ray", RAY]]);

test("tells what a metric is, who sends it, and which objects ask for it", () => {
  expect(factsOf("ray.used", PACKS)).toEqual({
    name: "ray.used",
    answers: [],
    senders: [
      {
        pack: "ray",
        title: "Ray",
        type: "gauge",
        unit: "byte",
        description: "Memory in use.",
        tags: ["nodeaddress"],
        exposed: "ray_used",
        needs: [],
        verified: "live",
        source: "ray/metadata.csv",
        query: "avg:ray.used{*}",
        usedBy: ["condition MetricsArriving", "monitor object-store-pressure"],
      },
    ],
  });
});

test("tells what must be wished for a metric, and where it comes from", () => {
  expect(factsOf("ray.noise", PACKS)?.senders).toMatchObject([
    {
      needs: ["agent.buckets: true", "agent.mode: fast"],
      since: "Ray 2.9",
      placement: "head",
      source: "noise.py",
      query: "sum:ray.noise{*}.as_count()",
      usedBy: ["monitor noisy"],
    },
  ]);
});

test("knows the parts of a histogram by their names in Datadog, and not the histogram", () => {
  expect(factsOf("ray.wait.sum", PACKS)?.senders).toMatchObject([{ type: "count", unit: "second" }]);
  expect(factsOf("ray.wait.bucket", PACKS)?.senders).toMatchObject([{ tags: ["upper_bound"] }]);
  expect(factsOf("ray.wait", PACKS)).toBeUndefined();
});

test("knows of some metrics only that they are sent", () => {
  const [sender] = factsOf("ray.other", PACKS)!.senders;

  expect(sender).toMatchObject({ type: "gauge", source: "ray/metadata.csv", usedBy: [] });
  expect(sender).not.toHaveProperty("description");
  expect(sender).not.toHaveProperty("verified");
});

test("has a query in place of a name that people ask for, or says that there is none", () => {
  expect(factsOf("ray.memory", PACKS)).toEqual({
    name: "ray.memory",
    answers: [
      {
        pack: "ray",
        answer: "renamed",
        metrics: ["ray.used"],
        query: "sum:ray.used{state:used}",
        note: "Per node.",
      },
    ],
    senders: [],
  });
  expect(factsOf("ray.price", PACKS)?.answers).toEqual([{ pack: "ray", answer: "none", metrics: [] }]);
});

test("takes the query of a widget as the example, where it asks for this metric alone", () => {
  const query = "sum:ray.used{${scope}} by {state}";
  const widget = {
    definition: {
      type: "timeseries",
      title: "Use",
      requests: [{ queries: [{ data_source: "metrics", name: "a", query }] }],
    },
  };
  const dashboards = {
    overview: { title: "Overview", section: "Ray", order: 1, per: "pack", widgets: [widget] },
  };
  const shown = { ...RAY, dashboards: examplePack({ dashboards }).dashboards };

  const [sender] = factsOf("ray.used", new Map([["ray", shown]]))!.senders;

  expect(sender?.query).toBe("sum:ray.used{service:ray} by {state}");
  expect(sender?.usedBy).toContain("dashboard overview");
});

test("finds names by their beginning, and those near a slip", () => {
  const table = metricTable([RAY]);

  expect(namesBeginning("ray.wait.", table)).toEqual(["ray.wait.bucket", "ray.wait.count", "ray.wait.sum"]);
  expect(namesNear("ray.usd", table)[0]).toBe("ray.used");
  expect(namesNear("postgres.connections", table)).toEqual([]);
});
