/**
 * `OtherOrganisation`: the keys belong to another Datadog organisation than last time.
 * `SuspiciouslyEmpty`: the list of our objects is empty, yet we remember having written some.
 */
export type RefusalReason = "OtherOrganisation" | "SuspiciouslyEmpty";

/** Nothing is written until a person has looked: the world is so different from what we remember that it may be a mistake. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly reason: RefusalReason;
  /** What a person approves with `dd-observe approve HASH`. Another situation has another hash. */
  readonly hash: string;

  constructor(reason: RefusalReason, hash: string, message: string) {
    super(`${message} If this is right, run: dd-observe approve ${hash}`);
    this.reason = reason;
    this.hash = hash;
  }
}
