import {
  packConf,
  packDashboards,
  packManifest,
  packMetrics,
  packMonitors,
  packOf,
  packSlos,
  type Pack,
} from "../../crds/pack.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import type { Ground } from "../../crds/resolve.ts";

/** A small pack with an option of every type and two monitors. `over` replaces whole parts of its files; `conf: undefined` leaves that one out. */
export function examplePack(
  over: Partial<
    Readonly<Record<"manifest" | "conf" | "monitors" | "slos" | "dashboards" | "metrics", object | undefined>>
  > = {},
): Pack {
  const manifest = packManifest.parse({
    name: "ray",
    title: "Ray",
    description: "A pack for tests.",
    check: "ray",
    options: {
      interval: {
        option: "min_collection_interval",
        type: "integer",
        min: 5,
        max: 60,
        description: "i",
        default: 15,
      },
      ratio: { option: "ratio", type: "number", description: "r" },
      buckets: { option: "collect_histogram_buckets", type: "boolean", description: "b" },
      mode: { option: "mode", type: "choice", values: ["fast", "slow"], description: "m" },
      namespace: { option: "namespace", type: "text", pattern: "[a-z]+", description: "n" },
      labels: { option: "exclude_labels", type: "texts", description: "l" },
      budget: { type: "boolean", wish: "budget", description: "w" },
      excludeMetrics: { option: "exclude_metrics", type: "regexes", description: "e" },
    },
    setup: "Nothing.",
    sources: ["https://example.com"],
    ...over.manifest,
  });
  const monitors = packMonitors.parse({
    "object-store-pressure": {
      name: "Object store is nearly full",
      type: "query alert",
      query: "avg(last_5m):avg:ray.used{${scope}} > ${critical}",
      critical: 0.9,
      summary: "The object store is nearly full.",
      runbook: ["one", "two", "three"],
    },
    noisy: {
      name: "Noisy",
      type: "query alert",
      query: "avg(last_5m):avg:ray.noise{${scope}} > ${critical}",
      critical: 1,
      summary: "There is noise.",
      runbook: ["one", "two", "three"],
    },
    ...over.monitors,
  });
  const hasConf = !Object.hasOwn(over, "conf") || over.conf !== undefined;
  const conf = !hasConf
    ? undefined
    : packConf.parse({
        instance: { openmetrics_endpoint: "${endpoint}", allow_redirects: false, tags: "${tags}" },
        ...over.conf,
      });
  const slos = packSlos.parse(over.slos ?? {});
  const dashboards = packDashboards.parse(over.dashboards ?? {});
  const metrics = packMetrics.parse(over.metrics ?? {});
  return packOf({ manifest, conf, monitors, slos, dashboards, metrics });
}

/** What resolving needs: the pack `ray` of the example, and `generic` with one option of its own. */
export function exampleGround(over: Partial<Ground> = {}): Ground {
  const generic = examplePack({
    manifest: {
      name: "generic",
      check: "openmetrics",
      options: { metrics: { option: "metrics", type: "regexes", description: "m" } },
    },
  });
  return {
    packs: new Map([
      ["ray", examplePack()],
      ["generic", { ...generic, monitors: {} }],
    ]),
    policy: STRICT_POLICY,
    defaults: { ok: true, value: {} },
    tagName: "dd-observe",
    ...over,
  };
}
