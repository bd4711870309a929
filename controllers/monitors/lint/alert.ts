import type { Position } from "../../../crds/problem.ts";
import type { Json } from "../canonical.ts";
import type { KnownMetrics } from "./known-metrics.ts";

/** An alert while it is looked at: what people wrote, in the API's names, step by step put right. */
export interface Draft {
  readonly name: string | undefined;
  readonly type: string | undefined;
  readonly query: string;
  readonly message: string | undefined;
  /** 1 (highest) to 5. */
  readonly priority: number | undefined;
  readonly tags: readonly string[];
  /** Handles, such as `@slack-ml`. */
  readonly notify: readonly string[];
  readonly env: string | undefined;
  readonly team: string | undefined;
  readonly options: Json;
}

/** One thing that was put right. An absent `from` was added, an absent `to` left out. */
export interface Repair {
  /** `query`, `options.thresholds.critical` */
  readonly path: string;
  readonly from?: string;
  readonly to?: string;
  readonly why: string;
}

/** Why an alert can't be taken as it is, and not repaired without guessing. */
export interface Refusal {
  /** CamelCase, stable, for programs. */
  readonly reason: string;
  readonly path: string;
  readonly message: string;
  /** What the person can do. */
  readonly advice: string;
}

/** What one rule found. `set` holds only the fields that become others. */
export interface Change {
  readonly set?: Partial<Draft>;
  readonly repairs?: readonly Repair[];
  readonly refusals?: readonly Refusal[];
  /** Worth knowing, and no reason to change anything. */
  readonly notes?: readonly string[];
}

/** What a rule may look at beside the alert. */
export interface World {
  readonly known: KnownMetrics;
  /** Names of documents by the alerts' own names and by themselves, for composites. */
  readonly references: ReadonlyMap<string, string>;
}

/** Pure: looks at one alert, and says what is to become of it. */
export type Rule = (draft: Draft, world: World) => Change;

/** An alert as it stands in a file. */
export interface RawAlert {
  readonly value: Json;
  /** The name that it has by its place, such as the key in a mapping. */
  readonly key?: string;
  readonly at?: Position;
}

export const NOTHING: Change = {};

/** A new query, with the repair that tells of it. */
export function newQuery(draft: Draft, query: string, why: string): Change {
  if (query === draft.query) return NOTHING;
  return { set: { query }, repairs: [{ path: "query", from: draft.query, to: query, why }] };
}

/** @param advice What the person can do. */
export function refuse(reason: string, path: string, message: string, advice: string): Change {
  return { refusals: [{ reason, path, message, advice }] };
}

export function isMetricMonitor({ type, query }: Draft): boolean {
  return (type === "query alert" || type === "metric alert") && !/^\s*formula\s*\(/.test(query);
}
