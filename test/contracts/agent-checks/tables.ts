import { readFileSync } from "node:fs";
import path from "node:path";

/** What a value of the Agent's file may be, as the check's own model says it. */
export type OptionType =
  | "any"
  | "boolean"
  | "integer"
  | "number"
  | "text"
  | { readonly list: OptionType }
  | { readonly map: OptionType }
  | { readonly either: readonly OptionType[] }
  | { readonly values: readonly string[] }
  | { readonly fields: Readonly<Record<string, OptionType>>; readonly isOpen?: boolean };

/** `<check>.json`: the options of one check of the Agent. */
export interface CheckTable {
  readonly check: string;
  /** `repository@commit path` of each file that was read. */
  readonly sources: readonly string[];
  readonly initConfig: Readonly<Record<string, OptionType>>;
  readonly instance: Readonly<Record<string, OptionType>>;
  /** Options of an instance that must be there. */
  readonly required: readonly string[];
}

/** `<check>.metrics.json`: what the check's metadata.csv says of each metric, `type` or `type unit` or `type unit/per`. */
export interface MetricsTable {
  readonly check: string;
  readonly source: string;
  readonly metrics: Readonly<Record<string, string>>;
}

/** Checks of the Agent that packs use, and those that they may come to use. */
export const CHECKS = [
  "consul",
  "dcgm",
  "http_check",
  "litellm",
  "openmetrics",
  "ray",
  "temporal",
  "vllm",
] as const;

export const FOLDER = import.meta.dirname;

export function checkTable(check: string): CheckTable | undefined {
  return read(`${check}.json`) as CheckTable | undefined;
}

export function metricsTable(check: string): MetricsTable | undefined {
  return read(`${check}.metrics.json`) as MetricsTable | undefined;
}

function read(name: string): unknown {
  try {
    return JSON.parse(readFileSync(path.join(FOLDER, name), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
