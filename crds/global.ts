import { z } from "zod";

import { dashboardLayer, type DashboardLayer } from "./dashboard.ts";
import { downtimeLayer, type DowntimeLayer } from "./downtime.ts";
import { globalMonitorLayer, type GlobalMonitor } from "./global-monitor.ts";
import { isSlug } from "./names.ts";
import { nomadLayer, type NomadWish } from "./nomad.ts";
import type { Policy } from "./policy.ts";
import { sloLayer, type SloLayer } from "./slo.ts";
import { wishLayer, type WishFields } from "./wish.ts";

/** What every document says that belongs to no service, besides its object's own fields. */
export type GlobalCommon = Pick<
  WishFields,
  "env" | "team" | "tags" | "drift" | "freeze" | "deletion" | "paused"
>;

export interface GlobalFrame extends GlobalCommon {
  /** Key and owner of its object, and the document's name: `_slos/checkout`. */
  readonly key: string;
  /** `checkout` */
  readonly name: string;
  /** The document's ModifyIndex. */
  readonly generation: number;
}

export interface GlobalSlo extends GlobalFrame {
  readonly kind: "slo";
  readonly slo: Omit<SloLayer, "tags" | "drift">;
}

export interface GlobalDashboard extends GlobalFrame {
  readonly kind: "dashboard";
  /** Without a definition it tunes the dashboard of that name that is composed of the packs' sections. */
  readonly dashboard: Omit<DashboardLayer, "drift"> & { readonly exclude?: readonly string[] | undefined };
}

export interface GlobalDowntime extends GlobalFrame {
  readonly kind: "downtime";
  readonly downtime: Omit<DowntimeLayer, "drift">;
}

/** What a document of no service wants, checked and complete. */
export type GlobalWish = GlobalMonitor | GlobalSlo | GlobalDashboard | GlobalDowntime | NomadWish;
export type GlobalKind = GlobalWish["kind"];

const { env, team, tags, drift, freeze, deletion, paused } = wishLayer.shape;

function commonFields(what: string) {
  return {
    env,
    team: team.meta({ description: `Team that owns the ${what}; becomes the tag \`team\`.` }),
    tags: tags.meta({
      description: `More tags on the ${what}. Joined with inherited ones; the same key replaces the inherited value.`,
    }),
    drift,
    freeze,
    deletion: deletion.meta({
      description: `What happens to the ${what} when the document goes: deleted after the grace period, or left.`,
    }),
    paused: paused.meta({
      description: `True: the ${what} is neither written nor deleted until it is false again.`,
    }),
  };
}

/** `observability/_slos/<name>`: one SLO that belongs to no service. */
export const globalSloLayer = z.strictObject({
  ...sloLayer.shape,
  type: sloLayer.shape.type.unwrap().meta({
    description:
      "What is measured: the ratio of two metric queries (metric), the time in which monitors are OK (monitor), or the time in which a query keeps a threshold (time-slice).",
  }),
  name: sloLayer.shape.name.meta({
    description: "Title of the SLO, as it is given here. Without it: the document's name.",
  }),
  monitors: sloLayer.shape.monitors.meta({
    description: "Type monitor: names of the monitors, `<service>/<name>` or `_monitors/<name>`.",
  }),
  ...commonFields("SLO"),
});

/** `observability/_dashboards/<name>`: a dashboard that belongs to no service, or how the composed one of that name is tuned. */
export const globalDashboardLayer = z.strictObject({
  ...dashboardLayer.shape,
  definition: dashboardLayer.shape.definition.meta({
    description:
      "The dashboard's JSON, as its page in Datadog exports it. Without it the document tunes the dashboard of that name which is composed of the packs' sections.",
  }),
  exclude: z
    .array(z.string().min(1).max(100))
    .max(100)
    .optional()
    .meta({
      description: "Titles of the sections that a composed dashboard leaves out.",
      examples: [["Ray"]],
    }),
  ...commonFields("dashboard"),
});

/** `observability/_downtimes/<name>`: a downtime that belongs to no service. */
export const globalDowntimeLayer = z.strictObject({
  ...downtimeLayer.shape,
  monitors: downtimeLayer.shape.monitors.meta({
    description:
      "Names of the monitors that are silent, `<service>/<name>` or `_monitors/<name>`. Without it: all of this cluster.",
  }),
  ...commonFields("downtime"),
});

/** A folder of documents of no service, and what the operator's policy says of it. */
export interface GlobalFolder {
  readonly kind: GlobalKind;
  readonly folder: string;
  readonly layer: z.ZodType;
  /** `monitors`, for sentences. */
  readonly many: string;
  readonly allowed: "globalMonitors" | "globalSlos" | "globalDashboards" | "globalDowntimes";
  readonly quota: "maxMonitors" | "maxSlos" | "maxDashboards" | "maxDowntimes";
}

export const GLOBAL_FOLDERS: readonly GlobalFolder[] = [
  {
    kind: "monitor",
    folder: "_monitors",
    layer: globalMonitorLayer,
    many: "monitors",
    allowed: "globalMonitors",
    quota: "maxMonitors",
  },
  {
    kind: "slo",
    folder: "_slos",
    layer: globalSloLayer,
    many: "SLOs",
    allowed: "globalSlos",
    quota: "maxSlos",
  },
  {
    kind: "dashboard",
    folder: "_dashboards",
    layer: globalDashboardLayer,
    many: "dashboards",
    allowed: "globalDashboards",
    quota: "maxDashboards",
  },
  {
    kind: "downtime",
    folder: "_downtimes",
    layer: globalDowntimeLayer,
    many: "downtimes",
    allowed: "globalDowntimes",
    quota: "maxDowntimes",
  },
] satisfies readonly (GlobalFolder & { readonly quota: keyof Policy })[];

/** What a document of a kind may say. */
export function globalLayerOf(kind: GlobalKind): z.ZodType {
  return kind === "nomad" ? nomadLayer : GLOBAL_FOLDERS.find((folder) => folder.kind === kind)!.layer;
}

/** The folder that a document's name stands in, if what follows is a name: `_slos/checkout`. */
export function globalFolderOf(name: string): GlobalFolder | undefined {
  return GLOBAL_FOLDERS.find(
    ({ folder }) => name.startsWith(`${folder}/`) && isSlug(name.slice(folder.length + 1)),
  );
}
