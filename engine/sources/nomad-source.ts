import type { BlockingAnswer } from "../../clients/blocking-read.ts";
import { ApiError, toError } from "../../clients/errors.ts";
import { NOMAD_SERVICES_REQUEST, type NomadServices } from "../../clients/nomad-services.ts";
import { systemClock, type Clock } from "../clock.ts";
import { foldNomadCatalog, type NomadCatalog, type NomadNamespaces } from "./nomad-catalog.ts";
import { NomadProof } from "./nomad-proof.ts";
import { follow } from "./source.ts";
import { CATALOG_RATE, refuseUnsure, Unproven, watch, type Watch } from "./watch.ts";

export interface NomadSourceOptions {
  readonly nomad: NomadServices;
  readonly namespaces: NomadNamespaces;
  /** Is told once of a name that is registered in more than one place. */
  readonly onShared?: ((service: string, places: readonly string[]) => void) | undefined;
}

/**
 * What Nomad adds to Consul's services. While Nomad can't be read, or answers without proof, the last that was
 * known of it stands: it never keeps Consul's part from going on.
 */
export interface NomadPart<Known> {
  /** The last that was read and proven. Undefined until then. */
  readonly known: Known | undefined;
  /** Why nothing newer is known. Undefined while all is well. */
  readonly error: ApiError | undefined;
  /** True for a moment after the start, so that a Nomad that answers is part of the first state. */
  readonly isAwaited: boolean;
  /** Follows Nomad until the signal aborts. */
  start(end: { fail(error: unknown): void }, onNews: () => void, signal: AbortSignal): void;
  /** Reads everything once more. Never throws but for the signal: then `known` and `error` say what is so. */
  confirm(signal: AbortSignal): Promise<void>;
}

/** Why it is not known what is absent. Undefined once Nomad's part has been read. */
export function unseenOf({ known, error }: NomadPart<unknown>): string | undefined {
  if (known !== undefined) return undefined;
  return error === undefined
    ? "Nomad's services are not known yet"
    : `Nomad's services are not known: ${error.message}`;
}

/** How long the first state waits for Nomad. */
const AWAITED_MS = 2_000;

/** Says whether Nomad's first answer is still waited for, and tells when no longer. */
export class Awaited {
  #isOver = true;

  get isOver(): boolean {
    return this.#isOver;
  }

  start(clock: Clock, onOver: () => void, signal: AbortSignal): void {
    this.#isOver = false;
    void this.#end(clock, onOver, signal);
  }

  async #end(clock: Clock, onOver: () => void, signal: AbortSignal): Promise<void> {
    await clock.sleep(AWAITED_MS, signal).catch(() => undefined);
    this.#isOver = true;
    if (!signal.aborted) onOver();
  }
}

/** Watches the names and tags of Nomad's services by one blocking read. */
export function nomadCatalogPart(
  { nomad, namespaces }: NomadSourceOptions,
  clock: Clock = systemClock,
): NomadPart<NomadCatalog> {
  const proof = new NomadProof(nomad, namespaces);
  const awaited = new Awaited();
  let known: NomadCatalog | undefined;
  let highestIndex = 0;
  let services: Watch<NomadCatalog> | undefined;
  let failed: ApiError | undefined;

  async function decode(answer: BlockingAnswer, signal: AbortSignal): Promise<NomadCatalog> {
    const next = foldNomadCatalog(known, answer.body(), namespaces);
    const isLess = known === undefined || [...known.tags.keys()].some((name) => !next.tags.has(name));
    if (isLess) {
      if (answer.index < highestIndex) throw wentBack(answer.index, highestIndex);
      await proof.rights(missing(known, next), signal);
    }
    highestIndex = Math.max(highestIndex, answer.index);
    known = next;
    return next;
  }

  return {
    get known() {
      return known;
    },
    get error() {
      return services === undefined ? failed : services.state.error;
    },
    get isAwaited() {
      return known === undefined && !awaited.isOver;
    },
    start(end, onNews, signal) {
      awaited.start(clock, onNews, signal);
      services = watch<NomadCatalog>(
        {
          name: "Nomad's services",
          read: nomad.read,
          request: NOMAD_SERVICES_REQUEST,
          rate: CATALOG_RATE,
          decode: async (answer) => await decode(answer, signal),
          clock,
        },
        signal,
      );
      follow(services, end, onNews);
    },
    async confirm(signal) {
      try {
        const answer = await nomad.read({ ...NOMAD_SERVICES_REQUEST, index: 0, waitMs: 0 }, signal);
        refuseUnsure(NOMAD_SERVICES_REQUEST.tried, answer);
        await decode(answer, signal);
        failed = undefined;
      } catch (error) {
        signal.throwIfAborted();
        failed = asApiError(NOMAD_SERVICES_REQUEST.tried, error);
      }
    },
  };
}

/** The namespaces of services that are not there any more. */
function missing(before: NomadCatalog | undefined, after: NomadCatalog): ReadonlySet<string> {
  const left = new Set([...after.namespaces.values()].flat());
  return new Set([...(before?.namespaces.values() ?? [])].flat().filter((namespace) => !left.has(namespace)));
}

function wentBack(index: number, highest: number): Unproven {
  return new Unproven(
    new ApiError(
      NOMAD_SERVICES_REQUEST.tried,
      `its index went back from ${highest} to ${index}, and services are gone`,
      {
        failure: "unavailable",
        hint: "Nomad lost its state, or an older one was restored. What is gone is held until it is back or Nomad has caught up; if it is right: restart dd-observe.",
      },
    ),
  );
}

export function asApiError(tried: string, error: unknown): ApiError {
  if (error instanceof Unproven) return error.reason;
  if (error instanceof ApiError) return error;
  return new ApiError(tried, toError(error).message, { failure: "unavailable", cause: error });
}
