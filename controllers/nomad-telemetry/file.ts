import {
  isAtLeast,
  TELEMETRY_NAMES,
  TELEMETRY_SETTINGS,
  type Telemetry,
  type TelemetryValue,
} from "../../crds/nomad-telemetry.ts";
import { isBody, readConfigFile, writeBlock, type HclBody, type HclValue } from "./hcl.ts";

/** Sorts behind the names that people give: Nomad reads by name, and what comes later wins. */
export const FILE_NAME = "zz-dd-observe.hcl";
export const KEY = "_nomad/telemetry";

/** The whole file, mark included. */
export interface TelemetryFile {
  readonly text: string;
}

/** Whose a file is, from its first line. */
export interface TelemetryMark {
  readonly owner: string;
  /** Up to which version's settings may stand in it. */
  readonly level: string;
  readonly retain: boolean;
}

export interface TelemetrySpec {
  readonly clusterId: string;
  readonly level: string;
  readonly retain: boolean;
  readonly settings: Telemetry;
}

/** Equal specs give equal bytes. Settings that this level of Nomad doesn't read are left out: it would not start. */
export function renderTelemetry({ clusterId, level, retain, settings }: TelemetrySpec): TelemetryFile {
  const mark =
    `# Managed by dd-observe (owner ${clusterId}, document _nomad, settings of ${level}${retain ? ", kept" : ""}). ` +
    "Edits are undone; change the wish instead: dd-observe describe _nomad";
  const lines = TELEMETRY_NAMES.flatMap((name) => {
    const value = settings[name];
    const { hcl, since } = TELEMETRY_SETTINGS[name];
    return value === undefined || !isAtLeast(level, since) ? [] : [[hcl, value] as const];
  });
  return { text: `${mark}\n${writeBlock("telemetry", lines)}` };
}

const MARK =
  /^# Managed by dd-observe \(owner ([A-Za-z0-9._-]{1,100}), document _nomad, settings of (\d+\.\d+\.\d+)(, kept)?\)/;

export function readTelemetryMark(text: string): TelemetryMark | undefined {
  const [match, owner, level, kept] = MARK.exec(text) ?? [];
  if (match === undefined || owner === undefined || level === undefined) return undefined;
  return { owner, level, retain: kept !== undefined };
}

/** What one file of the folder says of telemetry, key by key in the order in which it stands there. */
export interface FileTelemetry {
  readonly name: string;
  readonly settings: readonly (readonly [hcl: string, value: TelemetryValue])[];
}

/**
 * Reads the telemetry of one configuration file. Several blocks are joined as Nomad does: one after the other.
 *
 * @throws {HclError}
 */
export function readFileTelemetry(name: string, text: string): FileTelemetry {
  const blocks = readConfigFile(text)
    .items.filter(({ key }) => key === "telemetry")
    .flatMap(({ value }): readonly HclValue[] => (Array.isArray(value) ? (value as HclValue[]) : [value]))
    .filter((value): value is HclBody => isBody(value));
  const settings = blocks.flatMap(({ items }) =>
    items.flatMap(({ key, value }) => {
      const plain = plainOf(value);
      return plain === undefined ? [] : [[key, plain] as const];
    }),
  );
  return { name, settings };
}

function plainOf(value: HclValue): TelemetryValue | undefined {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return String(value);
  return Array.isArray(value) ? (value as readonly HclValue[]).map(String) : undefined;
}
