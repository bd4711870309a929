import { existsSync, readdirSync, readFileSync } from "node:fs";

/** One request to a real server and its answer. */
export interface Recorded {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly trimmed?: boolean;
    readonly json?: unknown;
    readonly text?: string;
  };
}

/** Every recorded answer of a folder. None where the folder is absent: recordings lie beside the project. */
export function readRecorded(folder: URL): readonly Recorded[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json") && file !== "sequences.json")
    .map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Recorded);
}

/** Headers that say something: not those of the transport, and not what an index is. */
export function headerNames(headers: Iterable<readonly [string, string]>): string[] {
  const transport = new Set(["date", "content-length", "transfer-encoding", "connection", "keep-alive"]);
  return [...headers]
    .map(([name]) => name.toLowerCase())
    .filter((name) => !transport.has(name))
    .toSorted();
}

/** Names and types, with `null` where the lab had it. An empty list fits every list. */
export function fits(found: unknown, recorded: unknown, path: string): string[] {
  if (Array.isArray(recorded) && Array.isArray(found)) {
    if (recorded.length === 0 || found.length === 0) return [];
    return fits(found[0], recorded[0], `${path}[0]`);
  }
  if (isRecord(recorded) && isRecord(found)) {
    const missing = Object.keys(recorded).filter((name) => !(name in found));
    const extra = Object.keys(found).filter((name) => !(name in recorded));
    const shared = Object.keys(recorded).filter((name) => name in found);
    return [
      ...missing.map((name) => `${path}.${name} is missing`),
      ...extra.map((name) => `${path}.${name} is nothing that was recorded`),
      ...shared.flatMap((name) => fits(found[name], recorded[name], `${path}.${name}`)),
    ];
  }
  const [a, b] = [kindOf(found), kindOf(recorded)];
  return a === b ? [] : [`${path} is ${a}, not ${b}`];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "list" : typeof value;
}
