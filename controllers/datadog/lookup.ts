import { ApiError } from "../../clients/errors.ts";
import type { DatadogKind, RawObject } from "./kind.ts";

/** Finds objects one by one, and tells whose they are. */
export class Lookup {
  readonly #kind: DatadogKind<unknown>;
  /** Refs of objects that a person cloned from ours, mark and all, as far as we have seen. */
  readonly clones = new Set<string>();

  constructor(kind: DatadogKind<unknown>) {
    this.#kind = kind;
  }

  isOurs(raw: RawObject, key: string): boolean {
    return this.#kind.markOf(raw)?.key === key;
  }

  /** @returns undefined if there is no such object. */
  async read(ref: string, signal: AbortSignal): Promise<RawObject | undefined> {
    try {
      return await this.#kind.read(ref, { signal });
    } catch (error) {
      if (error instanceof ApiError && error.failure === "notFound") return undefined;
      throw error;
    }
  }

  /** True if there is no such object, or if it is no longer ours. */
  async isGone(ref: string, signal: AbortSignal): Promise<boolean> {
    const raw = await this.read(ref, signal);
    return raw === undefined || this.#kind.markOf(raw) === undefined;
  }

  /** The one object that has this key's mark; the oldest if we don't know which one is the clone. */
  async byKey(key: string, signal: AbortSignal): Promise<RawObject | undefined> {
    const found = await this.#kind.find(key, { signal, priority: "change" });
    return found.find((raw) => this.isOurs(raw, key) && !this.clones.has(this.#kind.refOf(raw)));
  }

  /** What is said instead of touching an object that isn't ours. */
  foreignError(tried: string, raw: RawObject): ApiError {
    const whose = this.#kind.marksOf(raw);
    const answer =
      whose.length === 0 ? "it no longer carries our mark" : `it carries the mark ${whose.join(", ")}`;
    return new ApiError(tried, answer, { failure: "conflict" });
  }
}
