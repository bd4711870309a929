import {
  TELEMETRY_NAMES,
  TELEMETRY_SETTINGS,
  type TelemetryMerge,
  type TelemetryValue,
} from "../../crds/nomad-telemetry.ts";
import type { FileTelemetry } from "./file.ts";

/** What all files together come to, and which file has the last word. */
export interface Effective {
  readonly value: TelemetryValue;
  readonly from: string;
}

/** By the name in Nomad's file. What no file states is not there. */
export type EffectiveTelemetry = ReadonlyMap<string, Effective>;

/**
 * Joins files as Nomad does when it starts.
 *
 * @param files In any order; Nomad reads them by name.
 * @see https://github.com/hashicorp/nomad/blob/aa026cc99cfb74a77e519a1c1f0c78ba1b452705/command/agent/config.go (`Telemetry.Merge`)
 */
export function joinTelemetry(files: readonly FileTelemetry[]): EffectiveTelemetry {
  const joined = new Map<string, Effective>();
  for (const { name: from, settings } of files.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const [hcl, value] of settings) {
      const before = joined.get(hcl)?.value;
      const after = mergeOne(hcl, before, value);
      if (after !== undefined) joined.set(hcl, { value: after, from });
    }
  }
  return joined;
}

/** @returns undefined if the later value changes nothing. */
function mergeOne(
  hcl: string,
  before: TelemetryValue | undefined,
  value: TelemetryValue,
): TelemetryValue | undefined {
  switch (MERGES.get(hcl)) {
    case "switch":
      return value === true || before === undefined ? value : undefined;
    case "text":
    case undefined:
      return value === "" && before !== undefined ? undefined : value;
    case "added":
      return Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
    case "choice":
    case "list":
    default:
      return value;
  }
}

const MERGES: ReadonlyMap<string, TelemetryMerge> = new Map(
  TELEMETRY_NAMES.map((name) => [TELEMETRY_SETTINGS[name].hcl, TELEMETRY_SETTINGS[name].merge]),
);

/** A setting of ours that doesn't come to what we state. */
export interface Dispute {
  readonly hcl: string;
  readonly ours: TelemetryValue;
  readonly effective: TelemetryValue;
  /** The other file that is in the way. */
  readonly file: string;
}

/** Where other files make something else of what `ours` states. */
export function disputesOf(ours: FileTelemetry, others: readonly FileTelemetry[]): readonly Dispute[] {
  const joined = joinTelemetry([...others, ours]);
  const own = joinTelemetry([ours]);
  return [...own].flatMap(([hcl, { value }]) => {
    const effective = joined.get(hcl)!;
    if (isSame(effective.value, value)) return [];
    const file = effective.from === ours.name ? whoElse(hcl, others) : effective.from;
    return [{ hcl, ours: value, effective: effective.value, file }];
  });
}

function whoElse(hcl: string, others: readonly FileTelemetry[]): string {
  return others.find(({ settings }) => settings.some(([key]) => key === hcl))?.name ?? "another file";
}

export function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** A setting that the running agent doesn't have as the files say. */
export interface Difference {
  readonly hcl: string;
  readonly live: unknown;
  readonly wanted: TelemetryValue;
}

/** What a restart would change, of the settings that `ours` states. */
export function differencesOf(
  ours: FileTelemetry,
  effective: EffectiveTelemetry,
  live: Readonly<Record<string, unknown>>,
): readonly Difference[] {
  const stated = new Set(ours.settings.map(([hcl]) => hcl));
  return TELEMETRY_NAMES.flatMap((name): readonly Difference[] => {
    const { hcl, field } = TELEMETRY_SETTINGS[name];
    const wanted = effective.get(hcl)?.value;
    if (wanted === undefined || !stated.has(hcl)) return [];
    const found = live[field];
    // Nomad has null for an empty list, and false for a switch that nobody set.
    const isEqual = isSame(found ?? emptyOf(wanted), wanted);
    return isEqual ? [] : [{ hcl, live: found, wanted }];
  });
}

function emptyOf(wanted: TelemetryValue): unknown {
  return Array.isArray(wanted) ? [] : undefined;
}
