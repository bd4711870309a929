import type { RawObject } from "../../controllers/datadog/kind.ts";
import { tagsOf } from "../../controllers/datadog/mark.ts";
import { Existing } from "../existing.ts";
import type { OpenKind } from "../kinds.ts";
import { UsageError } from "../print.ts";
import type { ImportedKind } from "./kinds.ts";

/** One object that gets a document. */
export interface Chosen {
  readonly kind: ImportedKind;
  readonly ref: string;
  readonly name: string;
  /** In full. */
  readonly raw: RawObject;
}

/** One that gets none, and why. */
export interface LeftOut extends Pick<Chosen, "kind" | "ref" | "name"> {
  readonly why: readonly string[];
}

export interface Filter {
  /** All if empty. */
  readonly ids: readonly string[];
  /** With * and ?, whatever the case. */
  readonly glob: string | undefined;
  /** All of them. */
  readonly tags: readonly string[];
}

export interface Choice {
  readonly kind: ImportedKind;
  readonly chosen: readonly Chosen[];
  readonly leftOut: readonly LeftOut[];
  /** How many of them are ours already. */
  readonly ours: number;
  /** What documents call the objects that are ours: keys by id. */
  readonly keys: ReadonlyMap<string, string>;
}

/** Reads what there is of one kind, and picks what people ask for. What is ours already needs no document. */
export async function chosenOf(
  open: OpenKind & { readonly name: string },
  existing: Existing,
  filter: Filter,
  signal: AbortSignal,
): Promise<Choice> {
  const kind = open.name as ImportedKind;
  const all = await existing.list(signal);
  const pattern = filter.glob === undefined ? undefined : globPattern(filter.glob);
  const keys = new Map([...open.memory.entries()].map(([key, { ref }]) => [ref, key] as const));
  const chosen: Chosen[] = [];
  const leftOut: LeftOut[] = [];
  let ours = 0;
  const wanted = all.filter(
    (raw) =>
      (filter.ids.length === 0 || filter.ids.includes(existing.refOf(raw))) &&
      (pattern === undefined || pattern.test(existing.nameOf(raw))),
  );
  const whole = await Promise.all(
    wanted.map(async (raw) =>
      kind === "dashboards" ? await existing.read(existing.refOf(raw), signal) : raw,
    ),
  );
  for (const raw of all) {
    const mark = open.kind.markOf(raw);
    if (mark !== undefined) keys.set(existing.refOf(raw), mark.key);
  }
  for (const raw of whole) {
    if (raw === undefined || !filter.tags.every((tag) => tagsOf(raw).includes(tag))) continue;
    const one = { kind, ref: existing.refOf(raw), name: existing.nameOf(raw), raw };
    const hindrance = whyNot(open, raw);
    if (open.kind.markOf(raw) !== undefined) ours++;
    else if (hindrance !== undefined) leftOut.push({ kind, ref: one.ref, name: one.name, why: [hindrance] });
    else chosen.push(one);
  }
  return { kind, chosen, leftOut, ours, keys };
}

function whyNot({ kind }: OpenKind, raw: RawObject): string | undefined {
  const hindrance = kind.notAdoptable?.(raw);
  if (hindrance !== undefined) return hindrance;
  const marks = kind.marksOf(raw);
  return marks.length === 0 ? undefined : `somebody else keeps it: ${marks.join(", ")}`;
}

/** @throws {UsageError} if an id that a person gave is none of any kind. */
export function expectAllIds(ids: readonly string[], choices: readonly Choice[]): void {
  const found = new Set(
    choices.flatMap(({ chosen, leftOut, keys }) => [
      ...chosen.map(({ ref }) => ref),
      ...leftOut.map(({ ref }) => ref),
      ...keys.keys(),
    ]),
  );
  const missing = ids.filter((id) => !found.has(id));
  if (missing.length > 0)
    throw new UsageError(
      `nothing in Datadog has the id ${missing.join(", ")}, or not with the name and the tags that are asked for`,
    );
}

function globPattern(glob: string): RegExp {
  const pattern = glob.replaceAll(/[\\^$.*+?()[\]{}|/]/g, (sign) =>
    sign === "*" ? ".*" : sign === "?" ? "." : `\\${sign}`,
  );
  return new RegExp(`^${pattern}$`, "isu");
}
