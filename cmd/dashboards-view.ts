import { applicationUrl } from "../controllers/application-url.ts";
import type { DashboardBody } from "../controllers/dashboards/canonical.ts";
import { compileDashboards } from "../controllers/dashboards/compile.ts";
import { ownerOfKey } from "../controllers/datadog/mark.ts";
import { isObject } from "../controllers/monitors/canonical.ts";
import type { StoredObject } from "../engine/status/status.ts";
import { clusterIdIfKnown, type Look } from "./look.ts";

/** One dashboard: as wished, and as the operator remembers it. */
export interface DashboardView {
  /** `ray/overview`, `_dashboards/infrastructure-overview` */
  readonly key: string;
  readonly owner: string;
  /** Datadog's id, once it is made. */
  readonly id?: string | undefined;
  readonly title?: string | undefined;
  /** How many there are, those in groups counted too and the groups not. */
  readonly widgets?: number | undefined;
  /** The reason of the owner's condition, such as `Synced`; `ChangedByHand`, `NotMade` or `ToGo`. */
  readonly state: string;
  readonly isWanted: boolean;
  readonly link?: string | undefined;
}

export interface DashboardViews {
  readonly dashboards: readonly DashboardView[];
  /** What is wished, by key. */
  readonly bodies: ReadonlyMap<string, DashboardBody>;
  /** Keys that are wished and can't be made, and why. */
  readonly held: ReadonlyMap<string, string>;
}

/** Joins what is wished and what the operator remembers. Datadog isn't asked. */
export async function viewDashboards(look: Look): Promise<DashboardViews> {
  const { config, facts, snapshot } = look;
  const desired = compileDashboards((await clusterIdIfKnown(look)) ?? "unknown")(snapshot);
  const statuses = [...facts.statuses.values()].flat();
  const remembered = new Map(
    statuses
      .flatMap(({ objects }) => objects)
      .filter(({ controller }) => controller === "dashboards")
      .map((object) => [object.key, object]),
  );
  const reasons = new Map(
    statuses.flatMap(({ service, conditions }) =>
      conditions
        .filter(({ type }) => type === "DashboardsSynced")
        .map(({ reason }) => [service, reason] as const),
    ),
  );
  const keys = new Set([...desired.objects.keys(), ...remembered.keys()]);
  const dashboards = [...keys].sort().map((key): DashboardView => {
    const want = desired.objects.get(key);
    const stored = remembered.get(key);
    const owner = want?.owner ?? ownerOfKey(key);
    const isWanted = want !== undefined || desired.held.has(key) || desired.held.has(owner);
    return {
      key,
      owner,
      id: stored?.ref,
      title: want?.body.title,
      widgets: want === undefined ? undefined : countWidgets(want.body.widgets),
      state: stateOf({ stored, isWanted, reason: reasons.get(owner) }),
      isWanted,
      link:
        stored === undefined ? undefined : `${applicationUrl(config.datadog.url)}/dashboard/${stored.ref}`,
    };
  });
  const bodies = new Map([...desired.objects].map(([key, { body }]) => [key, body]));
  return { dashboards, bodies, held: desired.held };
}

function stateOf({
  stored,
  isWanted,
  reason,
}: {
  readonly stored: StoredObject | undefined;
  readonly isWanted: boolean;
  readonly reason: string | undefined;
}): string {
  if (!isWanted) return "ToGo";
  if (stored === undefined) return reason === undefined || reason === "Synced" ? "NotMade" : reason;
  if ((stored.drift ?? []).length > 0) return "ChangedByHand";
  return reason ?? "Unknown";
}

function countWidgets(widgets: readonly unknown[]): number {
  let count = 0;
  for (const widget of widgets) {
    const definition = isObject(widget) ? widget["definition"] : undefined;
    const inner = isObject(definition) ? definition["widgets"] : undefined;
    count += Array.isArray(inner) ? countWidgets(inner) : 1;
  }
  return count;
}
