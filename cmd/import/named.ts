import { slugOf } from "../../crds/names.ts";
import type { Chosen } from "./chosen.ts";
import type { ImportedKind } from "./kinds.ts";

/** An object with the name that it gets in documents. */
export interface Named extends Chosen {
  readonly slug: string;
  /** `ray/queue-too-long`, `_monitors/disk-full` */
  readonly key: string;
}

/**
 * Gives every object a name of its own.
 *
 * @param taken Names that a kind has already, such as those of the service's pack.
 */
export function named(
  chosen: readonly Chosen[],
  service: string | undefined,
  taken: (kind: ImportedKind) => Iterable<string>,
): readonly Named[] {
  const used = new Map<ImportedKind, Set<string>>();
  return chosen.map((one) => {
    let names = used.get(one.kind);
    if (names === undefined) used.set(one.kind, (names = new Set(taken(one.kind))));
    const prefix = `[${service}] `;
    const title =
      service !== undefined && one.name.startsWith(prefix) ? one.name.slice(prefix.length) : one.name;
    const first = slugOf(title, one.kind.slice(0, -1));
    let slug = first;
    for (let count = 2; names.has(slug); count++) slug = `${first}-${count}`;
    names.add(slug);
    return { ...one, slug, key: `${service ?? `_${one.kind}`}/${slug}` };
  });
}
