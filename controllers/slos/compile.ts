import { driftOf } from "../../crds/drift.ts";
import type { GlobalSlo, GlobalWish } from "../../crds/global.ts";
import { fillInText, type Variables } from "../../crds/pack.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Wish } from "../../crds/resolve.ts";
import { tunedSlo, type SloLayer } from "../../crds/slo.ts";
import { didYouMean } from "../../crds/suggest.ts";
import { compileEach, remember, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired, DesiredObject } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { problem, type MonitorProblem } from "../monitors/comparison.ts";
import { monitorNamesOf } from "../monitors/compile.ts";
import { effectiveOptions, isWanted, optionVariables } from "../options.ts";
import { allTags, commonVariables, serviceVariables } from "../scope.ts";
import { canonicalDesired, type SloBody } from "./canonical.ts";
import { checkSlo } from "./check.ts";
import { measured, monitorKeys, sentence } from "./indicator.ts";
import { canBeMarked, sloMarkTags } from "./mark.ts";

/** Works out every SLO that the services of a cluster want, and those of no service. Pure; one changed document costs one compile. */
export function compileSlos(clusterId: string): (snapshot: Snapshot) => Desired<SloBody> {
  const compileOne = remember((wish: Wish) => compileWish(wish, clusterId));
  const compileGlobal = remember((wish: GlobalWish) =>
    wish.kind === "slo" ? compileOfNoService(wish, clusterId) : undefined,
  );
  return compileEach({ compileOne, compileGlobal });
}

function compileWish(wish: Wish, clusterId: string): Compiled<SloBody> {
  const { service } = wish;
  const base = serviceVariables(wish, clusterId);
  const options = effectiveOptions(wish, base);
  const variables = { ...base, ...optionVariables(wish, options) };
  const retain = wish.deletion === "retain";
  const objects: DesiredObject<SloBody>[] = [];
  const held = new Map<string, string>();
  const problems: Problem[] = [];
  const monitors = monitorNamesOf(wish, clusterId);

  for (const [name, definition, isNamed] of definitionsOf(wish, options)) {
    const missing = missingMonitor(definition, service, monitors);
    // Whoever switches a monitor off doesn't have to know what the pack measures by it.
    if (missing !== undefined && !isNamed) continue;
    const key = `${service}/${name}`;
    const compiled = compileSlo(
      { name, ...definition },
      {
        key,
        service,
        title: `[${service}] `,
        footer: `Kept by dd-observe for service ${service} (pack ${wish.pack.name}). Edits here are undone; change the wish instead.`,
        tags: [
          ...allTags(wish, clusterId),
          ...(definition.tags ?? []),
          ...sloMarkTags({ clusterId, key, retain }),
        ],
        variables,
      },
    );
    const found = missing === undefined ? compiled.problems : [missing];
    if (found.length === 0) {
      const drift = driftOf(definition.drift, wish.drift);
      objects.push({ key, owner: service, body: compiled.body, drift, retain });
      continue;
    }
    problems.push(...placed(found, service, `slos.${name}`));
    held.set(key, found[0]!.message);
  }
  return { objects, held, problems };
}

function compileOfNoService(wish: GlobalSlo, clusterId: string): Compiled<SloBody> {
  const { key, name, drift } = wish;
  const retain = wish.deletion === "retain";
  const { body, problems } = compileSlo(
    { name, ...wish.slo },
    {
      key,
      service: "",
      title: "",
      footer: `Kept by dd-observe (document ${key}). Edits here are undone; change the document instead.`,
      tags: [...allTags(wish, clusterId), ...sloMarkTags({ clusterId, key, retain })],
      variables: commonVariables(wish, clusterId),
    },
  );
  if (problems.length === 0) return { objects: [{ key, owner: key, body, drift, retain }] };
  return {
    objects: [],
    held: new Map([[key, problems[0]!.message]]),
    problems: placed(problems, key, ""),
  };
}

