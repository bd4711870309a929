import { ApiError } from "../../clients/errors.ts";
import type { NomadServices } from "../../clients/nomad-services.ts";
import type { NomadNamespaces } from "./nomad-catalog.ts";
import { Unproven } from "./watch.ts";

/** A namespace that nobody has: who may read it may read any that no rule of its own forbids. */
const ANY_NAMESPACE = "dd-observe-any-namespace";

/**
 * Proofs that an answer of Nomad is whole. Its lists leave out namespaces that the token may not read, without a word,
 * and a Nomad that lost its state answers with an empty one.
 */
export class NomadProof {
  readonly #nomad: NomadServices;
  readonly #wanted: NomadNamespaces;

  constructor(nomad: NomadServices, wanted: NomadNamespaces) {
    this.#nomad = nomad;
    this.#wanted = wanted;
  }

  /**
   * To be asked before anything is taken for absent.
   *
   * @param gone Namespaces that are not in the answer any more.
   * @throws {Unproven} if one of the namespaces may not be read.
   */
  async rights(gone: Iterable<string>, signal: AbortSignal): Promise<void> {
    const wanted = this.#wanted === "all" ? [ANY_NAMESPACE] : this.#wanted;
    for (const namespace of new Set([...wanted, ...gone])) {
      if (!(await this.#nomad.mayRead(namespace, signal))) throw unreadable(namespace);
    }
  }

  /** @throws {Unproven} if Nomad doesn't know this machine. */
  async node(id: string, signal: AbortSignal): Promise<void> {
    if (await this.#nomad.knowsNode(id, signal)) return;
    throw new Unproven(
      new ApiError(`watch the allocations of the Nomad node ${id}`, "Nomad knows no such node", {
        failure: "unavailable",
        hint: "Its client registers itself within some seconds. If it got a new id, as after its data was deleted: restart dd-observe.",
      }),
    );
  }
}

function unreadable(namespace: string): Unproven {
  const isAny = namespace === ANY_NAMESPACE;
  const right = `namespace "${isAny ? "*" : namespace}" { capabilities = ["read-job"] }`;
  return new Unproven(
    new ApiError(
      "watch Nomad's services",
      isAny
        ? "the token may not read every namespace"
        : `the token may not read the namespace "${namespace}"`,
      {
        failure: "unauthorized",
        hint: `Give the token of NOMAD_TOKEN a policy with ${right}, or name the namespaces that it may read in DD_OBSERVE_NOMAD_NAMESPACES.`,
      },
    ),
  );
}
