import { stringify } from "yaml";

import { toWire, type DashboardBody } from "../../controllers/dashboards/canonical.ts";
import { compileDashboards } from "../../controllers/dashboards/compile.ts";
import { isObject, type Json } from "../../controllers/monitors/canonical.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { formatProblem, type Problem } from "../../crds/problem.ts";
import { resolve, type Resolution, type Wish } from "../../crds/resolve.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { PACKS } from "./observed.ts";
import { stating } from "./pack-options.ts";

const CLUSTER = "dc1";

export interface Composed {
  /** By name: `infrastructure-overview`. */
  readonly dashboards: ReadonlyMap<string, DashboardBody>;
  readonly wishes: readonly Wish[];
}

/** What these services wish of the built-in packs, by their documents. */
export function wishedBy(
  documents: Readonly<Record<string, string>>,
): Snapshot & { readonly wishes: readonly Wish[] } {
  const ground = {
    packs: PACKS,
    policy: STRICT_POLICY,
    defaults: { ok: true, value: {} },
    tagName: "dd-observe",
  } as const;
  const services = new Map<string, Resolution>();
  const wishes: Wish[] = [];
  for (const [service, text] of Object.entries(documents)) {
    const resolution = resolve(service, [], { text, generation: 1 }, ground);
    if (resolution?.state !== "accepted")
      throw new Error(
        resolution?.state === "held" ? words(resolution.problems) : `${service} wishes nothing`,
      );
    services.set(service, resolution);
    wishes.push(resolution.wish);
  }
  return { services, paused: new Set(), wishes };
}

/** The dashboards that the built-in packs compose for these services. */
export function composed(documents: Readonly<Record<string, string>>): Composed {
  const { wishes, ...snapshot } = wishedBy(documents);
  const { objects, problems } = compileDashboards(CLUSTER)(snapshot);
  if (problems.length > 0) throw new Error(words(problems));
  const dashboards = [...objects].map(([key, { body }]) => [key.slice(key.indexOf("/") + 1), body] as const);
  return { dashboards: new Map(dashboards), wishes };
}

function words(problems: readonly Problem[]): string {
  return problems.map((problem) => formatProblem(problem)).join("\n");
}

export function wireOf(body: DashboardBody): Json {
  return toWire(body);
}

/** Every object inside a value that is a widget, groups and what is in them. */
export function* widgetsIn(value: unknown): Generator<Json> {
  if (Array.isArray(value)) for (const inner of value) yield* widgetsIn(inner);
  if (!isObject(value)) return;
  const { definition } = value;
  if (!isObject(definition)) return;
  yield value;
  yield* widgetsIn(definition["widgets"]);
}

/** What may stand together in a cluster: each pack by itself, all of them, and AI agents of all sources. */
export const CLUSTERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...Object.fromEntries(
    [...PACKS.keys()].map((pack) => [`${pack} alone`, { [`my-${pack}`]: document(pack) }]),
  ),
  "agents by LLM Observability alone": { judge: document("ai-agent", "source: llmobs, evaluations: true") },
  "agents by OpenTelemetry alone": { judge: document("ai-agent", "source: otel") },
  "all packs together": Object.fromEntries([...PACKS.keys()].map((pack) => [`my-${pack}`, document(pack)])),
  "all packs, and agents of every source": {
    ...Object.fromEntries([...PACKS.keys()].map((pack) => [`my-${pack}`, document(pack)])),
    judge: document("ai-agent", "source: llmobs, evaluations: true"),
    scribe: document("ai-agent", "source: otel"),
  },
  "all packs with every switch on": Object.fromEntries(
    [...PACKS.values()].map(({ name, options }) => {
      const switches = Object.entries(options).filter(([, { type }]) => type === "boolean");
      return [
        `my-${name}`,
        `pack: ${name}\nenv: production\n${stringify(stating({ options }, Object.fromEntries(switches.map(([option]) => [option, true]))))}`,
      ] as const;
    }),
  ),
  "many services of every pack": Object.fromEntries(
    [...PACKS.keys()].flatMap((pack) =>
      Array.from({ length: 9 }, (_, n) => [`${pack}-${n}`, document(pack)] as const),
    ),
  ),
};

function document(pack: string, options = ""): string {
  return `pack: ${pack}\nenv: production\nagent: {${options}}\n`;
}
