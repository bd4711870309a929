import { catalogReader, entityRef } from "../../clients/datadog-catalog.ts";
import { dashboardReader } from "../../clients/datadog-dashboards.ts";
import { downtimeReader } from "../../clients/datadog-downtimes.ts";
import { metricTagsReader } from "../../clients/datadog-metric-tags.ts";
import { sloReader } from "../../clients/datadog-slos.ts";
import { DatadogTransport, type DatadogSettings } from "../../clients/datadog-transport.ts";
import { datadogReader } from "../../clients/datadog.ts";
import { catalogKind } from "../../controllers/catalog/kind.ts";
import { dashboardKind } from "../../controllers/dashboards/kind.ts";
import type { DatadogKind } from "../../controllers/datadog/kind.ts";
import { Organisation } from "../../controllers/datadog/organisation.ts";
import { downtimeKind } from "../../controllers/downtimes/kind.ts";
import { metricKey } from "../../controllers/metric-tags/compile.ts";
import { metricTagsKind } from "../../controllers/metric-tags/kind.ts";
import { monitorKind } from "../../controllers/monitors/kind.ts";
import { sloKind } from "../../controllers/slos/kind.ts";
import { Memory } from "../../engine/plan/memory.ts";
import type { Fields } from "../fakes/datadog-api.ts";
import type { FakeKind } from "../fakes/datadog.ts";

/** How the objects of one kind are recognised and compared. */
export type LookOf = Pick<DatadogKind<unknown>, "markOf" | "refOf" | "canonical">;

/** The kinds that operators keep, by their controllers' names. One line each. */
export function looks(settings: DatadogSettings, clusterId: string): ReadonlyMap<FakeKind, LookOf> {
  const organisation = new Organisation({ read: async () => undefined });
  const transport = new DatadogTransport(settings);
  const tags = metricTagsKind({
    tags: metricTagsReader(transport),
    memory: new Memory(),
    wished: () => new Map(),
  });
  return new Map<FakeKind, LookOf>([
    ["monitors", look(monitorKind({ datadog: datadogReader(transport), clusterId, organisation }))],
    ["slos", look(sloKind({ slos: sloReader(transport), clusterId }))],
    ["dashboards", look(dashboardKind({ dashboards: dashboardReader(transport), clusterId }))],
    ["downtimes", look(downtimeKind({ datadog: downtimeReader(transport), clusterId }))],
    ["catalog", look(catalogKind({ datadog: catalogReader(transport), clusterId }))],
    // They carry no mark: whatever stands there and is nobody else's is ours.
    ["metric-tags", { ...look(tags), markOf: ({ id }) => ({ key: metricKey(String(id)), retain: false }) }],
  ]);
}

/** How a double names an object. */
export function idOf(kind: FakeKind, object: Fields): string {
  return kind === "catalog" ? entityRef(object) : String(object["id"]);
}

/** A look never writes, so that it needs not know what a body is. */
function look<Body>(kind: DatadogKind<Body>): LookOf {
  return {
    markOf: (raw) => kind.markOf(raw),
    refOf: (raw) => kind.refOf(raw),
    // The wish that is handed in is one of this kind's own bodies.
    canonical: (raw, wanted) => kind.canonical(raw, wanted as Body | undefined),
  };
}
