import { isDeepStrictEqual } from "node:util";

import { hashOf } from "../../engine/hash.ts";
import type { DatadogDouble } from "../contracts/datadog-double.ts";
import type { Fields } from "../fakes/datadog-api.ts";
import type { FakeKind } from "../fakes/datadog.ts";
import { idOf } from "./kinds.ts";

/** Fields that Datadog itself moves. */
const VOLATILE = new Set(["matching_downtimes", "overall_state"]);

/** What people did in Datadog: what is theirs, and what they changed of ours. */
export class People {
  /** Objects of theirs as they must stay, by kind and id. */
  readonly #theirs = new Map<string, Fields>();
  /** Originals by their clones. */
  readonly #clones = new Map<string, string>();
  readonly #metrics = new Set<string>();
  readonly #deleted = new Set<string>();
  /** Hashes of values that they set in objects of ours. */
  readonly #made = new Map<string, Set<string>>();

  /** Everything of a kind that stands there now is theirs. */
  ownAll(datadog: DatadogDouble, kind: FakeKind): void {
    for (const object of datadog.objects(kind)) this.own(kind, object);
  }

  own(kind: FakeKind, object: Fields): void {
    this.#theirs.set(nameOf(kind, idOf(kind, object)), structuredClone(object));
  }

  /** A copy of one of ours, mark and all. */
  cloned(kind: FakeKind, original: string, object: Fields): void {
    this.#clones.set(nameOf(kind, idOf(kind, object)), nameOf(kind, original));
    this.own(kind, object);
  }

  /**
   * They deleted an object of ours, or took its mark. Whoever then finds a clone of it and nothing else takes
   * that for ours: the two can't be told apart.
   */
  tookAway(kind: FakeKind, ref: string, key: string | undefined): void {
    this.#deleted.add(nameOf(kind, key ?? ""));
    for (const [clone, original] of this.#clones)
      if (original === nameOf(kind, ref)) this.#theirs.delete(clone);
  }

  /** True if they ever took an object of this key away. */
  deleted(kind: FakeKind, key: string): boolean {
    return this.#deleted.has(nameOf(kind, key));
  }

  /** The same of clones whose originals the operators deleted. */
  noteOrphans(datadog: DatadogDouble): void {
    const kinds = new Set([...this.#clones.values()].map((name) => name.split(" ")[0] as FakeKind));
    const standing = new Set(
      [...kinds].flatMap((kind) => datadog.objects(kind).map((object) => nameOf(kind, idOf(kind, object)))),
    );
    for (const [clone, original] of this.#clones) if (!standing.has(original)) this.#theirs.delete(clone);
  }

  isTheirs(kind: FakeKind, ref: string): boolean {
    return this.#theirs.has(nameOf(kind, ref));
  }

  /** True if they made it by cloning one of ours. */
  isClone(kind: FakeKind, ref: string): boolean {
    return this.#clones.has(nameOf(kind, ref));
  }

  /** A metric arrives in Datadog. */
  sentMetric(metric: string): void {
    this.#metrics.add(metric);
  }

  knowsMetric(metric: string): boolean {
    return this.#metrics.has(metric);
  }

  /** They set a value in one of our objects. */
  edited(kind: FakeKind, ref: string, value: unknown): void {
    const name = nameOf(kind, ref);
    const values = this.#made.get(name) ?? new Set();
    this.#made.set(name, values.add(hashOf(value)));
  }

  /** True if they set this very value in this object. */
  made(kind: FakeKind, ref: string, hash: string): boolean {
    return this.#made.get(nameOf(kind, ref))?.has(hash) === true;
  }

  /** What of theirs is not as they left it. */
  touched(datadog: DatadogDouble): readonly string[] {
    const kinds = new Set([...this.#theirs.keys()].map((name) => name.split(" ")[0] as FakeKind));
    const now = new Map(
      [...kinds].flatMap((kind) =>
        datadog.objects(kind).map((object) => [nameOf(kind, idOf(kind, object)), object] as const),
      ),
    );
    return [...this.#theirs].flatMap(([name, before]) => {
      const object = now.get(name);
      if (object === undefined) return [`${name} is not ours, and is gone`];
      return isDeepStrictEqual(steady(object), steady(before))
        ? []
        : [`${name} is not ours, and was changed`];
    });
  }
}

function nameOf(kind: FakeKind, id: string): string {
  return `${kind} ${id}`;
}

function steady(object: Fields): Fields {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !VOLATILE.has(name)));
}
