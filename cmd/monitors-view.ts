import { datadogReader, type RawMonitor } from "../clients/datadog.ts";
import { toError } from "../clients/errors.ts";
import { applicationUrl } from "../controllers/application-url.ts";
import { compileMonitors } from "../controllers/monitors/compile.ts";
import { MANAGED_BY, ownerOfKey, ownerTag, readMark } from "../controllers/monitors/mark.ts";
import type { Config } from "./config.ts";
import type { ClusterFacts } from "./facts.ts";
import { clusterIdIfKnown, type Look } from "./look.ts";

/** One monitor: as wished, as remembered, and as it stands in Datadog. */
export interface MonitorView {
  /** `ray/object-store-pressure` */
  readonly key: string;
  readonly service: string;
  readonly id?: number | undefined;
  readonly name?: string | undefined;
  /** Datadog's word (`OK`, `Alert`, `No Data`, …) if it could be asked. */
  readonly state?: string | undefined;
  /** False if no wish asks for it any more. */
  readonly isWanted: boolean;
  readonly link?: string | undefined;
}

export interface MonitorViews {
  readonly monitors: readonly MonitorView[];
  /** Keys that are wished and cannot be made, and why. */
  readonly held: ReadonlyMap<string, string>;
  /** Why Datadog was not asked, or did not answer. */
  readonly notAsked: string | undefined;
}

/** Joins what is wished, what the operator remembers, and what Datadog says if there are keys. */
export async function viewMonitors(look: Look, only?: (service: string) => boolean): Promise<MonitorViews> {
  const { config, facts, snapshot } = look;
  const clusterId = await clusterIdIfKnown(look);
  const appUrl = applicationUrl(config.datadog.url);
  const desired = compileMonitors(clusterId ?? "unknown", { appUrl })(snapshot);
  const remembered = rememberedMonitors(facts);
  const { listed, notAsked } = await listMonitors(config, clusterId);

  const keys = new Set([...desired.objects.keys(), ...remembered.keys(), ...listed.keys()]);
  const monitors = [...keys]
    .map((key): MonitorView => {
      const raw = listed.get(key);
      const id = raw?.id ?? remembered.get(key);
      const want = desired.objects.get(key);
      return {
        key,
        service: want?.owner ?? ownerOfKey(key),
        id,
        name: want?.body.name ?? textOf(raw?.["name"]),
        state: textOf(raw?.["overall_state"]),
        isWanted: want !== undefined,
        link: id === undefined ? undefined : `${appUrl}/monitors/${id}`,
      };
    })
    .filter(({ service }) => only?.(service) ?? true)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  return { monitors, held: desired.held, notAsked };
}

function rememberedMonitors({ statuses }: ClusterFacts): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (const { objects } of [...statuses.values()].flat())
    for (const { controller, key, ref } of objects) if (controller === "monitors") ids.set(key, Number(ref));
  return ids;
}

async function listMonitors(
  { datadog: { url, apiKey, appKey } }: Config,
  clusterId: string | undefined,
): Promise<{ readonly listed: ReadonlyMap<string, RawMonitor>; readonly notAsked: string | undefined }> {
  const listed = new Map<string, RawMonitor>();
  if (apiKey === undefined || appKey === undefined || clusterId === undefined) {
    const missing =
      apiKey === undefined ? "DD_API_KEY" : appKey === undefined ? "DD_APP_KEY" : "--cluster-id";
    return { listed, notAsked: `Datadog was not asked, since ${missing} is not set` };
  }
  try {
    const reader = datadogReader({ url, apiKey, appKey, timeoutMs: 15_000 });
    const tags = [MANAGED_BY, ownerTag(clusterId)];
    const { monitors } = await reader.listMonitors(tags, { signal: AbortSignal.timeout(20_000) });
    for (const raw of monitors) {
      const mark = readMark(Array.isArray(raw["tags"]) ? (raw["tags"] as string[]) : [], clusterId);
      if (mark !== undefined && !listed.has(mark.key)) listed.set(mark.key, raw);
    }
    return { listed, notAsked: undefined };
  } catch (error) {
    return { listed, notAsked: toError(error).message };
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
