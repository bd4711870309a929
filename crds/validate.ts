import { checkDefaults } from "./checks.ts";
import { locateProblems, PACK_FILE_LIMITS, readDocument, type Parsed } from "./document.ts";
import { globalFolderOf } from "./global.ts";
import { isReserved, isSlug } from "./names.ts";
import { packConf, packDashboards, packManifest, packMonitors, packSlos } from "./pack.ts";
import { policySchema } from "./policy.ts";
import type { Problem } from "./problem.ts";
import { nearestReserved, resolveReserved } from "./reserved.ts";
import { resolve, type Ground, type Held, type Resolution, type Wish } from "./resolve.ts";
import { defaultsLayer } from "./wish.ts";

/** What a text can be. `pack`, `conf`, `monitors`, `slos` and `dashboards` are files of a pack; `reserved` is every other name with `_`. */
export const DOCUMENT_KINDS = [
  "wish",
  "defaults",
  "reserved",
  "policy",
  "pack",
  "conf",
  "monitors",
  "slos",
  "dashboards",
] as const;
export type DocumentKind = (typeof DOCUMENT_KINDS)[number];

export interface Validated {
  readonly problems: readonly Problem[];
  /** Of a wish without problems: what it comes to, for further checks. */
  readonly wish?: Wish;
  /** The same for a wish or a document of no service. */
  readonly accepted?: Exclude<Resolution, Held>;
}

/** Which document a file holds, by its name: `ray.yaml` is the wish of the service `ray`. */
export interface DocumentFile {
  readonly kind: DocumentKind;
  /** The service for a wish, the document's whole name for a reserved one (`_monitors/disk-full`), else the file's name without its ending. */
  readonly name: string;
}

const KIND_OF_NAME: Readonly<Record<string, DocumentKind>> = {
  _defaults: "defaults",
  policy: "policy",
  pack: "pack",
  conf: "conf",
  monitors: "monitors",
  slos: "slos",
  dashboards: "dashboards",
};

/**
 * Tells from a file's path what it holds.
 *
 * @param path With / or \ between folders; the ending `.yaml`, `.yml` or `.json` may be missing, as in Consul's KV store.
 * @returns undefined if the name is neither a reserved one, or a slip of one, nor a service's.
 */
export function documentOfFile(path: string): DocumentFile | undefined {
  const parts = path.split(/[/\\]/);
  const name = parts.at(-1)!.replace(/\.(?:ya?ml|json)$/, "");
  const inFolder = `${parts.at(-2) ?? ""}/${name}`;
  if (isReservedOrSlip(inFolder)) return { kind: "reserved", name: inFolder };
  if (Object.hasOwn(KIND_OF_NAME, name)) return { kind: KIND_OF_NAME[name]!, name };
  if (isReservedOrSlip(name)) return { kind: "reserved", name };
  return isSlug(name) ? { kind: "wish", name } : undefined;
}

/** A name that begins with `_` may have nothing to do with dd-observe, unless it is near to one that has. */
function isReservedOrSlip(name: string): boolean {
  if (!isReserved(name)) return false;
  return globalFolderOf(name) !== undefined || nearestReserved(name.split("/", 1)[0]!) !== undefined;
}

/**
 * Says everything that is wrong with a text, offline.
 *
 * @param name Of the service for a wish; for the others it only names the owner of the problems.
 * @param ground The packs, the policy and the defaults that a wish is held against.
 */
export function validateText({ kind, name }: DocumentFile, text: string, ground: Ground): Validated {
  switch (kind) {
    case "wish":
      return validateWish(name, text, ground);
    case "reserved":
      return accepted(resolveReserved(name, { text, generation: 0 }, ground));
    case "defaults":
      return validateDefaults(text, ground);
    case "policy":
      return problemsOf(readDocument(name, text, policySchema));
    case "pack":
      return problemsOf(readDocument(name, text, packManifest, PACK_FILE_LIMITS));
    case "conf":
      return problemsOf(readDocument(name, text, packConf, PACK_FILE_LIMITS));
    case "monitors":
      return problemsOf(readDocument(name, text, packMonitors, PACK_FILE_LIMITS));
    case "slos":
      return problemsOf(readDocument(name, text, packSlos, PACK_FILE_LIMITS));
    case "dashboards":
      return problemsOf(readDocument(name, text, packDashboards, PACK_FILE_LIMITS));
    default:
      return kind satisfies never;
  }
}

function validateWish(service: string, text: string, ground: Ground): Validated {
  const resolution = resolve(service, [], { text, generation: 0 }, ground);
  return resolution === undefined ? { problems: [] } : accepted(resolution);
}

function accepted(resolution: Resolution): Validated {
  if (resolution.state === "held") return { problems: resolution.problems };
  const result = { problems: [], accepted: resolution };
  return resolution.state === "accepted" ? { ...result, wish: resolution.wish } : result;
}

function validateDefaults(text: string, { packs }: Ground): Validated {
  const layer = readDocument("_defaults", text, defaultsLayer);
  if (!layer.ok) return { problems: layer.problems };
  return { problems: locateProblems(text, checkDefaults(layer.value, packs)) };
}

function problemsOf(parsed: Parsed<unknown>): Validated {
  return { problems: parsed.ok ? [] : parsed.problems };
}
