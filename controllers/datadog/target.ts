import { ApiError, toError } from "../../clients/errors.ts";
import { driftOf } from "../../crds/drift.ts";
import type { Target } from "../../engine/loop/controller.ts";
import { hashOf } from "../../engine/hash.ts";
import type { Memory, Remembered } from "../../engine/plan/memory.ts";
import {
  isSame,
  rewrittenFields,
  type Action,
  type DesiredObject,
  type ObservedObject,
} from "../../engine/plan/plan.ts";
import type { Use } from "../../engine/plan/uses.ts";
import { Creator, type CreateTiming } from "./create.ts";
import { expectSomething } from "./guard.ts";
import type { DatadogKind, KindWriter, Listing, RawObject } from "./kind.ts";
import { Lookup } from "./lookup.ts";
import type { Mark } from "./mark.ts";
import type { Approval, Organisation } from "./organisation.ts";

/** Why an object's text is kept: it is about to be deleted, a person's edit is set right, or the wish is another one. */
export type BackupReason = "delete" | "drift" | "update";

export interface MarkedObjectsOptions<Body> extends CreateTiming {
  readonly kind: DatadogKind<Body>;
  readonly memory: Memory;
  readonly organisation: Organisation;
  /** What was wished last, by key: what Datadog sets by itself counts only if the wish sets it. */
  readonly wanted?: ((key: string) => Body | undefined) | undefined;
  /** True if anything is wished. Without it every look is made, even where there can be nothing to see. */
  readonly hasWishes?: (() => boolean) | undefined;
  /** True if nothing is there that isn't remembered, so that a look without a wish needs not be made even once. */
  readonly needsNoFirstLook?: boolean | undefined;
  /** True if a person has approved exactly this. */
  readonly isApproved?: Approval | undefined;
  /** Called with the full JSON of what is about to be deleted or overwritten, and waited for. */
  readonly onBackup?: ((reason: BackupReason, key: string, json: string) => Promise<void> | void) | undefined;
  readonly log?: { warn(fields: object, message: string): void } | undefined;
}

export interface MarkedTarget<Body> extends Target<Body> {
  /** Objects that carry the mark of another one of ours, by key: clones that a person made. Never touched. */
  readonly duplicates: ReadonlyMap<string, readonly string[]>;
  /**
   * Makes an existing object ours by giving it our mark. Nothing else of it changes.
   *
   * @throws {ApiError} `conflict` if somebody keeps it already, or if it can't be kept.
   */
  adopt(ref: string, key: string, signal: AbortSignal): Promise<ObservedObject<Body>>;
}

