import { z } from "zod";

import type { Needs } from "./condition.ts";
import { packDashboards } from "./dashboard.ts";
import { packMonitor } from "./monitor.ts";
import { slug } from "./names.ts";
import type { PackManifest, PackProbe, SetupPart } from "./pack-manifest.ts";
import type { PackMetrics } from "./pack-metrics.ts";
import { PROFILE, PROFILE_OPTION, type PackOption } from "./pack-option.ts";
import { packSlo } from "./slo.ts";

export { packDashboards } from "./dashboard.ts";
export { fillIn, fillInText, placeholdersIn, type Variables } from "./fill-in.ts";
export { packManifest, type PackManifest } from "./pack-manifest.ts";
export { packMetrics, type PackMetrics } from "./pack-metrics.ts";
export { packOption, type PackOption } from "./pack-option.ts";

/** `packs/<name>/conf.yaml`: the Agent's file for one instance, with `${…}` where something is filled in. */
export const packConf = z.strictObject({
  init_config: z.record(z.string(), z.unknown()).nullable().default({}),
  instance: z.record(z.string(), z.unknown()),
});
export type PackConf = z.infer<typeof packConf>;

/** `packs/<name>/monitors.yaml` */
export const packMonitors = z.record(slug, packMonitor);

/** `packs/<name>/slos.yaml` */
export const packSlos = z.record(slug, packSlo);

/** The files of a pack, each read by its schema. */
export interface PackFiles {
  readonly manifest: PackManifest;
  /** Absent if the pack has no check. */
  readonly conf?: PackConf | undefined;
  readonly monitors: z.infer<typeof packMonitors>;
  readonly slos: z.infer<typeof packSlos>;
  /** What the pack adds to dashboards, by the dashboard's name. */
  readonly dashboards: z.infer<typeof packDashboards>;
  readonly metrics: PackMetrics;
}

/** A name that is there only if its conditions hold. */
export interface NeedyName {
  readonly name: string;
  readonly needs?: Needs | undefined;
}

type Abbreviated = "keyMetrics" | "serviceChecks" | "setup" | "probe" | "extends" | "options";

/** A system that dd-observe knows: data only. */
export interface Pack extends Omit<PackManifest, Abbreviated>, Omit<PackFiles, "manifest"> {
  /** With `profile`, which every pack with a check has. */
  readonly options: Readonly<Record<string, PackOption>>;
  readonly keyMetrics: readonly NeedyName[];
  readonly serviceChecks: readonly NeedyName[];
  readonly setup: readonly SetupPart[];
  /** The first whose conditions hold proves that an instance answers. */
  readonly probes: readonly PackProbe[];
  /** Where it was read. Absent of one that was put together otherwise. */
  readonly origin?: PackOrigin;
}

export interface PackOrigin {
  /** True if it comes along with dd-observe as it is. */
  readonly isBuiltIn: boolean;
  /** What it is put together from, the lowest first and its own last. */
  readonly folders: readonly string[];
}

/** Puts a pack together from its files, with what they may abbreviate written out. */
export function packOf({ manifest, ...files }: PackFiles): Pack {
  const { keyMetrics, serviceChecks, setup, probe, extends: _extends, ...rest } = manifest;
  return {
    ...rest,
    ...files,
    options: rest.check === undefined ? rest.options : { ...rest.options, [PROFILE]: PROFILE_OPTION },
    keyMetrics: keyMetrics.map(asNeedy),
    serviceChecks: serviceChecks.map(asNeedy),
    setup: typeof setup === "string" ? [{ text: setup }] : setup,
    probes: [probe ?? []].flat(),
  };
}

function asNeedy(entry: string | NeedyName): NeedyName {
  return typeof entry === "string" ? { name: entry } : entry;
}
