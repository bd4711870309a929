import { describe } from "vitest";

import { downtimeWriter } from "../../clients/datadog-downtimes.ts";
import { metricTagsWriter } from "../../clients/datadog-metric-tags.ts";
import { canonicalDesired as canonicalDowntime } from "../../controllers/downtimes/canonical.ts";
import { downtimeKind } from "../../controllers/downtimes/kind.ts";
import { withMark } from "../../controllers/datadog/text-mark.ts";
import { canonicalDesired as canonicalTags } from "../../controllers/metric-tags/canonical.ts";
import { metricKey } from "../../controllers/metric-tags/compile.ts";
import { metricTagsKind } from "../../controllers/metric-tags/kind.ts";
import { kindTarget } from "../builders/kind-world.ts";
import { CLUSTER } from "../builders/monitors.ts";
import { testTargetContract } from "../target-contract.ts";
import { DOUBLES } from "./datadog-doubles.ts";

const CORRECT = { rule: "correct", fields: {} } as const;

describe.each(DOUBLES.filter(({ isPresent }) => isPresent))("over $name", ({ start }) => {
  testTargetContract("downtimes", async () => {
    const double = await start({});
    const { target } = kindTarget(double, (transport) =>
      downtimeKind({ datadog: downtimeWriter(transport), clusterId: CLUSTER }),
    );
    return {
      target,
      wish(name, variant) {
        const key = `ray/${name}`;
        const mark = { key, retain: false, clusterId: CLUSTER };
        const body = canonicalDowntime({
          attributes: {
            scope: `env:prod${variant}`,
            monitor_identifier: { monitor_tags: [`service:ray`, `variant:${variant}`] },
            message: withMark(`Variant ${variant}`, mark),
            schedule: { start: "2030-01-01T00:00:00Z", end: `2030-02-0${variant}T00:00:00Z` },
          },
        });
        return { key, owner: "ray", body, drift: CORRECT, retain: false };
      },
      writes: () => double.writes(),
      count: () =>
        double.objects("downtimes").filter((one) => {
          const { status, canceled } = one["attributes"] as { status?: string; canceled?: unknown };
          return status !== "canceled" && (canceled ?? null) === null;
        }).length,
      stop: () => double.stop(),
    };
  });

  testTargetContract("metric tag configurations", async () => {
    const double = await start({});
    for (const name of ["a", "b", "c"])
      double.addPoint(`ray.${name}`, Math.floor(Date.now() / 1_000), ["service:ray", "env:prod"]);
    const { target } = kindTarget(double, (transport, memory) =>
      metricTagsKind({
        tags: metricTagsWriter(transport),
        memory,
        wished: () => new Map(),
      }),
    );
    return {
      target,
      wish(name, variant) {
        const body = canonicalTags({
          id: `ray.${name}`,
          attributes: { metric_type: "gauge", tags: ["service", `variant${variant}`] },
        });
        return { key: metricKey(`ray.${name}`), owner: "ray", body, drift: CORRECT, retain: false };
      },
      writes: () => double.writes(),
      count: () => double.objects("metric-tags").length,
      stop: () => double.stop(),
    };
  });
});
