import { ApiError } from "../../clients/errors.ts";
import { hashOf } from "../../engine/hash.ts";
import { RefusedError, type RefusalReason } from "../../engine/plan/refused.ts";

/** True if a person has approved this situation by its hash. `InUse`: something is deleted though others use it. */
export type Approval = (reason: RefusalReason | "InUse", hash: string) => boolean;

export interface OrganisationOptions {
  /** The organisation that was written to last, if it is remembered. */
  readonly remembered?: number | undefined;
  /** Called with every organisation that isn't the remembered one, to remember it. */
  readonly onChange?: ((organisation: number) => void) | undefined;
  readonly isApproved?: Approval | undefined;
  /** Asks Datadog. Undefined if the organisation has nothing by which to tell. */
  readonly read: (signal: AbortSignal) => Promise<number | undefined>;
}

/**
 * Makes sure that the keys open the organisation that was written to last: in another one all our objects
 * would seem to be gone. One for all kinds. The keys of a process don't change, so it is asked once.
 */
export class Organisation {
  readonly #options: OrganisationOptions;
  #remembered: number | undefined;
  #seen: number | undefined;
  /** True once the keys belong to another organisation than last time, and a person has approved that. */
  hasMoved = false;

  constructor(options: OrganisationOptions) {
    this.#options = options;
    this.#remembered = options.remembered;
  }

  /**
   * Takes the organisation from an answer that names it anyway.
   *
   * @throws {RefusedError} if it is another one and no person has approved that.
   */
  note(found: number): void {
    if (found === this.#seen) return;
    const { isApproved = () => false, onChange } = this.#options;
    if (this.#remembered !== undefined && this.#remembered !== found) {
      const remembered = this.#remembered;
      const hash = hashOf({ reason: "OtherOrganisation", remembered, found });
      if (!isApproved("OtherOrganisation", hash))
        throw new RefusedError(
          "OtherOrganisation",
          hash,
          `The Datadog keys belong to organisation ${found}; until now they belonged to ${remembered}. Nothing is written.`,
        );
      this.hasMoved = true;
    }
    this.#seen = found;
    if (this.#remembered === found) return;
    this.#remembered = found;
    onChange?.(found);
  }

  /**
   * Only monitors tell the organisation. Keys that may not read them still keep the other kinds, where
   * nothing was written to any organisation yet, or where an object that we remember is seen.
   *
   * @param options.afresh True to ask even if it is known: where everything of ours seems to be gone.
   * @param options.showsOurs True if an object that we remember stands there.
   * @returns False if there is nothing by which to tell the organisation.
   * @throws {RefusedError} as `note` does.
   */
  async expect(
    signal: AbortSignal,
    { afresh = false, showsOurs = false }: { readonly afresh?: boolean; readonly showsOurs?: boolean } = {},
  ): Promise<boolean> {
    if (this.#seen !== undefined && !afresh) return true;
    const found = await this.#options.read(signal).catch((error: unknown) => {
      const isDenied = error instanceof ApiError && error.failure === "unauthorized";
      if (isDenied && (this.#remembered === undefined || showsOurs)) return undefined;
      throw error;
    });
    if (found === undefined) return false;
    this.note(found);
    return true;
  }
}
