import { dashboardWriter } from "../../clients/datadog-dashboards.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { canonicalDesired, type DashboardBody } from "../../controllers/dashboards/canonical.ts";
import { dashboardKind } from "../../controllers/dashboards/kind.ts";
import { ownerOfKey } from "../../controllers/datadog/mark.ts";
import { Organisation } from "../../controllers/datadog/organisation.ts";
import type { MarkedObjectsOptions } from "../../controllers/datadog/marked.ts";
import { MarkedObjects } from "../../controllers/datadog/target.ts";
import { withMark } from "../../controllers/datadog/text-mark.ts";
import type { Json } from "../../controllers/monitors/canonical.ts";
import { Budget } from "../../engine/budget.ts";
import { Memory } from "../../engine/plan/memory.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { CLUSTER } from "./monitors.ts";

/** A wished dashboard with our mark. `wire` replaces fields, named as the API names them. */
export function wishedDashboard(key: string, wire: Json = {}): DesiredObject<DashboardBody> {
  const body = canonicalDesired({
    title: `Dashboard ${key}`,
    description: withMark("What it shows.", { clusterId: CLUSTER, key, retain: false }),
    layout_type: "ordered",
    widgets: [
      {
        definition: {
          type: "timeseries",
          title: "Load",
          requests: [{ q: "avg:system.load.1{*} by {host}" }],
        },
      },
      {
        definition: {
          type: "group",
          layout_type: "ordered",
          title: "Notes",
          widgets: [{ definition: { type: "note", content: "Look here." } }],
        },
      },
    ],
    template_variables: [{ name: "env", prefix: "env" }],
    ...wire,
  });
  return { key, owner: ownerOfKey(key), body, drift: "correct", retain: false };
}

export interface DashboardTargetOptions extends Partial<MarkedObjectsOptions<DashboardBody>> {
  readonly timeoutMs?: number;
}

/** The target that keeps dashboards at an address. Time passes only by `clock.advance`. */
export function dashboardTarget(
  { url, apiKey, appKey }: { readonly url: string; readonly apiKey: string; readonly appKey: string },
  { timeoutMs = 2_000, ...options }: DashboardTargetOptions = {},
) {
  const memory = options.memory ?? new Memory();
  const transport = new DatadogTransport({ url, apiKey, appKey, timeoutMs, gate: new Budget() });
  let now = 0;
  const clock = { now: () => now, advance: (ms: number) => (now += ms) };
  const target = new MarkedObjects<DashboardBody>({
    kind: dashboardKind({ dashboards: dashboardWriter(transport), clusterId: CLUSTER }),
    memory,
    organisation: new Organisation({ read: async () => 1 }),
    now: clock.now,
    lookAgainMs: 1,
    ...options,
  });
  return { target, memory, clock };
}

/** The ids of dashboards whose description has this key's mark. */
export function markedDashboards(
  dashboards: Iterable<Readonly<Record<string, unknown>>>,
  key: string,
): readonly string[] {
  const line = `Managed by dd-observe: owner=${CLUSTER} key=${key}`;
  return [...dashboards]
    .filter((dashboard) => String(dashboard["description"]).split("\n").at(-1)?.startsWith(line) === true)
    .map((dashboard) => String(dashboard["id"]));
}
