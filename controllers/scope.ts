import type { Wish } from "../crds/resolve.ts";

/** What tags follow from. Without a service for what belongs to none. */
interface Tagged extends Pick<Wish, "env" | "team" | "tags"> {
  readonly service?: string;
}

/**
 * The tags that set a service's data apart: the Agent's file puts them on every metric,
 * and the monitors ask for them. The cluster keeps two clusters of one Datadog organisation apart.
 */
export function scopeTags(
  { service, env }: Omit<Tagged, "team" | "tags">,
  clusterId: string,
): readonly string[] {
  return [
    ...(service === undefined ? [] : [`service:${service}`]),
    ...(env === undefined ? [] : [`env:${env}`]),
    `cluster:${clusterId}`,
  ];
}

/** The same for what Datadog makes of traces, which carries none of our tags but service and env. */
export function anyCluster(tags: readonly string[]): readonly string[] {
  return tags.filter((tag) => !tag.startsWith("cluster:"));
}

/** All tags of a service's data and objects, or of an object of no service. Sorted and unique. */
export function allTags(wish: Tagged, clusterId: string): readonly string[] {
  const team = wish.team === undefined ? [] : [`team:${wish.team}`];
  return [...new Set([...scopeTags(wish, clusterId), ...team, ...wish.tags])].sort();
}

/** Variables that every template of a pack may use. */
export function serviceVariables(
  wish: Tagged & Pick<Wish, "service">,
  clusterId: string,
): Readonly<Record<string, unknown>> {
  return {
    service: wish.service,
    // First part of a metric's name: letters, digits and underscores, and a letter first.
    serviceName: wish.service.replaceAll(/\W/g, "_").replace(/^(?=\d)/, "s"),
    ...commonVariables(wish, clusterId),
  };
}

/** Variables of what belongs to no service: as a service's, without its name. */
export function commonVariables(wish: Tagged, clusterId: string): Readonly<Record<string, unknown>> {
  const scope = scopeTags(wish, clusterId);
  return {
    env: wish.env,
    team: wish.team,
    cluster: clusterId,
    tags: allTags(wish, clusterId),
    scope: scope.join(","),
    scopeAnyCluster: anyCluster(scope).join(",") || "*",
    scopeTags: scope.map((tag) => `"${tag}"`).join(","),
  };
}
