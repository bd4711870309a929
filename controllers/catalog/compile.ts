import type { Wish } from "../../crds/resolve.ts";
import { compileEach, remember, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired, DesiredObject } from "../../engine/plan/plan.ts";
import { reference } from "../../engine/plan/tokens.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { dashboardsOf } from "../dashboards/section.ts";
import { markTags } from "../datadog/mark.ts";
import type { Json } from "../monitors/canonical.ts";
import { allTags } from "../scope.ts";
import { canonicalDesired, type EntityBody } from "./canonical.ts";

/** What a document says of a service's place in the catalog. */
export interface CatalogWish {
  readonly displayName?: string | undefined;
  readonly description?: string | undefined;
  readonly tier?: string | undefined;
  readonly lifecycle?: string | undefined;
  readonly type?: string | undefined;
  readonly languages?: readonly string[] | undefined;
  readonly links?:
    | readonly { readonly name: string; readonly type: string; readonly url: string }[]
    | undefined;
  readonly contacts?:
    | readonly {
        readonly name?: string | undefined;
        readonly type: string;
        readonly contact: string;
      }[]
    | undefined;
  /** PagerDuty and Opsgenie, in Datadog's words. */
  readonly integrations?: Json | undefined;
}

/** As much of a service's wish as its entity follows from. */
export interface EntityWish {
  readonly service: string;
  readonly env?: string | undefined;
  readonly team?: string | undefined;
  readonly tags: readonly string[];
  /** False: the service has no entity. True: one that says nothing of its own. */
  readonly catalog: boolean | CatalogWish;
  /** Services by name, or entities in Datadog's words: `datastore:default/orders`. */
  readonly dependencies: readonly string[];
  readonly drift: DesiredObject<EntityBody>["drift"];
  readonly deletion: "delete" | "retain";
}

export interface EntityContext {
  readonly clusterId: string;
  /** Where people open Datadog, without a slash at the end: `https://app.datadoghq.eu`. */
  readonly appUrl: string;
  /** Keys of the dashboards on which the service is seen, the most telling first. */
  readonly dashboards: readonly string[];
}

/** Works out the entities of all services that wish to be in the catalog. */
export function compileCatalog(
  clusterId: string,
  appUrl: string,
): (snapshot: Snapshot) => Desired<EntityBody> {
  const compileOne = remember((wish: Wish) =>
    entityOf(wish, { clusterId, appUrl, dashboards: dashboardKeys(wish, clusterId) }),
  );
  return compileEach({ compileOne });
}

/** A service's own dashboards, then those that its pack adds a section to. */
function dashboardKeys(wish: Wish, clusterId: string): readonly string[] {
  return [
    ...Object.keys(wish.dashboards).map((name) => `${wish.service}/${name}`),
    ...dashboardsOf(wish, clusterId).map((name) => `_dashboards/${name}`),
  ];
}

/** The key of a service's entity. There is one for each. */
export function entityKey(service: string): string {
  return `${service}/entity`;
}

/** Works out the entity of a service that wishes to be in the catalog. */
export function entityOf(wish: EntityWish, context: EntityContext): Compiled<EntityBody> {
  if (wish.catalog === false) return { objects: [] };
  const key = entityKey(wish.service);
  const retain = wish.deletion === "retain";
  const tags = [
    ...allTags(wish, context.clusterId),
    ...markTags({ clusterId: context.clusterId, key, retain }),
  ];
  const body = bodyOf(wish, tags, linksOf(wish, context));
  return { objects: [{ key, owner: wish.service, body, drift: wish.drift, retain }] };
}

function bodyOf(wish: EntityWish, tags: readonly string[], links: readonly Json[]): EntityBody {
  const more = typeof wish.catalog === "object" ? wish.catalog : {};
  return canonicalDesired({
    apiVersion: "v3",
    kind: "service",
    metadata: withoutUndefined({
      name: wish.service,
      displayName: more.displayName,
      description: more.description,
      owner: wish.team,
      tags,
      links,
      contacts: more.contacts?.map((contact) => withoutUndefined({ ...contact })),
    }),
    spec: withoutUndefined({
      dependsOn: wish.dependencies.map(dependencyRef),
      tier: more.tier,
      lifecycle: more.lifecycle,
      type: more.type,
      languages: more.languages,
    }),
    ...(more.integrations === undefined ? {} : { integrations: more.integrations }),
  });
}

/** Where the service is seen, then what the wish adds. A dashboard that isn't there yet leads to the list of all. */
function linksOf({ service, catalog }: EntityWish, { appUrl, dashboards }: EntityContext): readonly Json[] {
  const own = typeof catalog === "object" ? (catalog.links ?? []) : [];
  const isSeveral = dashboards.length > 1;
  return [
    ...dashboards.map((key) => ({
      name: isSeveral ? `Dashboard ${key.slice(key.indexOf("/") + 1)}` : "Dashboard",
      type: "dashboard",
      url: `${appUrl}/dashboard/${reference("dashboards", key, "lists")}`,
    })),
    {
      name: "Monitors",
      type: "other",
      url: `${appUrl}/monitors/manage?q=${encodeURIComponent(`tag:"service:${service}"`)}`,
    },
    ...own,
  ];
}

/** A plain name is a service's. */
function dependencyRef(name: string): string {
  return name.includes(":") ? name : `service:default/${name}`;
}

function withoutUndefined(fields: Readonly<Record<string, unknown>>): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
