import { catalogWriter } from "../../clients/datadog-catalog.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { datadogReader } from "../../clients/datadog.ts";
import type { EntityBody } from "../../controllers/catalog/canonical.ts";
import { entityOf } from "../../controllers/catalog/compile.ts";
import { catalogKind } from "../../controllers/catalog/kind.ts";
import { Organisation } from "../../controllers/datadog/organisation.ts";
import type { MarkedObjectsOptions } from "../../controllers/datadog/marked.ts";
import { MarkedObjects } from "../../controllers/datadog/target.ts";
import { Memory } from "../../engine/plan/memory.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { CLUSTER } from "./monitors.ts";

interface Connected {
  readonly url: string;
  readonly apiKey: string;
  readonly appKey: string;
}

/** The target that keeps entities in a stand-in. */
export function catalogTarget(
  { url, apiKey, appKey }: Connected,
  options: Partial<MarkedObjectsOptions<EntityBody>> = {},
): MarkedObjects<EntityBody> {
  const transport = new DatadogTransport({ url, apiKey, appKey, timeoutMs: 300 });
  const reader = datadogReader(transport);
  return new MarkedObjects({
    kind: catalogKind({ datadog: catalogWriter(transport), clusterId: CLUSTER }),
    memory: new Memory(),
    organisation: new Organisation({ read: async (signal) => await reader.organisation({ signal }) }),
    lookAgainMs: 1,
    ...options,
  });
}

/** The entity that a service wishes. */
export function wishedEntity(service: string, description = "Batch jobs."): DesiredObject<EntityBody> {
  const { objects } = entityOf(
    {
      service,
      env: "prod",
      team: "ml",
      tags: [],
      catalog: { description },
      dependencies: ["consul"],
      drift: "correct",
      deletion: "delete",
    },
    { clusterId: CLUSTER, appUrl: "https://app.datadoghq.eu", dashboards: [] },
  );
  return objects[0]!;
}
