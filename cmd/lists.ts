import type { ConditionStatus } from "../engine/status.ts";
import type { ClusterFacts } from "./facts.ts";
import { knownServices } from "./facts.ts";
import { observedServices, openLook } from "./look.ts";
import { viewMonitors } from "./monitors-view.ts";
import { noSuchService } from "./names.ts";
import { UsageError } from "./print.ts";
import { filesOf, objectsOf, viewOf, type ServiceView } from "./service-view.ts";
import { didYouMean } from "../crds/suggest.ts";
import { ago, type Cell, type Column } from "./table.ts";
import type { Paint, Style } from "./terminal.ts";

/** A list for people and for programs. */
export interface Listing {
  readonly columns: readonly (Column & { readonly isWide?: boolean })[];
  readonly rows: readonly (readonly Cell[])[];
  readonly data: readonly object[];
  /** What else to say, below the table. */
  readonly notes: readonly string[];
}

interface Listed {
  readonly listing: Listing;
  /** Undefined for a list that has nothing to do with a running operator. */
  readonly facts: ClusterFacts | undefined;
}

type Opened = ReturnType<typeof openLook>;

/** Every kind that can be listed. */
export const LISTS = {
  services: listServices,
  monitors: listMonitors,
  files: listFiles,
  packs: listPacks,
  nodes: listNodes,
} as const satisfies Readonly<Record<string, (opened: Opened, names: readonly string[]) => Promise<Listed>>>;

const STATUS_STYLES: Readonly<Record<ConditionStatus, Style>> = {
  True: "green",
  False: "red",
  Unknown: "yellow",
};

export function statusCell(status: ConditionStatus): Cell {
  return { text: status, style: STATUS_STYLES[status] };
}

export function sinceCell(at: string | undefined, now = Date.now()): string {
  return at === undefined ? "" : ago(now - Date.parse(at));
}

async function listServices(opened: Opened, names: readonly string[]): Promise<Listed> {
  const look = await opened.look();
  const { facts, snapshot } = look;
  const known = knownServices(facts);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw noSuchService(unknown, known);
  const views =
    names.length === 0
      ? observedServices(look)
      : names.map((name) => viewOf(name, snapshot.services.get(name), facts));
  const rows = views.map((view) => serviceRow(view, facts));
  return {
    facts,
    listing: {
      columns: [
        { head: "NAME" },
        { head: "PACK" },
        { head: "READY" },
        { head: "REASON" },
        { head: "MONITORS" },
        { head: "FILES" },
        { head: "SINCE" },
        { head: "BY", isWide: true },
        { head: "NODES", isWide: true },
        { head: "MESSAGE", flexible: true },
      ],
      rows: rows.map((row) => [
        row.name,
        row.pack ?? "",
        statusCell(row.ready),
        row.reason,
        String(row.monitors),
        row.files,
        sinceCell(row.since),
        row.by,
        row.nodes.join(","),
        row.ready === "True" ? "" : row.message,
      ]),
      data: rows,
      notes: names.length === 0 ? unobservedNote(facts, views.length) : [],
    },
  };
}

