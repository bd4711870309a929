import { compareText } from "../../engine/plan/plan.ts";
import { JOINED, PLACEHOLDERS } from "./variable.ts";

/** What only the machine and the task know: what the placeholders in published values stand for. */
export interface Place {
  /** Address of the machine that the task runs on. */
  readonly nodeIp: string;
  /** Folder of the preload as the task sees it, such as `/local/dd-observe` in a container. The job's `DD_OBSERVE_PRELOAD` wins. */
  readonly preload: string;
}

/** One variable that a task has, and who set it. */
export interface EffectiveVariable {
  readonly value: string;
  /** `joined`: what the job and what is published say, in one. `template`: what the template keeps for its next rendering. */
  readonly origin: "job" | "published" | "joined" | "template";
}

export interface EffectiveOptions {
  /** What stands in Consul, by name, with placeholders. */
  readonly published: Readonly<Record<string, string>>;
  /** What the task has without the template: the job's `env`, by name. An empty value counts as none. */
  readonly job: Readonly<Record<string, string>>;
  readonly place: Place;
}

/**
 * What the template writes beside the variables. Where Nomad starts a task's templates again, as when a token of Vault is
 * renewed, the task's environment already has what they gave before: without this they would take it for the job's own.
 */
export const TEMPLATE_VARIABLES = {
  /** Names that the template gave, each between two commas. */
  given: "DD_OBSERVE_GIVEN",
  /** The job's own value of a variable that was joined. */
  own: (name: string): string => `DD_OBSERVE_OWN_${name}`,
} as const;

/**
 * The environment that a task has whose job holds the template of `dd-observe env SERVICE -o nomad`, by name, sorted.
 * What the job sets itself always wins; NODE_OPTIONS and PYTHONPATH are joined with it. Pure.
 */
export function effectiveEnvironment({
  published,
  job,
  place,
}: EffectiveOptions): ReadonlyMap<string, EffectiveVariable> {
  const found = new Map<string, EffectiveVariable>(
    Object.entries(job).map(([name, value]) => [name, { value, origin: "job" }]),
  );
  const given: string[] = [];
  for (const name of Object.keys(published).sort(compareText)) {
    const value = filledIn(published[name]!, place, job);
    const own = job[name] ?? "";
    if (own !== "" && !Object.hasOwn(JOINED, name)) continue;
    given.push(name);
    if (own === "") {
      found.set(name, { value, origin: "published" });
      continue;
    }
    found.set(name, { value: joined(name, own, value), origin: "joined" });
    found.set(TEMPLATE_VARIABLES.own(name), { value: own, origin: "template" });
  }
  if (given.length > 0)
    found.set(TEMPLATE_VARIABLES.given, { value: `,${given.join(",")},`, origin: "template" });
  return new Map([...found].sort(([a], [b]) => compareText(a, b)));
}

/** What a program is started with: the values alone. */
export function valuesOf(
  variables: ReadonlyMap<string, EffectiveVariable>,
): Readonly<Record<string, string>> {
  return Object.fromEntries([...variables].map(([name, { value }]) => [name, value]));
}

function filledIn(
  text: string,
  { nodeIp, preload }: Place,
  { DD_OBSERVE_PRELOAD: own = "" }: Readonly<Record<string, string>>,
): string {
  return text
    .replaceAll(PLACEHOLDERS.nodeIp, () => nodeIp)
    .replaceAll(PLACEHOLDERS.preload, () => (own === "" ? preload : own));
}

function joined(name: string, own: string, published: string): string {
  const { separator, oursFirst } = JOINED[name]!;
  return (oursFirst ? [published, own] : [own, published]).join(separator);
}
