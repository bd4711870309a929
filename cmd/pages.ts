import path from "node:path";

import type { Consul } from "../clients/consul.ts";
import { progressInWords, progressOf } from "../engine/budget/progress.ts";
import type { BudgetStatus } from "../engine/budget/status.ts";
import type { Board } from "../engine/status/board.ts";
import { readLeader, type Standing } from "../engine/leader/lease.ts";
import type { Page } from "../engine/server.ts";
import { readTextFile, SHIPPED } from "../engine/shipped.ts";
import type { Snapshot } from "../engine/sources/snapshot.ts";
import { summarize, type ServiceStatus, type StoredObject } from "../engine/status/status.ts";
import { ClusterStatuses } from "./cluster-statuses.ts";
import type { Config, Role } from "./config.ts";
import { applicationUrl } from "../controllers/application-url.ts";
import { readProgress } from "./facts.ts";
import { CATALOG, DOWNTIMES, EVALUATORS, METRIC_TAGS, SLOS } from "./objects-view.ts";
import { previewPage } from "./preview.ts";
import { VERSION } from "./version.ts";

interface PagesOptions {
  readonly role: Role;
  readonly clusterId: string;
  readonly consul: Consul;
  readonly config: Config;
  readonly boards: ReadonlyMap<string, Board>;
  readonly standing: () => Standing | undefined;
  readonly budget: { readonly status: BudgetStatus };
  readonly snapshot: () => Snapshot | undefined;
}

/** The read-only pages of a running process, as JSON. They show the whole cluster, whichever process is asked. */
export function pagesOf(
  options: PagesOptions,
): Readonly<Record<string, (query: URLSearchParams) => Page | undefined | Promise<Page>>> {
  const { consul, config, boards } = options;
  const statuses = new ClusterStatuses(consul, config.statePrefix, boards);
  return {
    "/v1/process": async () => json(await describeProcess(options)),
    "/v1/services": async (query) => {
      const service = query.get("service");
      const all = await statuses.read();
      const wanted = service === null ? all : all.filter((status) => status.service === service);
      return json(wanted.map((status) => withLinks(status, config.datadog.url)));
    },
    "/dashboard": (query) => previewPage(options, query),
    "/v1/summary": async () => json(summaries(await statuses.read())),
  };
}

const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
};

/** The status page itself. Read once; it holds nothing that anyone may not see. */
export function pageFiles(): Readonly<Record<string, Page>> {
  return Object.fromEntries(
    Object.entries(FILES).map(([at, [file, type]]) => [
      at,
      { type, body: readTextFile(path.join(SHIPPED, "web", file)) },
    ]),
  );
}

async function describeProcess({
  role,
  clusterId,
  consul,
  config,
  standing,
  budget,
}: PagesOptions): Promise<unknown> {
  const now = standing();
  // A process that takes no part in the election has to ask who won it.
  const leader =
    role === "node"
      ? await readLeader(consul, `${config.statePrefix}/leader`).catch(() => undefined)
      : now?.role === "spare"
        ? now.leader
        : undefined;
  const progress =
    now?.role === "leader"
      ? progressOf(budget.status, Date.now())
      : await readProgress(consul, config.statePrefix).catch(() => undefined);
  return {
    role,
    holder: config.holder,
    clusterId,
    version: VERSION,
    node: process.versions.node,
    consul: config.consul.address,
    standing: now?.role === "unknown" ? { role: "unknown", error: now.error.message } : now,
    leader,
    progress:
      progress === undefined ? undefined : { ...progress, text: progressInWords(progress, Date.now()) },
    limits: now?.role === "leader" ? budget.status.limits : undefined,
  };
}

/** One line of the page. */
interface Summary {
  readonly service: string;
  readonly state: "stalled" | "failing" | "unknown" | "ready";
  readonly reason: string;
  readonly message: string;
  /** ISO 8601 */
  readonly since: string | undefined;
  /** How many objects there are of it in Datadog. */
  readonly objects: number;
}

function summaries(statuses: readonly ServiceStatus[]): readonly Summary[] {
  const byService = new Map<string, ServiceStatus[]>();
  for (const status of statuses) {
    const same = byService.get(status.service);
    if (same === undefined) byService.set(status.service, [status]);
    else same.push(status);
  }
  return [...byService].map(([service, all]) => summaryOf(service, all));
}

function summaryOf(service: string, statuses: readonly ServiceStatus[]): Summary {
  // What is wrong with the wish comes first: the rest often follows from it.
  const conditions = statuses
    .flatMap((status) => status.conditions)
    .sort((a, b) => Number(b.type === "Accepted") - Number(a.type === "Accepted"));
  const [ready, stalled] = summarize(conditions);
  const absentSince = statuses.find((status) => status.absentSince !== undefined)?.absentSince;
  const objects = statuses.reduce((sum, status) => sum + status.objects.length, 0);
  if (absentSince !== undefined)
    return {
      service,
      state: "unknown",
      reason: "Gone",
      message: "no longer wished; its objects go after the grace period",
      since: absentSince,
      objects,
    };
  const shown = stalled?.status === "True" ? stalled : ready!;
  const states = { True: "ready", False: "failing", Unknown: "unknown" } as const;
  return {
    service,
    state: stalled?.status === "True" ? "stalled" : states[ready!.status],
    reason: shown.reason,
    message: shown.message,
    since: conditions
      .map(({ lastTransitionTime }) => lastTransitionTime)
      .sort()
      .at(-1),
    objects,
  };
}

/** Where people look at an object of a controller, below the application's address. */
const PLACES: Readonly<Record<string, (ref: string) => string>> = {
  monitors: (ref) => `/monitors/${encodeURIComponent(ref)}`,
  dashboards: (ref) => `/dashboard/${encodeURIComponent(ref)}`,
  ...Object.fromEntries(
    [SLOS, DOWNTIMES, METRIC_TAGS, CATALOG, EVALUATORS].map((kind) => [
      kind.controller,
      (ref: string) => kind.pathOf(ref),
    ]),
  ),
};

function withLinks(status: ServiceStatus, datadogUrl: string): unknown {
  const application = applicationUrl(datadogUrl);
  const link = ({ controller, ref }: StoredObject): string | undefined =>
    application === datadogUrl || !Object.hasOwn(PLACES, controller)
      ? undefined
      : `${application}${PLACES[controller]?.(ref)}`;
  return { ...status, objects: status.objects.map((object) => ({ ...object, link: link(object) })) };
}

function json(value: unknown): Page {
  return { type: "application/json", body: `${JSON.stringify(value)}\n` };
}
