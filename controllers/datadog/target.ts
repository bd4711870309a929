import { ApiError } from "../../clients/errors.ts";
import { hashOf } from "../../engine/hash.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import { isSame, type Action, type ObservedObject } from "../../engine/plan/plan.ts";
import type { Use } from "../../engine/plan/uses.ts";
import { changedMeanwhile, keepBackup, mayKeepDrift, mustForce } from "./before-write.ts";
import { Creator } from "./create.ts";
import { expectSomething } from "./guard.ts";
import type { DatadogKind, KindWriter, Listing } from "./kind.ts";
import { Known } from "./known.ts";
import { groupByKey, holdsRemembered, pickOurs, withOriginals } from "./listed.ts";
import { Lookup } from "./lookup.ts";
import type { MarkedObjectsOptions, MarkedTarget } from "./marked.ts";

/** The objects of one kind in one Datadog organisation that carry this operator's mark. */
export class MarkedObjects<Body> implements MarkedTarget<Body> {
  readonly concurrency: number;
  readonly together: MarkedTarget<Body>["together"];
  readonly #options: MarkedObjectsOptions<Body>;
  readonly #kind: DatadogKind<Body>;
  readonly #memory: Memory;
  readonly #lookup: Lookup;
  readonly #creator: Creator<Body>;
  readonly #known: Known<Body>;
  #hasObserved = false;
  #hasMoved = false;
  #hasAskedOrganisation = false;
  /** How many keys of ours the last look found. Undefined before the first. */
  #found: number | undefined;
  duplicates: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: MarkedObjectsOptions<Body>) {
    const { kind, memory, log } = options;
    this.#options = options;
    this.#kind = kind;
    this.#memory = memory;
    this.concurrency = kind.concurrency;
    this.together = kind.together;
    this.#lookup = new Lookup(kind);
    this.#known = new Known({ ...options, lookup: this.#lookup });
    this.#creator = new Creator({ kind, lookup: this.#lookup, memory, timing: options, log });
  }

  /** What sets these objects apart from others, for commands that work on one of them. */
  get kind(): DatadogKind<Body> {
    return this.#kind;
  }

  deleteRank(body: Body): number {
    return this.#kind.deleteRank?.(body) ?? 0;
  }

  uses(body: Body): readonly Use[] {
    return this.#kind.uses?.(body) ?? [];
  }

  rebound(body: Body): Body {
    return this.#kind.rebound?.(body) ?? body;
  }

  async observe(signal: AbortSignal): Promise<readonly ObservedObject<Body>[]> {
    const { organisation, isApproved = () => false, wanted } = this.#options;
    signal.throwIfAborted();
    if (!this.#hasObserved) this.#creator.inherit();
    this.#hasObserved = true;
    if (this.#isIdle()) return [];
    this.#forgetOver();
    const known = new Set([...this.#memory.entries()].map(([, { ref }]) => ref));
    const listing = await this.#list(signal, known);
    if (listing === undefined) return [];
    const { objects, mayHaveMissed } = listing;
    let byKey = groupByKey(objects, this.#kind);
    this.#found = byKey.size;
    // Nothing to write, so that it doesn't matter where.
    if (this.#isIdle()) return [];
    const isEmptied = byKey.size === 0 && this.#memory.size > 0;
    const isOrganisationKnown = await organisation.expect(signal, {
      afresh: isEmptied,
      showsOurs: holdsRemembered(byKey, this.#options),
    });
    this.#hasAskedOrganisation = true;
    if (this.#forgetOtherOrganisation()) byKey = groupByKey(objects, this.#kind);
    if (isEmptied && this.#memory.size > 0) {
      await expectSomething({
        noun: this.#kind.noun,
        memory: this.#memory,
        // Where no organisation is to be seen, the objects may well stand in another one.
        isGone: async (ref) => isOrganisationKnown && (await this.#lookup.isGone(ref, signal)),
        isRecent: (key) => this.#creator.recencyMs(key) > 0,
        isWished: (key) => wanted?.(key) !== undefined,
        isApproved,
      });
    }
    this.#creator.listed(byKey.keys(), mayHaveMissed);
    byKey = await withOriginals(byKey, this.#options, async (ref, key) => {
      const raw = await this.#lookup.read(ref, signal);
      const mark = raw === undefined ? undefined : this.#kind.markOf(raw);
      return raw !== undefined && mark?.key === key ? { mark, raw } : undefined;
    });
    const { ours, duplicates } = pickOurs(byKey, this.#options, {
      clones: this.#lookup.clones,
      isRecent: (key) => this.#creator.isRememberedRecent(key),
    });
    this.duplicates = duplicates;
    for (const { mark } of ours) this.#creator.settled(mark.key);
    return ours.map(({ mark, raw }) => this.#known.observed(mark, raw));
  }

  /** Undefined where the key has no right to look and nobody has wished anything: then the right isn't needed. */
  async #list(signal: AbortSignal, known: ReadonlySet<string>): Promise<Listing | undefined> {
    try {
      return await this.#kind.list({ signal, known });
    } catch (error) {
      if (!(error instanceof ApiError) || error.failure !== "unauthorized") throw error;
      const before = this.#found;
      this.#found = 0;
      if (this.#isIdle()) return undefined;
      this.#found = before;
      throw error;
    }
  }

  /** True if nothing was there at the last look and nobody has wished anything since: then there is nothing to look for. */
  #isIdle(): boolean {
    const { hasWishes, needsNoFirstLook } = this.#options;
    if (hasWishes === undefined || hasWishes()) return false;
    const isEmpty = this.#found === 0 || (this.#found === undefined && needsNoFirstLook === true);
    return isEmpty && this.#memory.size === 0 && !this.#creator.hasOpen;
  }

  doubt(keys: readonly string[]): void {
    this.#creator.doubt(keys);
  }

  /**
   * What we remember stands in the organisation of last time: here nobody has changed or deleted it, and what
   * has the same name is somebody else's.
   *
   * @returns True if anything was forgotten.
   */
  #forgetOtherOrganisation(): boolean {
    if (!this.#options.organisation.hasMoved || this.#hasMoved) return false;
    this.#hasMoved = true;
    for (const [key] of this.#memory.entries()) this.#memory.delete(key);
    return true;
  }

  isOver(body: Body): boolean {
    return this.#kind.isOver?.(body, this.#wallMs()) === true;
  }

  /** What is over isn't listed any more, and isn't missed. */
  #forgetOver(): void {
    if (this.#kind.isOver === undefined) return;
    for (const [key] of this.#memory.entries()) {
      const wanted = this.#options.wanted?.(key);
      if (wanted !== undefined && this.isOver(wanted)) this.#memory.delete(key);
    }
  }

  async apply(action: Action<Body>, signal: AbortSignal): Promise<ObservedObject<Body> | undefined> {
    if (action.type === "delete") return this.#delete(action, signal);
    const { key, body } = action.desired;
    const { noun, maxKeyLength } = this.#kind;
    if (key.length > maxKeyLength) {
      throw new ApiError(
        `keep ${noun} ${key}`,
        `its name and its service's are over ${maxKeyLength} characters`,
        {
          failure: "rejected",
          hint: "Datadog cuts longer tags off, and the mark with them. Shorten one of the names.",
        },
      );
    }
    if (this.#kind.markIn(body)?.key !== key)
      throw new Error(`The ${noun} ${key} was compiled without its mark`);
    // Where there was nothing to look for, nobody has asked yet where the first wish is written to.
    if (!this.#hasAskedOrganisation) await this.#options.organisation.expect(signal);
    this.#hasAskedOrganisation = true;
    this.#known.ask(key, body);
    return action.type === "create" ? this.#create(action, signal) : this.#update(action, signal);
  }

  async validate(action: Action<Body>, signal: AbortSignal): Promise<void> {
    if (action.type === "delete") return;
    const ref = action.type === "update" ? action.observed.ref : undefined;
    await this.#kind.validate?.(this.#kind.toWire(action.desired.body), ref, { signal });
  }

  async adopt(ref: string, key: string, signal: AbortSignal): Promise<ObservedObject<Body>> {
    const kind = this.#kind;
    const raw = await kind.read(ref, { signal, priority: "change" });
    const tried = `adopt ${kind.noun} ${ref} as ${key}`;
    const hindrance = kind.notAdoptable?.(raw);
    if (hindrance !== undefined) throw new ApiError(tried, hindrance, { failure: "conflict" });
    if (this.#lookup.isOurs(raw, key)) return this.#known.remember(key, raw, undefined);
    if (kind.marksOf(raw).length > 0) throw this.#lookup.foreignError(tried, raw);
    const wire = kind.adopted(raw, { key, retain: false });
    return this.#known.remember(key, await this.#writer(tried).update(ref, wire, { signal }), undefined);
  }

  async #create(
    { desired }: Extract<Action<Body>, { type: "create" }>,
    signal: AbortSignal,
  ): Promise<ObservedObject<Body>> {
    const { key, body } = desired;
    const kind = this.#kind;
    const writer = this.#writer(`create ${kind.noun} "${kind.titleOf(body)}"`);
    const { raw, isNew } = await this.#creator.create(desired, writer, signal);
    // What was found instead of made may be an older version of the wish.
    if (isNew) return this.#known.remember(key, raw, { ...desired, createdAt: this.#wallMs() });
    if (isSame(body, kind.canonical(raw, body))) return this.#known.remember(key, raw, desired);
    const tried = `update ${kind.noun} ${kind.refOf(raw)} "${kind.titleOf(body)}"`;
    const isEdited = this.#memory.get(key)?.applied === hashOf(desired.wished ?? body);
    if (isEdited && mayKeepDrift(desired.drift)) throw changedMeanwhile(tried);
    await keepBackup(this.#options, { tried, reason: "update", key, raw: raw });
    const ref = kind.refOf(raw);
    return this.#known.remember(key, await writer.update(ref, kind.toWire(body), { signal }), desired);
  }

  async #update(
    { desired, observed, drifted }: Extract<Action<Body>, { type: "update" }>,
    signal: AbortSignal,
  ): Promise<ObservedObject<Body>> {
    const { key, body } = desired;
    const { ref } = observed;
    const kind = this.#kind;
    const tried = `update ${kind.noun} ${ref} "${kind.titleOf(body)}"`;
    const impossible = kind.cannotBecome?.(observed.body, body);
    if (impossible !== undefined)
      throw new ApiError(tried, impossible.answer, { failure: "rejected", hint: impossible.hint });
    const before = await kind.read(ref, { signal, priority: drifted ? "drift" : "change" });
    if (!this.#lookup.isOurs(before, key)) throw this.#lookup.foreignError(tried, before);
    const mark = kind.markOf(before);
    const isAsObserved = mark !== undefined && isSame(this.#known.observed(mark, before).body, observed.body);
    // What a person did since the list was read may be something to keep.
    if (!isAsObserved && mayKeepDrift(desired.drift)) throw changedMeanwhile(tried);
    await keepBackup(this.#options, { tried, reason: drifted ? "drift" : "update", key, raw: before });
    const priority = drifted ? "drift" : "change";
    try {
      const raw = await this.#writer(tried).update(ref, kind.toWire(body), { signal, priority });
      return this.#known.remember(key, raw, desired);
    } catch (error) {
      if (!(error instanceof ApiError) || error.failure !== "ambiguous") throw error;
      const raw = await this.#lookup.read(ref, signal).catch(() => undefined);
      if (raw === undefined || !isSame(body, kind.canonical(raw, body))) throw error;
      return this.#known.remember(key, raw, desired);
    }
  }

  async #delete(
    { observed }: Extract<Action<Body>, { type: "delete" }>,
    signal: AbortSignal,
  ): Promise<undefined> {
    const { key, ref, body } = observed;
    const kind = this.#kind;
    const tried = `delete ${kind.noun} ${ref} "${kind.titleOf(body)}"`;
    const raw = await this.#lookup.read(ref, signal);
    if (raw === undefined) return this.#forget(key);
    if (!this.#lookup.isOurs(raw, key)) throw this.#lookup.foreignError(tried, raw);
    const force = await mustForce(this.#options, { tried, observed, signal });
    await keepBackup(this.#options, { tried, reason: "delete", key, raw: raw });
    try {
      await this.#writer(tried).delete(ref, { signal, force });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const isDone =
        error.failure === "ambiguous" && (await this.#lookup.isGone(ref, signal).catch(() => false));
      if (error.failure !== "notFound" && !isDone) throw error;
    }
    return this.#forget(key);
  }

  #wallMs(): number {
    return this.#options.wallMs?.() ?? Date.now();
  }

  #forget(key: string): undefined {
    this.#known.forget(key);
    this.#creator.settled(key);
  }

  #writer(tried: string): KindWriter {
    const { writer } = this.#kind;
    if (writer !== undefined) return writer;
    throw new ApiError(tried, "this run only reads", { failure: "rejected" });
  }
}