function serviceRow(view: ServiceView, facts: ClusterFacts) {
  const { service, resolution, ready, stalled, since, statuses } = view;
  const files = filesOf(view);
  const isObserved = resolution !== undefined;
  const isGone = !isObserved && statuses.length > 0;
  return {
    name: service,
    pack: resolution?.state === "accepted" ? resolution.wish.pack.name : undefined,
    ready: isObserved ? ready.status : ("False" as const),
    reason: isObserved ? ready.reason : isGone ? "Gone" : "NotObserved",
    message: isObserved
      ? ready.message
      : isGone
        ? "its wish is gone; what is left goes after the grace period"
        : "it has neither the tag nor a document",
    stalled: stalled.status === "True",
    monitors: objectsOf(view, "monitors").length,
    files: `${files.filter(({ written }) => written?.status === "True").length}/${files.length}`,
    since,
    by: wishedBy(service, facts, isObserved),
    nodes: files.map(({ node }) => node),
    paused: facts.paused.has(service) || (resolution?.state === "accepted" && resolution.wish.paused),
  };
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

async function listMonitors(opened: Opened, names: readonly string[]): Promise<Listed> {
  const look = await opened.look();
  const known = knownServices(look.facts);
  const services = names.map((name) => name.split("/", 1)[0]!);
  const unknown = services.find((name) => !known.includes(name));
  if (unknown !== undefined) throw noSuchService(unknown, known);
  const { monitors, held, notAsked } = await viewMonitors(look);
  const wanted = monitors.filter(
    ({ key, service }) => names.length === 0 || names.includes(service) || names.includes(key),
  );
  return {
    facts: look.facts,
    listing: {
      columns: [
        { head: "KEY" },
        { head: "ID" },
        { head: "STATE" },
        { head: "NAME", flexible: true },
        { head: "LINK", isWide: true },
      ],
      rows: wanted.map(({ key, id, state, name, isWanted, link }) => [
        key,
        id === undefined ? "" : String(id),
        stateCell(state, id, isWanted),
        name ?? "",
        link ?? "",
      ]),
      data: wanted,
      notes: [
        ...[...held]
          .filter(([key]) => key.includes("/"))
          .map(([key, why]) => `${key} cannot be made: ${why}`),
        ...(notAsked === undefined ? [] : [`The state is not known: ${notAsked}.`]),
      ],
    },
  };
}

const STATE_STYLES: Readonly<Record<string, Style>> = { OK: "green", Alert: "red", Warn: "yellow" };

export function stateCell(state: string | undefined, id: number | undefined, isWanted: boolean): Cell {
  if (id === undefined) return { text: "not made yet", style: "yellow" };
  if (!isWanted) return { text: "to go", style: "dim" };
  return { text: state ?? "?", style: state === undefined ? "dim" : (STATE_STYLES[state] ?? "yellow") };
}

async function listFiles(opened: Opened, names: readonly string[]): Promise<Listed> {
  const look = await opened.look();
  const known = knownServices(look.facts);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw noSuchService(unknown, known);
  const data = observedServices(look)
    .filter(({ service }) => names.length === 0 || names.includes(service))
    .flatMap((view) => {
      const { resolution, service } = view;
      const check = resolution?.state === "accepted" ? resolution.wish.pack.check : undefined;
      const file = check === undefined ? undefined : `${check}.d/dd-observe-${service}.yaml`;
      return filesOf(view)
        .filter(({ written }) => written !== undefined && written.reason !== "NothingWanted")
        .map(({ node, written, loaded }) => ({ service, node, file, written, loaded }));
    });
  return {
    facts: look.facts,
    listing: {
      columns: [
        { head: "SERVICE" },
        { head: "NODE" },
        { head: "FILE", flexible: true },
        { head: "WRITTEN" },
        { head: "LOADED" },
        { head: "SINCE" },
        { head: "MESSAGE", flexible: true },
      ],
      rows: data.map(({ service, node, file, written, loaded }) => {
        const wrong = [written, loaded].find((one) => one !== undefined && one.status !== "True");
        return [
          service,
          node,
          file ?? "",
          written === undefined ? "" : statusCell(written.status),
          loaded === undefined ? { text: "not checked", style: "dim" as const } : statusCell(loaded.status),
          sinceCell(written?.lastTransitionTime),
          wrong?.message ?? "",
        ];
      }),
      data,
      notes: [],
    },
  };
}

async function listPacks({ config }: Opened, names: readonly string[]): Promise<Listed> {
  const { packsOf } = await import("./connect.ts");
  const packs = packsOf(config);
  const unknown = names.find((name) => !packs.has(name));
  if (unknown !== undefined) {
    const all = [...packs.keys()];
    throw new UsageError(
      `no pack is named ${unknown}${didYouMean(unknown, all) || `; there are ${all.join(", ")}`}`,
    );
  }
  const data = [...packs.values()]
    .filter(({ name }) => names.length === 0 || names.includes(name))
    .map(({ name, check, title, description, endpoint, monitors, options, minimumAgent, setup }) => ({
      name,
      check,
      title,
      description,
      endpoint,
      monitors: Object.keys(monitors),
      options: Object.keys(options),
      minimumAgent,
      setup,
    }));
  return {
    facts: undefined,
    listing: {
      columns: [
        { head: "NAME" },
        { head: "CHECK" },
        { head: "MONITORS" },
        { head: "AGENT", isWide: true },
        { head: "DESCRIPTION", flexible: true },
      ],
      rows: data.map((pack) => [
        pack.name,
        pack.check,
        String(pack.monitors.length),
        pack.minimumAgent ?? "",
        pack.description,
      ]),
      data,
      notes: [],
    },
  };
}

async function listNodes(opened: Opened, names: readonly string[]): Promise<Listed> {
  const { facts } = await opened.look();
  const byNode = new Map<string, { services: number; wrong: number; since: string | undefined }>();
  for (const { writer, conditions } of [...facts.statuses.values()].flat()) {
    if (writer === "controller") continue;
    const node = byNode.get(writer) ?? { services: 0, wrong: 0, since: undefined };
    byNode.set(writer, node);
    node.services++;
    if (conditions.some(({ status }) => status === "False")) node.wrong++;
    const newest = conditions
      .map(({ lastTransitionTime }) => lastTransitionTime)
      .sort()
      .at(-1);
    if (newest !== undefined && newest > (node.since ?? "")) node.since = newest;
  }
  const data = [...byNode]
    .map(([name, node]) => ({ name, ...node }))
    .filter(({ name }) => names.length === 0 || names.includes(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const unknown = names.find((name) => !byNode.has(name));
  if (unknown !== undefined)
    throw new UsageError(
      `no node role has reported as ${unknown}${didYouMean(unknown, byNode.keys())}`,
      "Start one on that machine with dd-observe run --role node.",
    );
  return {
    facts,
    listing: {
      columns: [{ head: "NAME" }, { head: "SERVICES" }, { head: "NOT AS WISHED" }, { head: "LAST CHANGE" }],
      rows: data.map(({ name, services, wrong, since }) => [
        name,
        String(services),
        wrong === 0 ? "0" : { text: String(wrong), style: "red" as const },
        sinceCell(since),
      ]),
      data,
      notes: [],
    },
  };
}

/** Who leads, and since when. */
export function leaderLine({ leader, hasRun }: ClusterFacts, paint: Paint, now = Date.now()): string {
  if (leader !== undefined) {
    const sinceMs = Date.parse(leader.since);
    const since = Number.isNaN(sinceMs) ? "" : ` for ${ago(now - sinceMs)}, since ${leader.since}`;
    return `controller: ${leader.holder} leads${since}`;
  }
  return paint(
    "yellow",
    hasRun
      ? "controller: none runs. What is listed is what the last one said."
      : "controller: none has ever run here. Start one with dd-observe run.",
  );
}
