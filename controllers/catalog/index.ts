import { catalogReader, catalogWriter } from "../../clients/datadog-catalog.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { applicationUrl } from "../application-url.ts";
import { registerKind } from "../datadog/registration.ts";
import type { ClusterDeps } from "../deps.ts";
import { compileCatalog } from "./compile.ts";
import { catalogKind } from "./kind.ts";

/** The entities of the services that wish to be in the Software Catalog. */
export function catalog(deps: ClusterDeps): Registration<Snapshot> {
  const { clusterId, isDryRun, datadog } = deps;
  return registerKind(deps, {
    name: "catalog",
    condition: "CatalogSynced",
    noun: "catalog definition",
    needsNoFirstLook: true,
    compile: compileCatalog(clusterId, applicationUrl(datadog.url)),
    kind: ({ transport }) =>
      catalogKind({ datadog: isDryRun ? catalogReader(transport) : catalogWriter(transport), clusterId }),
  });
}
