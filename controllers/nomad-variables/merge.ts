import { hashOf } from "../../engine/hash.ts";

/** The items of a Variable, by name. */
export type Items = Readonly<Record<string, string>>;

/** What one service has in one Variable. */
export interface Share {
  /** Names of all that it wishes there. */
  readonly wished: readonly string[];
  /** Those of them that are ours: not those that stood there with the same value already. */
  readonly owned: readonly string[];
  /** Names that were about to be written, with the hash of their values: ours if that is what stands there. */
  readonly pending?: Readonly<Record<string, string>> | undefined;
}

export const NO_SHARE: Share = { wished: [], owned: [] };

/** Items of a share that stand there and are ours. */
export function ownedNames({ owned, pending = {} }: Share, items: Items): ReadonlySet<string> {
  return new Set([
    ...owned.filter((name) => Object.hasOwn(items, name)),
    ...Object.entries(pending).flatMap(([name, hash]) =>
      Object.hasOwn(items, name) && hashOf(items[name]) === hash ? [name] : [],
    ),
  ]);
}

export interface MergeInput {
  readonly service: string;
  readonly items: Items;
  readonly body: Items;
  /** What the service has there so far. */
  readonly share: Share;
  /** Items that are another service's of ours too, by name: the first of these services. */
  readonly others: ReadonlyMap<string, string>;
}

export type Merged =
  | { readonly items: Items; readonly owned: readonly string[] }
  /** A name that stands there otherwise and isn't ours; `by` is another service of ours. */
  | { readonly taken: string; readonly by: string | undefined };

/** Of an item that several of ours have, the first of them changes the value; the others follow. */
function mayChange(name: string, ours: ReadonlySet<string>, { service, others }: MergeInput): boolean {
  const other = others.get(name);
  return ours.has(name) && (other === undefined || service < other);
}

/**
 * Puts a service's environment among the items of a Variable, and takes away what it had there and doesn't wish any
 * more. Items of others stay as they are. Two services may wish the same item; it goes with the last of them. Pure.
 */
export function mergeInto(input: MergeInput): Merged {
  const { items, body, share, others } = input;
  const ours = ownedNames(share, items);
  const owned: string[] = [];
  for (const name of Object.keys(body).sort()) {
    const isThere = Object.hasOwn(items, name);
    if (isThere && items[name] !== body[name] && !mayChange(name, ours, input))
      return { taken: name, by: others.get(name) };
    if (!isThere || ours.has(name) || others.has(name)) owned.push(name);
  }
  const rest = without(items, { share, others, keep: new Set(Object.keys(body)) });
  return { items: { ...rest, ...body }, owned };
}

/** Takes away all that a service has there. Pure. */
export function removeFrom({ items, share, others }: Pick<MergeInput, "items" | "share" | "others">): Items {
  return without(items, { share, others, keep: new Set() });
}

function without(
  items: Items,
  { share, others, keep }: Pick<MergeInput, "share" | "others"> & { readonly keep: ReadonlySet<string> },
): Items {
  const ours = ownedNames(share, items);
  return Object.fromEntries(
    Object.entries(items).filter(([name]) => !ours.has(name) || others.has(name) || keep.has(name)),
  );
}
