import type { CallOptions } from "../../clients/datadog.ts";
import type { Use } from "../../engine/plan/uses.ts";
import type { Mark } from "./mark.ts";

/** An object as Datadog's API returns it. Everything in it is still to be judged. */
export type RawObject = Readonly<Record<string, unknown>>;

export interface Listing {
  readonly objects: readonly RawObject[];
  /** True if one of ours may be missing, such as at the edge of two pages. */
  readonly mayHaveMissed: boolean;
}

export interface ListOptions extends CallOptions {
  /** Refs of everything that we know to exist: a full last page that holds them all needs no further call. */
  readonly known: ReadonlySet<string>;
}

/** The calls that write. A dry run has none of them. */
export interface KindWriter {
  create(wire: object, options: CallOptions): Promise<RawObject>;
  update(ref: string, wire: object, options: CallOptions): Promise<RawObject>;
  /** @throws {ApiError} `notFound` if it is not there. */
  delete(ref: string, options: CallOptions & { readonly force?: boolean }): Promise<void>;
}

/**
 * What sets one kind of Datadog's objects apart: how they are listed, marked and compared. Whatever is common
 * to all kinds, such as never making one twice, is in `MarkedObjects`.
 */
export interface DatadogKind<Body> {
  /** The controller's name, such as `monitors`. */
  readonly name: string;
  /** What an object is called: `monitor`. */
  readonly noun: string;
  /** A longer key can't be marked. */
  readonly maxKeyLength: number;
  /** Objects written at once. */
  readonly concurrency: number;

  /** Lists everything that carries this operator's mark, in full, and may list more. */
  list(options: ListOptions): Promise<Listing>;
  /** @throws {ApiError} `notFound` */
  read(ref: string, options: CallOptions): Promise<RawObject>;
  /** Looks for what carries the mark of one key, afresh. Oldest first; may return others. */
  find(key: string, options: CallOptions): Promise<readonly RawObject[]>;
  readonly writer: KindWriter | undefined;
  /** Asks Datadog whether it would take a body. */
  validate?(wire: object, ref: string | undefined, options: CallOptions): Promise<void>;
  /** Who uses an object, in Datadog's words, so that it can't be deleted. Empty if nobody does. */
  hindrances?(ref: string, options: CallOptions): Promise<readonly string[]>;

  /** True if an object can't carry a mark, so that ours are those that we remember. */
  readonly hasNoMark?: boolean;

  /** True if its name is the mark, which can't say that an object stays when its wish goes: that is remembered. */
  readonly isMarkedByName?: boolean;

  refOf(raw: RawObject): string;
  /** Our mark on an object, or undefined if it isn't ours. */
  markOf(raw: RawObject): Mark | undefined;
  /** The marks of whoever keeps an object, ours or another's, for people. */
  marksOf(raw: RawObject): readonly string[];
  /** Whose a key is. */
  ownerOf(key: string): string;
  titleOf(body: Body): string;
  /** @param wanted The wish, if there is one: what Datadog sets by itself counts only if the wish sets it. */
  canonical(raw: RawObject, wanted?: Body): Body;
  toWire(body: Body): object;
  /** The mark that a desired body carries. */
  markIn(body: Body): Mark | undefined;
  /** What is sent to give an object our mark and change nothing else. */
  adopted(raw: RawObject, mark: Mark): object;
  /** Why an object can't be adopted, such as one that a synthetic test keeps. */
  notAdoptable?(raw: RawObject): string | undefined;
  /** Why an update is impossible, such as to another type. */
  cannotBecome?(
    observed: Body,
    desired: Body,
  ): { readonly answer: string; readonly hint: string } | undefined;
  /** When it was changed last, in milliseconds as from `Date.now()`, and by whom, as far as Datadog says. */
  changeOf?(raw: RawObject): { readonly at?: number | undefined; readonly by?: string | undefined };
  /** The object that a refused create equals in every field, from Datadog's words. */
  twinIn?(message: string): string | undefined;
  /** Fields that only make sense together. */
  readonly together?: readonly (readonly string[])[];
  deleteRank?(body: Body): number;
  /** What an object uses, so that Datadog doesn't delete that before it. */
  uses?(body: Body): readonly Use[];
  /** Brings a body whose references were just replaced back to canonical form. */
  rebound?(body: Body): Body;
  /** True if a missing object needs not be made, such as a downtime that is over. */
  isOver?(body: Body, nowMs: number): boolean;
}