function placed(problems: readonly MonitorProblem[], owner: string, at: string): readonly Problem[] {
  return problems.map(({ reason, path: inside = "", message }) => {
    const path = [at, inside].filter((part) => part !== "").join(".");
    return {
      owner,
      reason,
      message: at === "" ? message : `${at}: ${message}`,
      ...(path === "" ? {} : { path }),
    };
  });
}

/** The pack's SLOs that are wanted, tuned, and the document's own, by name, and whether the document names them. */
function definitionsOf(
  wish: Wish,
  options: Readonly<Record<string, unknown>>,
): readonly (readonly [name: string, definition: SloLayer, isNamed: boolean])[] {
  const definitions: (readonly [string, SloLayer, boolean])[] = [];
  for (const [name, slo] of Object.entries(wish.pack.slos)) {
    const wished = wish.slos[name];
    if (wished === false || !isWanted(slo, wished !== undefined, options)) continue;
    definitions.push([name, tunedSlo(slo, typeof wished === "object" ? wished : {}), wished !== undefined]);
  }
  for (const [name, wished] of Object.entries(wish.slos)) {
    if (typeof wished === "boolean" || Object.hasOwn(wish.pack.slos, name)) continue;
    definitions.push([name, wished, true]);
  }
  return definitions;
}

/** A monitor of the same service that it doesn't have. Those of others are known to the engine alone. */
function missingMonitor(slo: SloLayer, service: string, own: readonly string[]): MonitorProblem | undefined {
  const prefix = `${service}/`;
  const missing = monitorKeys(slo, service).find(
    (key) => key.startsWith(prefix) && !own.includes(key.slice(prefix.length)),
  );
  if (missing === undefined) return undefined;
  const name = missing.slice(prefix.length);
  return problem("UnknownReference", "monitors", `${service} has no monitor ${name}${didYouMean(name, own)}`);
}

/** What an SLO takes from whoever wants it. */
interface Frame {
  readonly key: string;
  /** Empty for one of no service. */
  readonly service: string;
  /** What stands before the SLO's own title. */
  readonly title: string;
  /** Last line of the description: where the SLO comes from. */
  readonly footer: string;
  /** With our mark. */
  readonly tags: readonly string[];
  readonly variables: Variables;
}

interface CompiledSlo {
  readonly body: SloBody;
  readonly problems: readonly MonitorProblem[];
}

function compileSlo(slo: SloLayer, { key, service, title, footer, tags, variables }: Frame): CompiledSlo {
  const filled = filledIn(slo, variables);
  const wire = {
    name: `${title}${filled.name ?? ""}`,
    description: [filled.description ?? "", sentence(filled, service), footer]
      .map((part) => part.trim())
      .filter((part) => part !== "")
      .join("\n\n"),
    tags,
    ...measured(filled, service),
  };
  const problems = canBeMarked(key)
    ? checkSlo(wire)
    : [
        problem(
          "Rejected",
          "",
          "Its name and its service's are too long: Datadog would cut the mark off. Shorten one of them",
        ),
      ];
  return { body: canonicalDesired(wire), problems };
}

/** Documents and packs are checked for placeholders that stand for nothing when they are read. */
function filledIn(slo: SloLayer, variables: Variables): SloLayer {
  const fill = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : fillInText(text, variables);
  const { queries, groups } = slo;
  return {
    ...slo,
    name: fill(slo.name),
    description: fill(slo.description),
    numerator: fill(slo.numerator),
    denominator: fill(slo.denominator),
    query: fill(slo.query),
    formula: fill(slo.formula),
    ...(queries === undefined
      ? {}
      : {
          queries: Object.fromEntries(
            Object.entries(queries).map(([name, text]) => [name, fillInText(text, variables)]),
          ),
        }),
    ...(groups === undefined ? {} : { groups: groups.map((group) => fillInText(group, variables)) }),
  };
}
