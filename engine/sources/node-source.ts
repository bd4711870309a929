import { ApiError, toError } from "../../clients/errors.ts";
import type { BlockingRequest } from "../../clients/consul-read.ts";
import { foldNode, type Instances, type NodeView } from "./catalog.ts";
import { backoffMs, systemClock } from "../clock.ts";
import { readDocuments } from "./document-poll.ts";
import { DocumentWatches, MOST_POLLED } from "./document-watches.ts";
import { foldDocuments, isDocumentName, viewOf, type RawDocument } from "./documents.ts";
import { Latest } from "./latest.ts";
import { changedKeys } from "../plan/patch.ts";
import { joinInstances, nomadInstances } from "./nomad-catalog.ts";
import { nomadNodePart, type Registrations } from "./nomad-node.ts";
import { unseenOf } from "./nomad-source.ts";
import { Proof } from "./proof.ts";
import {
  documentsRequest,
  follow,
  healthOf,
  readOnce,
  SERVICES_REQUEST,
  type NodeState,
  type Source,
  type SourceOptions,
} from "./source.ts";
import { CATALOG_RATE, Unproven, watch, type Watch } from "./watch.ts";

export interface NodeSourceOptions extends SourceOptions {
  /** As Consul names the node. Asked of the agent if absent, which needs `agent:read`. */
  readonly nodeName?: string | undefined;
  /**
   * With more services than this on the node, there is no blocking query for each document.
   * 0 where the process reads all of them anyway.
   *
   * @default 9
   */
  readonly maxDocumentWatches?: number | undefined;
}

/** Documents that are of no single service and that a node needs. */
const RESERVED = ["_defaults", "_nomad"] as const;

/** With the sentinel, the reserved documents, the node itself and people's commands: 14 blocking reads. */
const MAX_DOCUMENT_WATCHES = 9;

function nodeRequest(name: string): Omit<BlockingRequest, "index" | "waitMs"> {
  return {
    path: `/catalog/node/${encodeURIComponent(name)}`,
    tried: `watch the node "${name}"`,
    right: 'node_prefix "" { policy = "read" } and service_prefix "" { policy = "read" }',
  };
}

