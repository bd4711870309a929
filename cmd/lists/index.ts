import { listDashboards } from "./dashboards.ts";
import { listFiles } from "./files.ts";
import type { List } from "./listing.ts";
import { listMonitors } from "./monitors.ts";
import { listNodes } from "./nodes.ts";
import { listCatalog, listDowntimes, listEvaluators, listMetricTags, listSlos } from "./objects.ts";
import { listPacks } from "./packs.ts";
import { listServices } from "./services.ts";

/** Every kind that can be listed. One line each. */
export const LISTS = {
  services: listServices,
  monitors: listMonitors,
  slos: listSlos,
  dashboards: listDashboards,
  downtimes: listDowntimes,
  "metric-tags": listMetricTags,
  catalog: listCatalog,
  evaluators: listEvaluators,
  files: listFiles,
  packs: listPacks,
  nodes: listNodes,
} as const satisfies Readonly<Record<string, List>>;