/** The objects of one kind in one Datadog organisation that carry this operator's mark. */
export class MarkedObjects<Body> implements MarkedTarget<Body> {
  readonly concurrency: number;
  readonly together: MarkedTarget<Body>["together"];
  readonly #options: MarkedObjectsOptions<Body>;
  readonly #kind: DatadogKind<Body>;
  readonly #memory: Memory;
  readonly #lookup: Lookup;
  readonly #creator: Creator<Body>;
  /** What was asked for in this process, so that the options it sets are compared. */
  readonly #asked = new Map<string, Body>();
  /** A wish stays the same object from look to look. */
  readonly #hashes = new WeakMap<object, string>();
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
    let byKey = this.#group(objects);
    this.#found = byKey.size;
    // Nothing to write, so that it doesn't matter where.
    if (this.#isIdle()) return [];
    const isEmptied = byKey.size === 0 && this.#memory.size > 0;
    const isOrganisationKnown = await organisation.expect(signal, {
      afresh: isEmptied,
      showsOurs: this.#isRememberedIn(byKey),
    });
    this.#hasAskedOrganisation = true;
    if (this.#forgetOtherOrganisation()) byKey = this.#group(objects);
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
    return this.#pick(byKey);
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

  #isRememberedIn(byKey: ReadonlyMap<string, readonly MarkedObject[]>): boolean {
    return byKey
      .entries()
      .some(([key, same]) => same.some(({ raw }) => this.#kind.refOf(raw) === this.#memory.get(key)?.ref));
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
    this.#asked.set(key, body);
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
    if (this.#lookup.isOurs(raw, key)) return this.#remember(key, raw, undefined);
    if (kind.marksOf(raw).length > 0) throw this.#lookup.foreignError(tried, raw);
    const wire = kind.adopted(raw, { key, retain: false });
    return this.#remember(key, await this.#writer(tried).update(ref, wire, { signal }), undefined);
  }

  /** Ours, by key. Each entry has at least one object, in the order of the list. */
  #group(objects: readonly RawObject[]): ReadonlyMap<string, readonly MarkedObject[]> {
    const byKey = new Map<string, MarkedObject[]>();
    for (const raw of objects) {
      const mark = this.#kind.markOf(raw);
      if (mark === undefined) continue;
      const same = byKey.get(mark.key);
      if (same === undefined) byKey.set(mark.key, [{ mark, raw }]);
      else same.push({ mark, raw });
    }
    return byKey;
  }

  /**
   * One object for each key. Whoever clones an object copies its mark: ours is the one that we
   * remember, else the oldest. What was once seen as a clone never becomes ours by itself.
   */
  #pick(byKey: ReadonlyMap<string, readonly MarkedObject[]>): readonly ObservedObject<Body>[] {
    const duplicates = new Map<string, readonly string[]>();
    const observed: ObservedObject<Body>[] = [];
    for (const [key, same] of byKey) {
      const remembered = this.#memory.get(key)?.ref;
      const ours =
        same.find(({ raw }) => this.#kind.refOf(raw) === remembered) ??
        same.find(({ raw }) => !this.#lookup.clones.has(this.#kind.refOf(raw)));
      const others = same.filter((one) => one !== ours).map(({ raw }) => this.#kind.refOf(raw));
      if (others.length > 0) duplicates.set(key, others);
      for (const ref of others) this.#lookup.clones.add(ref);
      if (ours === undefined) continue;
      this.#creator.settled(key);
      observed.push(this.#observed(ours.mark, ours.raw));
    }
    this.duplicates = duplicates;
    return observed;
  }

  #observed({ key, retain }: Mark, raw: RawObject): ObservedObject<Body> {
    const kind = this.#kind;
    const wanted = this.#options.wanted?.(key) ?? this.#asked.get(key);
    const remembered = this.#memory.get(key);
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
    const found = this.#kind.canonical(raw, wanted);
    // Of two equal ones one is kept: with very many objects that is half of the memory.
    const same = [wanted, this.#asked.get(key)].find((one) => one !== undefined && isSame(one, found));
    if (same !== undefined && this.#hashOf(same) === applied) return same;
    const whole = this.#kind.canonical(raw);
    // Where it stands exactly as we wrote it, Datadog has set nothing by itself: an option that is no longer wished has to go.
    return applied !== undefined && applied === hashOf(whole) ? whole : (same ?? found);
  }

  #hashOf(body: Body): string {
    if (typeof body !== "object" || body === null) return hashOf(body);
    let known = this.#hashes.get(body);
    if (known === undefined) this.#hashes.set(body, (known = hashOf(body)));
    return known;
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
    if (isNew) return this.#remember(key, raw, { ...desired, createdAt: this.#wallMs() });
    if (isSame(body, kind.canonical(raw, body))) return this.#remember(key, raw, desired);
    const tried = `update ${kind.noun} ${kind.refOf(raw)} "${kind.titleOf(body)}"`;
    const isEdited = this.#memory.get(key)?.applied === hashOf(desired.wished ?? body);
    if (isEdited && mayKeepDrift(desired.drift)) throw changedMeanwhile(tried);
    await this.#backup(tried, "update", key, raw);
    const ref = kind.refOf(raw);
    return this.#remember(key, await writer.update(ref, kind.toWire(body), { signal }), desired);
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
    const isAsObserved = mark !== undefined && isSame(this.#observed(mark, before).body, observed.body);
    // What a person did since the list was read may be something to keep.
    if (!isAsObserved && mayKeepDrift(desired.drift)) throw changedMeanwhile(tried);
    await this.#backup(tried, drifted ? "drift" : "update", key, before);
    const priority = drifted ? "drift" : "change";
    try {
      const raw = await this.#writer(tried).update(ref, kind.toWire(body), { signal, priority });
      return this.#remember(key, raw, desired);
    } catch (error) {
      if (!(error instanceof ApiError) || error.failure !== "ambiguous") throw error;
      const raw = await this.#lookup.read(ref, signal).catch(() => undefined);
      if (raw === undefined || !isSame(body, kind.canonical(raw, body))) throw error;
      return this.#remember(key, raw, desired);
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
    const force = await this.#mustForce(tried, observed, signal);
    await this.#backup(tried, "delete", key, raw);
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

  /**
   * @returns True if others use the object and a person has approved that it goes all the same.
   * @throws {ApiError} `inUse` if nobody has.
   */
  async #mustForce(tried: string, { key, ref }: ObservedObject<Body>, signal: AbortSignal): Promise<boolean> {
    const users = (await this.#kind.hindrances?.(ref, { signal })) ?? [];
    if (users.length === 0) return false;
    const hash = hashOf({ force: key, ref, users }).slice(0, 12);
    if (this.#options.isApproved?.("InUse", hash) === true) return true;
    throw new ApiError(tried, users.join("; "), {
      failure: "inUse",
      hint: `It goes by itself when nothing uses it any more. To delete it all the same: dd-observe approve ${hash}`,
    });
  }

  /** What can't be kept is neither deleted nor overwritten. */
  async #backup(tried: string, reason: BackupReason, key: string, raw: RawObject): Promise<void> {
    try {
      await this.#options.onBackup?.(reason, key, JSON.stringify(raw));
    } catch (error) {
      throw new ApiError(tried, `its backup could not be stored (${toError(error).message})`, {
        failure: "unavailable",
        cause: error,
        hint: "Nothing is deleted or overwritten without one. Check Consul and the token's rights below backups/.",
      });
    }
  }

  /** @param sent What was asked for. Undefined if only the mark was. */
  #remember(
    key: string,
    raw: RawObject,
    sent:
      | (Pick<DesiredObject<Body>, "owner" | "body" | "wished" | "retain"> & { readonly createdAt?: number })
      | undefined,
  ): ObservedObject<Body> {
    const kind = this.#kind;
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
    const before = this.#memory.get(key);
    const owner = sent?.owner ?? before?.owner ?? kind.ownerOf(key);
    const { drift, createdAt = sent?.createdAt } = before?.ref === ref ? before : NOT_KNOWN;
    this.#memory.set(key, {
      owner,
      ref,
      applied,
      ...(rewritten.length === 0 ? {} : { rewritten }),
      ...(drift === undefined ? {} : { drift }),
      ...(createdAt === undefined ? {} : { createdAt }),
      ...(kind.hasNoMark === true && sent?.retain === true ? { retain: true } : {}),
    });
    this.#lookup.clones.delete(ref);
    return this.#observed({ key, retain: kind.markOf(raw)?.retain ?? false }, raw);
  }

  #wallMs(): number {
    return this.#options.wallMs?.() ?? Date.now();
  }

  #forget(key: string): undefined {
    this.#memory.delete(key);
    this.#asked.delete(key);
    this.#creator.settled(key);
  }

  #writer(tried: string): KindWriter {
    const { writer } = this.#kind;
    if (writer !== undefined) return writer;
    throw new ApiError(tried, "this run only reads", { failure: "rejected" });
  }
}

function changedMeanwhile(tried: string): ApiError {
  return new ApiError(tried, "somebody changed it a moment ago; it is looked at again", {
    failure: "ambiguous",
  });
}

const NOT_KNOWN: Partial<Remembered> = {};

function mayKeepDrift(drift: DesiredObject<unknown>["drift"]): boolean {
  const { rule, fields } = driftOf(drift);
  return rule !== "correct" || Object.values(fields).some((one) => one !== "correct");
}

interface MarkedObject {
  readonly mark: Mark;
  readonly raw: RawObject;
}
