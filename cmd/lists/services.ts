import { isPausedByWish } from "../../crds/resolve.ts";
import { indexedSeries, type ServiceCost } from "../../engine/status/cost.ts";
import { knownServices, type ClusterFacts } from "../facts.ts";
import { composedOwners, observedServices } from "../look.ts";
import { noSuchService } from "../names.ts";
import { filesOf, viewOf, type ServiceView } from "../service-view.ts";
import { sinceCell, statusCell } from "./cells.ts";
import { countObjects, countsInWords } from "./counts.ts";
import type { Listed, Opened } from "./listing.ts";

/** A list has room for these; all of them are in the wide one. */
const NAMED_KINDS = 2;

export async function listServices(opened: Opened, names: readonly string[]): Promise<Listed> {
  const look = await opened.look();
  const { facts, snapshot } = look;
  const known = knownServices(facts);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw noSuchService(unknown, known);
  const views =
    names.length === 0
      ? observedServices(look)
      : names.map((name) => viewOf(name, snapshot.services.get(name), facts));
  const composed = composedOwners(look);
  // What packs compose is no service: it is told of only if asked for, or if something is wrong with it.
  const rows = views
    .map((view) => serviceRow(view, facts, composed))
    .filter(({ name, ready }) => names.length > 0 || !composed.has(name) || ready !== "True");
  return {
    facts,
    listing: {
      columns: [
        { head: "NAME" },
        { head: "PACK", spare: true },
        { head: "READY" },
        { head: "REASON" },
        { head: "OBJECTS", flexible: true, spare: true },
        { head: "FILES", spare: true },
        { head: "SINCE", spare: true },
        { head: "PER KIND", isWide: true },
        { head: "BY", isWide: true },
        { head: "NODES", isWide: true },
        { head: "COST", isWide: true },
        { head: "MESSAGE", flexible: true, least: 30 },
      ],
      rows: rows.map((row) => [
        row.name,
        row.pack ?? "",
        statusCell(row.ready),
        row.reason,
        countsInWords(row.objects, NAMED_KINDS) || "none",
        row.files,
        sinceCell(row.since),
        countsInWords(row.objects),
        row.by,
        row.nodes.join(","),
        costCell(row.cost),
        row.ready === "True" ? "" : row.message,
      ]),
      data: rows,
      notes: names.length === 0 ? unobservedNote(facts, rows.length) : [],
    },
  };
}

function serviceRow(view: ServiceView, facts: ClusterFacts, composed: ReadonlySet<string>) {
  const { service, resolution, ready, stalled, since, statuses } = view;
  const files = filesOf(view);
  const objects = countObjects(view);
  const isComposed = resolution === undefined && composed.has(service);
  const isObserved = resolution !== undefined || isComposed;
  const isGone = !isObserved && statuses.length > 0;
  // What keeps the rest of a service that is gone says more than that it is gone.
  const isTold = isObserved || (isGone && ready.status !== "True");
  return {
    name: service,
    pack: resolution?.state === "accepted" ? resolution.wish.pack.name : undefined,
    ready: isObserved ? ready.status : ("False" as const),
    reason: isTold ? ready.reason : isGone ? "Gone" : "NotObserved",
    message: isTold
      ? ready.message
      : isGone
        ? "its wish is gone; what is left goes after the grace period"
        : "it has neither the tag nor a document",
    stalled: stalled.status === "True",
    monitors: objects["monitors"] ?? 0,
    objects,
    files: `${files.filter(({ written }) => written?.status === "True").length}/${files.length}`,
    since,
    by: isComposed ? "packs" : wishedBy(service, facts, isObserved),
    nodes: files.map(({ node }) => node),
    cost: statuses.find(({ cost }) => cost !== undefined)?.cost,
    paused: facts.paused.has(service) || isPausedByWish(resolution),
  };
}

/** Counted by the leader, every hour. */
function costCell(cost: ServiceCost | undefined): string {
  if (cost === undefined) return "";
  const { simple, grouped } = cost.monitors;
  const series = indexedSeries(cost.series);
  return `${simple}+${grouped} monitors, ${series ?? "?"} series`;
}

function wishedBy(service: string, { documents }: ClusterFacts, isObserved: boolean): string {
  const document = documents.get(service);
  if (document !== undefined) return `document ${document.generation}`;
  return isObserved ? "tags" : "";
}

function unobservedNote({ catalog }: ClusterFacts, observed: number): readonly string[] {
  const others = [...catalog.keys()].filter((name) => name !== "consul").length;
  if (observed > 0 || others === 0) return [];
  return [
    `Consul has ${others} ${others === 1 ? "service" : "services"}, none of them observed: give one the tag dd-observe.`,
  ];
}
