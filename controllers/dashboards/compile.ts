import { driftOf } from "../../crds/drift.ts";
import type { GlobalDashboard, GlobalWish } from "../../crds/global.ts";
import { fillIn, type Variables } from "../../crds/pack.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, remember, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired, DesiredObject } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { withMark } from "../datadog/text-mark.ts";
import { text, type Json } from "../monitors/canonical.ts";
import { commonVariables, serviceVariables } from "../scope.ts";
import { canonicalDesired, type DashboardBody } from "./canonical.ts";
import { checkDashboard } from "./check.ts";
import { composedDashboards } from "./composed.ts";
import { expandShortReferences } from "./references.ts";

/**
 * Works out every dashboard that services define, those of no service, and those that are composed of what the
 * packs of several services add to them. One changed document costs one compile, and the dashboards composed with it.
 */
export function compileDashboards(clusterId: string): (snapshot: Snapshot) => Desired<DashboardBody> {
  const compileOne = remember((wish: Wish) => ofService(wish, clusterId));
  const compileGlobal = remember((wish: GlobalWish) =>
    wish.kind === "dashboard" ? ofNoService(wish, clusterId) : undefined,
  );
  const defined = compileEach({ compileOne, compileGlobal });
  const composed = composedDashboards(clusterId);
  let last:
    | { readonly parts: readonly [object, object]; readonly desired: Desired<DashboardBody> }
    | undefined;

  return (snapshot) => {
    const parts = [defined(snapshot), composed(snapshot)] as const;
    if (last?.parts[0] === parts[0] && last.parts[1] === parts[1]) return last.desired;
    const [own, common] = parts;
    const desired = {
      objects: new Map([...own.objects, ...common.objects]),
      held: new Map([...own.held, ...common.held]),
      paused: own.paused,
      problems: [...own.problems, ...common.problems],
      composed: common.owners,
    };
    last = { parts, desired };
    return desired;
  };
}

function ofService(wish: Wish, clusterId: string): Compiled<DashboardBody> {
  const { service, team } = wish;
  const variables = serviceVariables(wish, clusterId);
  const retain = wish.deletion === "retain";
  const objects: DesiredObject<DashboardBody>[] = [];
  const held = new Map<string, string>();
  const problems: Problem[] = [];
  for (const [name, { definition, drift }] of Object.entries(wish.dashboards)) {
    // A wish without one is refused.
    if (definition === undefined) continue;
    const key = `${service}/${name}`;
    const own = expandShortReferences(definition, service);
    const compiled = bodyOf(own, { variables, mark: { clusterId, key, retain }, teamTags: teamTags(team) });
    if ("body" in compiled) {
      const rule = driftOf(drift, wish.drift);
      objects.push({ key, owner: service, body: compiled.body, drift: rule, retain });
      continue;
    }
    held.set(key, compiled.problems[0]!.message);
    for (const problem of compiled.problems)
      problems.push(placedProblem(problem, service, `dashboards.${name}.definition`));
  }
  return { objects, held, problems };
}

function ofNoService(wish: GlobalDashboard, clusterId: string): Compiled<DashboardBody> {
  const { key, drift, team, tags, dashboard } = wish;
  // It tunes a composed one.
  if (dashboard.definition === undefined) return { objects: [] };
  const retain = wish.deletion === "retain";
  const compiled = bodyOf(dashboard.definition, {
    variables: commonVariables(wish, clusterId),
    mark: { clusterId, key, retain },
    teamTags: [...teamTags(team), ...tags.filter((tag) => tag.startsWith("team:"))],
  });
  if ("body" in compiled) return { objects: [{ key, owner: key, body: compiled.body, drift, retain }] };
  return {
    objects: [],
    held: new Map([[key, compiled.problems[0]!.message]]),
    problems: compiled.problems.map((problem) => placedProblem(problem, key, "definition")),
  };
}

/** Datadog takes no other tag on a dashboard. */
function teamTags(team: string | undefined): readonly string[] {
  return team === undefined ? [] : [`team:${team}`];
}

type CompiledBody =
  | { readonly body: DashboardBody }
  | { readonly problems: readonly Omit<Problem, "owner" | "at">[] };

/** What a dashboard takes from whoever wants it. */
interface Frame {
  readonly variables: Variables;
  readonly mark: Parameters<typeof withMark>[1];
  readonly teamTags: readonly string[];
}

function bodyOf(definition: unknown, { variables, mark, teamTags: inherited }: Frame): CompiledBody {
  let filled: Json;
  try {
    // Filling in leaves an object an object.
    filled = fillIn(definition, variables) as Json;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { problems: [{ reason: "InvalidPlaceholder", message }] };
  }
  const own = Array.isArray(filled["tags"]) ? filled["tags"].map(text) : [];
  const wire = {
    ...filled,
    description: withMark(text(filled["description"]), mark),
    // Those of the definition are the person's own choice.
    tags: own.length > 0 ? own : inherited,
  };
  const problems = checkDashboard(wire);
  return problems.length > 0 ? { problems } : { body: canonicalDesired(wire) };
}

function placedProblem(
  { reason, path: inner, message }: Omit<Problem, "owner" | "at">,
  owner: string,
  at: string,
): Problem {
  const path = inner === undefined ? at : `${at}.${inner}`;
  return { owner, reason, path, message: `${path}: ${message}` };
}
