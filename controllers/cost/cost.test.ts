import { describe, expect, test } from "vitest";

import type { TagsEstimate } from "../../clients/datadog-metric-tags.ts";
import { ApiError, type ApiErrorDetails } from "../../clients/errors.ts";
import { resolve } from "../../crds/resolve.ts";
import { exampleGround } from "../../test/builders/packs.ts";
import { measureSeries } from "./measure.ts";
import { compilesFor } from "../compiles.ts";
import { isGrouped, planCost } from "./plan.ts";

const GROUND = exampleGround();

function snapshotOf(documents: Readonly<Record<string, string>>) {
  const services = Object.entries(documents).map(
    ([service, text]) => [service, resolve(service, [], { text, generation: 1 }, GROUND)!] as const,
  );
  return { services: new Map(services), paused: new Set<string>() };
}

describe("what belongs to a service's cost", () => {
  const plan = planCost(compilesFor("dc1", "https://app.datadoghq.com"), "dc1");

  test("is its monitors, and the metrics of its pack, its monitors and its document", () => {
    const { services } = plan(
      snapshotOf({
        api: `
metrics: {api.requests: {tags: [env]}}
slos:
  good:
    type: metric
    target: 99
    numerator: "sum:api.good{\${scope}}.as_count()"
    denominator: "sum:api.total{\${scope}}.as_count()"
monitors:
  slow: {type: query alert, query: "avg(last_5m):avg:api.latency{*} by {host} + avg:api.queue{*} by {host} > 1", message: x}
  busy: {type: query alert, query: "avg(last_5m):avg:api.load{*} > 1", message: x}
`,
      }),
    );

    const api = services.get("api");
    expect(api?.metrics).toEqual(
      expect.arrayContaining([
        "api.latency",
        "api.load",
        "api.queue",
        "api.requests",
        "api.good",
        "api.total",
      ]),
    );
    expect(api?.monitors.grouped).toBeGreaterThanOrEqual(1);
    expect(api?.monitors.simple).toBeGreaterThanOrEqual(1);
  });

  test("is estimated with the tags that all documents together keep", () => {
    const { estimates } = plan(
      snapshotOf({
        api: "metrics: {jobs: {tags: [env]}}",
        web: "metrics: {jobs: {tags: [host], percentiles: true}}",
      }),
    );

    expect(estimates).toEqual(
      new Map([["jobs", { tags: ["env", "host"], isExcluding: false, hasPercentiles: true }]]),
    );
  });

  test.for([
    ["avg(last_5m):avg:a.b{x:y} by {host} > 1", true],
    ['"a.can_connect".over("x:y").by("host").last(4).count_by_status()', true],
    ["avg(last_5m):avg:a.b{x:by} > 1", false],
    ['logs("x by {y").index("*").rollup("count").last("5m") > 1', true],
    ["123 && 456", false],
  ] as const)("%s counts once for each group: %s", ([query, expected]) => {
    expect(isGrouped({ query })).toBe(expected);
  });
});

describe("series", () => {
  const signal = new AbortController().signal;
  const failing = (failure: ApiErrorDetails["failure"]): never => {
    throw new ApiError("read", failure, { failure });
  };

  function datadog(failures: Readonly<Record<string, ApiErrorDetails["failure"]>> = {}) {
    const asked: string[] = [];
    return {
      asked,
      volumes: async (metric: string) => {
        asked.push(metric);
        return failures[metric] === undefined ? { ingested: 20, indexed: 10 } : failing(failures[metric]);
      },
      estimate: async (metric: string, { tags }: TagsEstimate) => {
        asked.push(`${metric} with ${tags.join(",")}`);
        return 3;
      },
    };
  }

  test("are asked for once for each metric, and once more where documents keep tags", async () => {
    const api = datadog();
    const estimates = new Map([["b", { tags: ["env"] }]]);

    const measured = await measureSeries(["a", "b"], { datadog: api, estimates, mostCalls: 10, signal });

    expect([...measured.values()]).toEqual([
      { metric: "a", ingested: 20, indexed: 10 },
      { metric: "b", ingested: 20, indexed: 10, asWished: 3 },
    ]);
    expect(api.asked).toEqual(["a", "b", "b with env"]);
  });

  test("of a metric that nobody sends are not known, and the others are", async () => {
    const api = datadog({ a: "notFound" });

    const measured = await measureSeries(["a", "b"], {
      datadog: api,
      estimates: new Map(),
      mostCalls: 10,
      signal,
    });

    expect([...measured.values()]).toEqual([
      { metric: "a", unknown: "not sent lately" },
      { metric: "b", ingested: 20, indexed: 10 },
    ]);
  });

  test.for(["unauthorized", "unavailable", "rateLimited"] as const)(
    "are not asked for any more after %s, and all say why",
    async (failure) => {
      const api = datadog({ a: failure });

      const measured = await measureSeries(["a", "b", "c"], {
        datadog: api,
        estimates: new Map(),
        mostCalls: 10,
        signal,
      });

      expect(api.asked).toEqual(["a"]);
      expect(new Set([...measured.values()].map(({ unknown }) => unknown)).size).toBe(1);
      expect(measured.get("c")?.unknown).toMatch(/may not|answer|limit/);
    },
  );

  test("beyond the number of calls are not asked for, and say so", async () => {
    const api = datadog();

    const measured = await measureSeries(["a", "b", "c"], {
      datadog: api,
      estimates: new Map([["b", { tags: [] }]]),
      mostCalls: 2,
      signal,
    });

    expect(api.asked).toEqual(["a"]);
    expect(measured.get("c")?.unknown).toContain("at most 2 calls");
  });
});
