import type { ChangeEvent } from "../../clients/datadog-events.ts";
import { isReserved } from "../../crds/names.ts";
import type { Resolution } from "../../crds/resolve.ts";
import type { Change, OwnerChanges, Why } from "../../engine/loop/changes.ts";
import { describeChanges } from "../../engine/status/conditions.ts";
import { MANAGED_BY } from "../datadog/mark.ts";
import { scopeTags } from "../scope.ts";

/** What events say of where they happened. */
export interface EventContext {
  /** The controller whose objects changed: `monitors`. */
  readonly controller: string;
  readonly clusterId: string;
  /** Where people open Datadog, without a slash at the end. */
  readonly appUrl: string;
  readonly resolutions: ReadonlyMap<string, Resolution>;
}

/** So many events tell of one pass; what is over it is told by a single one. */
export const MAX_EVENTS = 20;
/** Lines of one event. Datadog takes 4,000 characters. */
const MAX_LINES = 15;
/** Fields of one event whose values are sent as such, and characters of each. */
const MAX_FIELDS = 20;
const MAX_VALUE = 300;

/** The events that tell of one pass: one for each service, and at most one for all the others. */
export function eventsOf(changed: readonly OwnerChanges[], context: EventContext): readonly ChangeEvent[] {
  const told = changed.slice(0, MAX_EVENTS).map((one) => eventOf(one, context));
  const rest = changed.slice(MAX_EVENTS);
  return rest.length === 0 ? told : [...told, summaryOf(rest, context)];
}

function eventOf({ owner, changes }: OwnerChanges, context: EventContext): ChangeEvent {
  const { controller, clusterId, resolutions } = context;
  const service = isReserved(owner) ? undefined : owner;
  const before = valuesOf(changes, "found");
  const after = valuesOf(changes, "wanted");
  return {
    title: `dd-observe, ${controller} of ${owner}: ${countsOf(changes)}`,
    message: messageOf(changes, resolutions.get(owner), context),
    tags: tagsOf(service, resolutions.get(owner), clusterId),
    resource: `${controller} of ${owner}`,
    ...(service === undefined ? {} : { services: [service] }),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    metadata: { controller, cluster: clusterId, reasons: reasonsOf(changes), keys: keysOf(changes) },
    aggregationKey: `dd-observe ${clusterId} ${controller} ${owner}`,
  };
}

function summaryOf(changed: readonly OwnerChanges[], context: EventContext): ChangeEvent {
  const { controller, clusterId } = context;
  const changes = changed.flatMap((one) => one.changes);
  const owners = changed.map(({ owner }) => owner);
  const services = owners.filter((owner) => !isReserved(owner));
  const shown = owners.slice(0, 100).join(", ");
  return {
    title: `dd-observe, ${controller} of ${owners.length} more: ${countsOf(changes)}`,
    message: `${reasonsOf(changes)
      .map((why) => WHY[why])
      .join(", ")}.\n\n${shown}${owners.length > 100 ? ", …" : ""}`,
    tags: tagsOf(undefined, undefined, clusterId),
    resource: `${controller} of ${owners.length} services`,
    services,
    metadata: { controller, cluster: clusterId, reasons: reasonsOf(changes) },
    aggregationKey: `dd-observe ${clusterId} ${controller}`,
  };
}

const VERBS = { create: "made", update: "changed", delete: "deleted" } as const satisfies Record<
  Change["type"],
  string
>;

/** `2 made, 1 changed` */
function countsOf(changes: readonly Change[]): string {
  const counts = Object.entries(VERBS).flatMap(([type, verb]) => {
    const count = changes.filter((change) => change.type === type).length;
    return count === 0 ? [] : [`${count} ${verb}`];
  });
  return counts.join(", ");
}

const WHY = {
  first: "First sync",
  wish: "New wish",
  drift: "Changed by hand, set right",
  gone: "Wish gone",
} as const satisfies Record<Why, string>;

function reasonsOf(changes: readonly Change[]): readonly Why[] {
  return [...new Set(changes.map(({ why }) => why))];
}

function messageOf(
  changes: readonly Change[],
  resolution: Resolution | undefined,
  context: EventContext,
): string {
  const generation = resolution?.generation ?? 0;
  const lines = changes.slice(0, MAX_LINES).map((change) => lineOf(change, generation, context));
  const more = changes.length - MAX_LINES;
  return [...lines, ...(more > 0 ? [`- and ${more} more`] : [])].join("\n");
}

function lineOf(
  { type, key, ref, why, changes, by }: Change,
  generation: number,
  { controller, appUrl }: EventContext,
): string {
  const link = ref === undefined ? undefined : linkTo(controller, ref, appUrl);
  const what = link === undefined ? `\`${key}\`` : `[${key}](${link})`;
  const fields = changes.length === 0 ? "" : `: ${describeChanges(changes)}`;
  const version = (why === "wish" || why === "first") && generation > 0 ? `, document ${generation}` : "";
  const whom = by === undefined ? "" : ` (by ${by})`;
  return `- ${VERBS[type]} ${what}${fields}. ${WHY[why]}${whom}${version}.`;
}

/** Where a person looks at an object. Undefined for what has no page of its own. */
function linkTo(controller: string, ref: string, appUrl: string): string | undefined {
  switch (controller) {
    case "monitors":
      return `${appUrl}/monitors/${ref}`;
    case "slos":
      return `${appUrl}/slo/manage?slo_id=${ref}`;
    case "dashboards":
      return `${appUrl}/dashboard/${ref}`;
    case "downtimes":
      return `${appUrl}/monitors/downtimes?id=${ref}`;
    case "metric-tags":
      return `${appUrl}/metric/summary?metric=${encodeURIComponent(ref)}`;
    case "catalog":
      return `${appUrl}/software?query=${encodeURIComponent(ref.slice(ref.indexOf("/") + 1))}`;
    case "evaluators":
      return `${appUrl}/llm/evaluations`;
    default:
      return undefined;
  }
}

function keysOf(changes: readonly Change[]): readonly string[] {
  return changes.slice(0, 50).map(({ key }) => key);
}

/** Fields of all updated objects with their values of one side, by key and path. Undefined if nothing was updated. */
function valuesOf(
  changes: readonly Change[],
  side: "wanted" | "found",
): Readonly<Record<string, unknown>> | undefined {
  const fields = changes.flatMap(({ key, changes: inner }) =>
    inner.map((field) => [`${key} ${field.path}`, shortened(field[side])] as const),
  );
  return fields.length === 0 ? undefined : Object.fromEntries(fields.slice(0, MAX_FIELDS));
}

function shortened(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= MAX_VALUE ? value : `${text.slice(0, MAX_VALUE)}…`;
}

function tagsOf(
  service: string | undefined,
  resolution: Resolution | undefined,
  clusterId: string,
): readonly string[] {
  const { env, team } =
    resolution === undefined || resolution.state === "held"
      ? { env: undefined, team: undefined }
      : resolution.wish;
  return [
    ...scopeTags({ env, ...(service === undefined ? {} : { service }) }, clusterId),
    ...(team === undefined ? [] : [`team:${team}`]),
    MANAGED_BY,
  ];
}