/** Watches one node's services, and the documents that they need. */
export function nodeSource(options: NodeSourceOptions): Source<NodeState> {
  const { consul, prefix } = options;
  const clock = options.clock ?? systemClock;
  const proof = new Proof(consul, prefix, options.beforeFirstRun);
  const maxKeys = options.maxDocumentWatches ?? MAX_DOCUMENT_WATCHES;
  let name = options.nodeName;
  let nameError: ApiError | undefined;
  let view: NodeView | undefined;
  let nodeWatch: Watch<NodeView> | undefined;
  let documents: DocumentWatches | undefined;
  let given: NodeState | undefined;
  let mayReadServices = false;
  const nomad = options.nomad === undefined ? undefined : nomadNodePart(options.nomad, clock);
  let joined: Joined | undefined;

  /** Consul's instances with Nomad's, as far as those are known. */
  function joinedWith(consuls: NodeView): Pick<NodeState, "node" | "instances" | "unseen"> {
    if (nomad === undefined) return consuls;
    const { known } = nomad;
    if (joined?.consuls !== consuls || joined.registrations !== known) {
      const nomads = nomadInstances(joined?.nomads, known ?? [], consuls.node.address);
      const instances = joinInstances(joined?.instances, consuls.instances, nomads);
      joined = { consuls, registrations: known, nomads, instances };
    }
    return { node: consuls.node, instances: joined.instances, unseen: unseenOf(nomad) };
  }

  /** A token that may read nodes but no services sees a node without services. */
  async function proveServices(signal: AbortSignal): Promise<void> {
    await readOnce(consul, SERVICES_REQUEST, signal, (answer) =>
      proof.services(new Set(Object.keys(answer.body() as object))),
    );
    mayReadServices = true;
  }

  /** A node that the agent can't name yet is asked for again: a node may start before its Consul. */
  async function findName(signal: AbortSignal): Promise<string | undefined> {
    for (let failures = 1; name === undefined && !signal.aborted; failures++) {
      try {
        name = (await consul.agentSelf(signal)).node;
        nameError = undefined;
      } catch (error) {
        if (signal.aborted) return undefined;
        nameError = error instanceof ApiError ? error : unnamed(error);
        await clock.sleep(backoffMs(failures, 200, 10_000, clock.random()), signal).catch(() => undefined);
      }
    }
    return name;
  }

  function decodeNode(body: unknown, wanted: string): NodeView {
    const next = foldNode(view, body);
    proof.node(next?.node.name, wanted);
    return next as NodeView; // The proof has just found its name.
  }

  function whole(): NodeState | undefined {
    if (view === undefined || nodeWatch?.state.error !== undefined || nomad?.isAwaited === true)
      return undefined;
    const found = documents?.whole();
    if (found === undefined) return undefined;
    const all = joinedWith(view);
    if (
      given?.node === all.node &&
      given.instances === all.instances &&
      given.unseen === all.unseen &&
      changedKeys(given.documents, found).size === 0
    ) {
      return undefined;
    }
    given = { ...all, documents: found };
    return given;
  }

  /** Once more, and no more than needed: the node's own keys, or the prefix if they are very many. */
  async function readAgain(
    names: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, RawDocument>> {
    const known = documents?.known() ?? new Map<string, RawDocument>();
    if (names.size > MOST_POLLED || maxKeys === 0) {
      const all = await readOnce(consul, documentsRequest(prefix), signal, async (answer) => {
        const next =
          answer.status === 404 ? undefined : foldDocuments(viewOf(known), answer.raw, `${prefix}/`);
        return await proof.documents(next, signal);
      });
      return all.documents;
    }
    try {
      return await readDocuments({ consul, prefix, proof, names, known, consistent: true }, signal);
    } catch (error) {
      throw error instanceof Unproven ? error.reason : error;
    }
  }

  return {
    async *changes(outer) {
      const ended = new AbortController();
      const signal = AbortSignal.any([outer, ended.signal]);
      const latest = new Latest<NodeState>();
      const give = (): void => {
        const state = whole();
        if (state !== undefined) latest.set(state);
      };
      given = undefined;
      documents = new DocumentWatches(
        { consul, prefix, clock, proof, maxKeys, give, fail: (error) => latest.fail(error) },
        signal,
      );
      try {
        const found = await findName(signal);
        if (found === undefined) return;
        nodeWatch = watch<NodeView>(
          {
            name: "node",
            read: consul.read,
            request: nodeRequest(found),
            rate: CATALOG_RATE,
            decode: async (answer) => {
              const next = decodeNode(answer.body(), found);
              if (next.instances.size === 0 && !mayReadServices) await proveServices(signal);
              return next;
            },
            clock,
          },
          signal,
        );
        const look = (): void => {
          if (view === undefined) return;
          documents?.want(documentNames(joinedWith(view)));
          give();
        };
        follow(nodeWatch, latest, (value) => {
          view = value;
          look();
        });
        nomad?.start(latest, look, signal);
        yield* latest.values(signal);
      } finally {
        ended.abort();
      }
    },
    async confirm(signal) {
      const found = await findName(signal);
      if (found === undefined) throw nameError ?? unnamed(signal.reason);
      const node = await readOnce(consul, nodeRequest(found), signal, (answer) =>
        decodeNode(answer.body(), found),
      );
      await proveServices(signal);
      await nomad?.confirm(signal);
      const all = joinedWith(node);
      const names = documentNames(all);
      return { ...all, documents: pick(await readAgain(names, signal), names) };
    },
    get health() {
      const watches = [...(nodeWatch === undefined ? [] : [nodeWatch]), ...(documents?.watches ?? [])];
      return healthOf(watches, given !== undefined, { error: nameError, beside: nomad?.error });
    },
  };
}

interface Joined {
  readonly consuls: NodeView;
  readonly registrations: Registrations | undefined;
  readonly nomads: Instances;
  readonly instances: Instances;
}

function documentNames(view: Pick<NodeState, "instances">): ReadonlySet<string> {
  const services = [...view.instances.keys()].filter((name) => isDocumentName(name) && isPlain(name));
  return new Set([...RESERVED, ...services]);
}

/** A name that begins with `_` is reserved, and Consul would read `..` as another key. */
function isPlain(name: string): boolean {
  return !name.startsWith("_") && name !== "." && name !== "..";
}

function pick(
  documents: ReadonlyMap<string, RawDocument>,
  names: ReadonlySet<string>,
): ReadonlyMap<string, RawDocument> {
  const picked = new Map<string, RawDocument>();
  for (const name of names) {
    const document = documents.get(name);
    if (document !== undefined) picked.set(name, document);
  }
  return picked;
}

function unnamed(error: unknown): ApiError {
  return new ApiError("find the name of this node", toError(error).message, {
    failure: "unavailable",
    cause: error,
  });
}
