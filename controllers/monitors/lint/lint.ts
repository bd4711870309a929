import { slugOf } from "../../../crds/names.ts";
import type { Position } from "../../../crds/problem.ts";
import { isObject } from "../canonical.ts";
import { checkMonitor } from "../query.ts";
import type { Change, Draft, RawAlert, Refusal, Repair, World } from "./alert.ts";
import type { KnownMetrics } from "./known-metrics.ts";
import { RULES } from "./rules.ts";
import { EMPTY, shapeOf } from "./shape.ts";
import { missingName } from "./text-rules.ts";

/** What became of one alert. */
export interface Verdict {
  readonly state: "ok" | "repaired" | "refused";
  readonly name: string;
  /** Name of its document, unique in the list: `ray-object-store-full`. */
  readonly slug: string;
  readonly at: Position | undefined;
  readonly repairs: readonly Repair[];
  readonly refusals: readonly Refusal[];
  readonly notes: readonly string[];
  /** The alert with its repairs. */
  readonly alert: Draft;
}

export interface LintOptions {
  readonly known: KnownMetrics;
  /** The service whose monitors they become; without it each is a monitor of no service. */
  readonly service?: string | undefined;
}

/** Repairs or refuses each alert of a list. Pure; the order stays. */
export function lintAlerts(alerts: readonly RawAlert[], { known, service }: LintOptions): readonly Verdict[] {
  const begun = named(alerts.map(begin));
  const references = new Map<string, string>();
  for (const { draft, slug } of begun) {
    const key = service === undefined ? `_monitors/${slug}` : slug;
    for (const name of [slug, draft.name ?? slug]) references.set(name.toLowerCase(), key);
  }
  const seen = new Map<string, string>();
  const verdicts = begun.map((one) => {
    let found: Found = one;
    for (const rule of RULES) found = merged(found, rule(found.draft, { known, references } satisfies World));
    const twin = twinOf(found.draft, one.name, seen);
    return verdictOf(one, twin === undefined ? withRemaining(found) : merged(found, twin));
  });
  return withoutRefusedParts(verdicts, references);
}

/** Keys of the monitors that a composite joins by reference. */
export function referencesIn(query: string): readonly string[] {
  return [...query.matchAll(/\$\{monitor:([^}]*)\}/g)].map(([, key]) => key ?? "");
}

/** A composite can't join what is refused, nor one that joins such. */
function withoutRefusedParts(
  verdicts: readonly Verdict[],
  references: ReadonlyMap<string, string>,
): readonly Verdict[] {
  const refused = new Map(
    verdicts
      .filter(({ state }) => state === "refused")
      .map(({ slug, name }) => [references.get(slug) ?? slug, name]),
  );
  const joins = (verdict: Verdict): string | undefined =>
    verdict.state === "refused"
      ? undefined
      : referencesIn(verdict.alert.query).find((key) => refused.has(key));
  const broken = verdicts.find((verdict) => joins(verdict) !== undefined);
  if (broken === undefined) return verdicts;
  const part = refused.get(joins(broken) ?? "");
  const message = `it joins "${part}", which is refused`;
  const refusal = { reason: "RefusedPart", path: "query", message, advice: `put "${part}" right first` };
  const now = verdicts.map((one): Verdict =>
    one === broken ? { ...one, state: "refused", refusals: [...one.refusals, refusal] } : one,
  );
  return withoutRefusedParts(now, references);
}

/** What the rules have found so far. */
interface Found {
  readonly draft: Draft;
  readonly repairs: readonly Repair[];
  readonly refusals: readonly Refusal[];
  readonly notes: readonly string[];
}

interface Begun extends Found {
  readonly at: Position | undefined;
}

interface Named extends Begun {
  readonly name: string;
  readonly slug: string;
}

function begin({ value, key, at }: RawAlert): Begun {
  const shaped = merged({ draft: EMPTY, repairs: [], refusals: [], notes: [] }, shapeOf(value));
  const draft = { ...shaped.draft, name: shaped.draft.name ?? key };
  return { ...merged({ ...shaped, draft }, missingName(draft)), at };
}

/** Two alerts of one name would be one document. */
function named(begun: readonly Begun[]): readonly Named[] {
  const taken = new Set<string>();
  return begun.map((one, index) => {
    const given = one.draft.name ?? `Alert ${index + 1}`;
    let name = given;
    for (let count = 2; taken.has(slugOf(name, "alert")); count++) name = `${given} (${count})`;
    taken.add(slugOf(name, "alert"));
    const draft = { ...one.draft, name };
    const why = "another alert of the list has this name, and a name is the alert's document";
    const repairs = name === given ? [] : [{ path: "name", from: given, to: name, why }];
    return { ...one, draft, repairs: [...one.repairs, ...repairs], name, slug: slugOf(name, "alert") };
  });
}

function merged(found: Found, change: Change): Found {
  return {
    draft: { ...found.draft, ...change.set },
    repairs: [...found.repairs, ...(change.repairs ?? [])],
    refusals: [...found.refusals, ...(change.refusals ?? [])],
    notes: [...found.notes, ...(change.notes ?? [])],
  };
}

/** The same query twice is one alert twice, whatever the names. */
function twinOf(draft: Draft, name: string, seen: Map<string, string>): Change | undefined {
  const what = JSON.stringify([draft.type, draft.query, draft.options, draft.notify, draft.message]);
  const twin = seen.get(what);
  if (draft.query === "" || twin === undefined) {
    seen.set(what, name);
    return undefined;
  }
  const message = `it is the same as "${twin}" in everything but its name`;
  return { refusals: [{ reason: "Duplicate", path: "query", message, advice: "remove one of the two" }] };
}

/** What Datadog would refuse although every rule has had its turn. */
function withRemaining(found: Found): Found {
  if (found.refusals.length > 0) return found;
  const { type, query, options } = found.draft;
  // A reference stands for a number, which nobody knows yet.
  const numbered = query.replaceAll(/\$\{monitor:[^}]*\}/g, "1");
  const problems = checkMonitor({
    type: type ?? "",
    query: numbered,
    options: isObject(options) ? options : {},
  });
  const refusals = problems.map(({ reason, path = "query", message }) => ({
    reason,
    path,
    message,
    advice: "change it as said, and lint again",
  }));
  return { ...found, refusals };
}

function verdictOf({ name, slug, at }: Named, { draft, repairs, refusals, notes }: Found): Verdict {
  const state = refusals.length > 0 ? "refused" : repairs.length > 0 ? "repaired" : "ok";
  return { state, name, slug, at, repairs, refusals, notes, alert: draft };
}
