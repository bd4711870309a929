import { hashOf } from "../../engine/hash.ts";
import type { Remembered } from "../../engine/plan/memory.ts";
import { isSame, rewrittenFields, type DesiredObject, type ObservedObject } from "../../engine/plan/plan.ts";
import type { RawObject } from "./kind.ts";
import type { Lookup } from "./lookup.ts";
import type { Mark } from "./mark.ts";
import type { MarkedObjectsOptions } from "./marked.ts";

export interface KnownOptions<Body> extends Pick<
  MarkedObjectsOptions<Body>,
  "kind" | "memory" | "wanted" | "log"
> {
  readonly lookup: Lookup;
}

/** What we know of objects that we wrote, and how one that stands there compares with it. */
export class Known<Body> {
  readonly #options: KnownOptions<Body>;
  /** What was asked for in this process, so that the options it sets are compared. */
  readonly #asked = new Map<string, Body>();
  /** A wish stays the same object from look to look. */
  readonly #hashes = new WeakMap<object, string>();

  constructor(options: KnownOptions<Body>) {
    this.#options = options;
  }

  /** Notes what is about to be sent. */
  ask(key: string, body: Body): void {
    this.#asked.set(key, body);
  }

  forget(key: string): void {
    this.#options.memory.delete(key);
    this.#asked.delete(key);
  }

  /** An object as it stands, compared with what is wished. */
  observed({ key, retain }: Mark, raw: RawObject): ObservedObject<Body> {
    const kind = this.#options.kind;
    const wanted = this.#options.wanted?.(key) ?? this.#asked.get(key);
    const remembered = this.#options.memory.get(key);
    const ref = kind.refOf(raw);
    const { applied, rewritten } =
      remembered?.ref === ref ? remembered : { applied: undefined, rewritten: undefined };
    const body = this.#bodyOf(raw, wanted, { key, applied });
    const { at: changedAt, by: changedBy } = kind.changeOf?.(raw) ?? {};
    return {
      key,
      owner: remembered?.owner ?? kind.ownerOf(key),
      body,
      ref,
      retain,
      applied,
      rewritten,
      changedAt,
      changedBy,
    };
  }

  #bodyOf(
    raw: RawObject,
    wanted: Body | undefined,
    { key, applied }: { readonly key: string; readonly applied: string | undefined },
  ): Body {
    const found = this.#options.kind.canonical(raw, wanted);
    // Of two equal ones one is kept: with very many objects that is half of the memory.
    const same = [wanted, this.#asked.get(key)].find((one) => one !== undefined && isSame(one, found));
    if (same !== undefined && this.#hashOf(same) === applied) return same;
    const whole = this.#options.kind.canonical(raw);
    // Where it stands exactly as we wrote it, Datadog has set nothing by itself: an option that is no longer wished has to go.
    return applied !== undefined && applied === hashOf(whole) ? whole : (same ?? found);
  }

  #hashOf(body: Body): string {
    if (typeof body !== "object" || body === null) return hashOf(body);
    let known = this.#hashes.get(body);
    if (known === undefined) this.#hashes.set(body, (known = hashOf(body)));
    return known;
  }

  /** @param sent What was asked for. Undefined if only the mark was. */
  remember(
    key: string,
    raw: RawObject,
    sent:
      | (Pick<DesiredObject<Body>, "owner" | "body" | "wished" | "retain"> & { readonly createdAt?: number })
      | undefined,
  ): ObservedObject<Body> {
    const kind = this.#options.kind;
    const body = kind.canonical(raw, sent?.body);
    const rewritten = sent === undefined ? [] : rewrittenFields(sent.body, body);
    // Such a field counts as equal for as long as it stays so. Told, since the wish is not fully there.
    if (rewritten.length > 0)
      this.#options.log?.warn(
        { key, fields: rewritten.map(({ path }) => path) },
        "Datadog stored an object otherwise than it was sent",
      );
    const applied = hashOf(sent === undefined ? body : (sent.wished ?? sent.body));
    const ref = kind.refOf(raw);
    const before = this.#options.memory.get(key);
    const owner = sent?.owner ?? before?.owner ?? kind.ownerOf(key);
    const { drift, createdAt = sent?.createdAt } = before?.ref === ref ? before : NOT_KNOWN;
    this.#options.memory.set(key, {
      owner,
      ref,
      applied,
      ...(rewritten.length === 0 ? {} : { rewritten }),
      ...(drift === undefined ? {} : { drift }),
      ...(createdAt === undefined ? {} : { createdAt }),
      ...((kind.hasNoMark === true || kind.isMarkedByName === true) && sent?.retain === true
        ? { retain: true }
        : {}),
    });
    this.#options.lookup.clones.delete(ref);
    return this.observed({ key, retain: kind.markOf(raw)?.retain ?? false }, raw);
  }
}

const NOT_KNOWN: Partial<Remembered> = {};
