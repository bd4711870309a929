import { ApiError } from "../../clients/errors.ts";
import type { Mandate } from "../../clients/guarded-agents.ts";
import {
  MOST_VARIABLE_BYTES,
  sizeOfItems,
  type NomadVariables,
  type VariablePlace,
} from "../../clients/nomad-variables.ts";
import { hashOf } from "../../engine/hash.ts";
import { mergeInto, ownedNames, removeFrom, type Items } from "./merge.ts";
import type { RecordedPlace } from "./record.ts";
import type { VariablesSeen } from "./seen.ts";

export interface ShareOptions {
  readonly service: string;
  readonly variables: NomadVariables;
  readonly seen: VariablesSeen;
  readonly mandate: Mandate | undefined;
  readonly at: VariablePlace;
  /** Items that are another service's of ours, by name. */
  readonly others: () => ReadonlyMap<string, string>;
  /** For error messages: `create the environment of "support" in Nomad`. */
  readonly tried: string;
}

/** Somebody else may be earlier so often before we give up, until the next pass. */
const MOST_TRIES = 5;
/** @see nomad/structs/variables.go, validVariablePath */
const PATH = /^[a-zA-Z0-9-_~/]{1,128}$/;

/** One service's part of one Variable. */
export class Share {
  readonly #options: ShareOptions;

  constructor(options: ShareOptions) {
    this.#options = options;
  }

  /**
   * What has to be noted before it is written: the names that will be ours with the hashes of their values, so that a
   * process after this one knows them for ours although this one died in between.
   *
   * @throws {ApiError} if it can't be written.
   */
  async intend(place: RecordedPlace, body: Items, signal: AbortSignal): Promise<RecordedPlace> {
    const { seen, at } = this.#options;
    this.#assertPath();
    const items = (await seen.read(at, signal))?.items ?? {};
    const { owned } = this.#merged(items, place, body);
    const ours = ownedNames(place, items);
    const pending = Object.fromEntries(
      owned.filter((name) => !ours.has(name)).map((name) => [name, hashOf(body[name])]),
    );
    const kept = { ...place, owned: [...ours].sort() };
    return Object.keys(pending).length === 0 ? settled(kept) : { ...kept, pending };
  }

  /** @returns What has to be noted afterwards. */
  async write(place: RecordedPlace, body: Items, signal: AbortSignal): Promise<RecordedPlace> {
    let owned: readonly string[] = [];
    await this.#change((items) => {
      const merged = this.#merged(items, place, body);
      owned = merged.owned;
      return merged.items;
    }, signal);
    return settled({ ...place, wished: Object.keys(body).sort(), owned: [...owned] });
  }

  /** Takes away what is ours; the whole Variable if nothing else is in it. */
  async remove(place: RecordedPlace, signal: AbortSignal): Promise<void> {
    await this.#change(
      (items) => removeFrom({ items, share: place, others: this.#options.others() }),
      signal,
    );
  }

  #merged(
    items: Items,
    share: RecordedPlace,
    body: Items,
  ): { readonly items: Items; readonly owned: readonly string[] } {
    const { service, at, others, tried } = this.#options;
    const merged = mergeInto({ service, items, body, share, others: others() });
    if (!("taken" in merged)) {
      this.#assertSize(merged.items, body);
      return merged;
    }
    const { taken, by } = merged;
    const where = `"${taken}" in the Nomad Variable "${at.path}"`;
    throw by === undefined
      ? new ApiError(tried, `somebody else wrote ${where}`, {
          failure: "conflict",
          hint: "Remove that item, or set the variable in the job itself: what the job sets always wins.",
        })
      : new ApiError(tried, `${where} is that of the service "${by}"`, {
          failure: "conflict",
          hint: "A job's Variable holds one environment. Take instrumentation.nomadVariable out of one of both wishes: in Consul each service has its own.",
        });
  }

  async #change(change: (items: Items) => Items, signal: AbortSignal): Promise<void> {
    const { variables, seen, mandate, at, tried } = this.#options;
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      const before = await seen.read(at, signal);
      const items = before?.items ?? {};
      const next = change(items);
      if (isEqual(items, next)) return;
      const isEmpty = Object.keys(next).length === 0;
      mandate?.mustHold();
      const isDone = isEmpty
        ? await variables.remove(at, before?.modifyIndex ?? 0, signal)
        : await variables.write(at, next, before?.modifyIndex ?? 0, signal);
      if (!isDone) continue;
      await seen.read(at, signal);
      return;
    }
    throw new ApiError(tried, `the Nomad Variable "${at.path}" changed ${MOST_TRIES} times meanwhile`, {
      failure: "notFound",
      status: 409,
    });
  }

  #assertPath(): void {
    const { at, tried } = this.#options;
    if (PATH.test(at.path)) return;
    throw new ApiError(tried, `Nomad takes no Variable of the name "${at.path}"`, {
      failure: "rejected",
      hint: "The job's name has a sign that a Variable's path can't have, or is too long. Take instrumentation.nomadVariable out of the wish, or rename the job.",
    });
  }

  #assertSize(items: Items, body: Items): void {
    const { at, tried } = this.#options;
    const size = sizeOfItems(items);
    if (size <= MOST_VARIABLE_BYTES) return;
    throw new ApiError(
      tried,
      `the Nomad Variable "${at.path}" would have ${size} bytes, ${sizeOfItems(body)} of them ours; Nomad takes ${MOST_VARIABLE_BYTES}`,
      {
        failure: "rejected",
        hint: "Put other items into another Variable, or take instrumentation.nomadVariable out of the wish.",
      },
    );
  }
}

/** Without what was about to be written. */
function settled({ namespace, job, wished, owned }: RecordedPlace): RecordedPlace {
  return { namespace, job, wished, owned };
}

function isEqual(a: Items, b: Items): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}
