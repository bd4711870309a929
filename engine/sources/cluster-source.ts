import type { BlockingAnswer } from "../../clients/consul-read.ts";
import { foldCatalog, type Catalog } from "./catalog.ts";
import { foldDocuments, viewOf, type DocumentsView } from "./documents.ts";
import { Latest } from "./latest.ts";
import { joinCatalogs } from "./nomad-catalog.ts";
import { nomadCatalogPart, unseenOf } from "./nomad-source.ts";
import { Proof } from "./proof.ts";
import {
  documentsRequest,
  follow,
  healthOf,
  readOnce,
  SERVICES_REQUEST,
  type ClusterState,
  type Source,
  type SourceOptions,
} from "./source.ts";
import { CATALOG_RATE, KV_RATE, watch, type Watch } from "./watch.ts";

/** Watches all services and all documents of a cluster with two blocking reads, and Nomad's services with a third. */
export function clusterSource({
  consul,
  prefix,
  clock,
  beforeFirstRun,
  nomad: nomadOptions,
}: SourceOptions): Source<ClusterState> {
  const proof = new Proof(consul, prefix, beforeFirstRun);
  const nomad = nomadOptions === undefined ? undefined : nomadCatalogPart(nomadOptions, clock);
  const noteShared = sharedNames(nomadOptions?.onShared);
  let catalog: Catalog | undefined;
  let view: DocumentsView | undefined;
  let watches: readonly Watch<unknown>[] = [];
  let given: ClusterState | undefined;
  let joined: Joined | undefined;

  /** Consul's services with Nomad's, as far as those are known. */
  function joinedWith(consuls: Catalog): Pick<ClusterState, "catalog" | "unseen"> {
    if (nomad === undefined) return { catalog: consuls };
    const known = nomad.known;
    if (joined?.consuls !== consuls || joined.nomads !== known?.tags) {
      const all = known === undefined ? consuls : joinCatalogs(joined?.catalog, consuls, known.tags);
      joined = { consuls, nomads: known?.tags, catalog: all };
    }
    if (known !== undefined) noteShared(consuls, known.namespaces);
    return { catalog: joined.catalog, unseen: unseenOf(nomad) };
  }

  function decodeCatalog(answer: BlockingAnswer): Catalog {
    const next = foldCatalog(catalog ?? new Map(), answer.body());
    proof.services(next);
    return next;
  }

  async function decodeDocuments(answer: BlockingAnswer, signal: AbortSignal): Promise<DocumentsView> {
    const known = view ?? viewOf(new Map());
    const next = answer.status === 404 ? undefined : foldDocuments(known, answer.raw, `${prefix}/`);
    return await proof.documents(next, signal);
  }

  /** Nothing is given out while a watch fails or has not answered, or if nothing is new. */
  function whole(): ClusterState | undefined {
    if (catalog === undefined || view === undefined || nomad?.isAwaited === true) return undefined;
    if (!watches.every(({ state }) => state.ready && state.error === undefined)) return undefined;
    const { documents } = view;
    const all = joinedWith(catalog);
    const isSame = given?.catalog === all.catalog && given.unseen === all.unseen;
    if (isSame && given?.documents === documents) return undefined;
    given = { ...all, documents };
    return given;
  }

  return {
    async *changes(outer) {
      const ended = new AbortController();
      const signal = AbortSignal.any([outer, ended.signal]);
      const latest = new Latest<ClusterState>();
      const common = { read: consul.read, clock };
      const services = watch<Catalog>(
        { ...common, name: "services", request: SERVICES_REQUEST, rate: CATALOG_RATE, decode: decodeCatalog },
        signal,
      );
      const documents = watch<DocumentsView>(
        {
          ...common,
          name: "documents",
          request: documentsRequest(prefix),
          rate: KV_RATE,
          decode: (answer) => decodeDocuments(answer, signal),
        },
        signal,
      );
      watches = [services, documents];
      given = undefined;
      const give = (): void => {
        const state = whole();
        if (state !== undefined) latest.set(state);
      };
      follow(services, latest, (value) => {
        catalog = value;
        give();
      });
      follow(documents, latest, (value) => {
        view = value;
        give();
      });
      nomad?.start(latest, give, signal);
      try {
        yield* latest.values(signal);
      } finally {
        ended.abort();
      }
    },
    async confirm(signal) {
      const services = await readOnce(consul, SERVICES_REQUEST, signal, decodeCatalog);
      const documents = await readOnce(consul, documentsRequest(prefix), signal, (answer) =>
        decodeDocuments(answer, signal),
      );
      await nomad?.confirm(signal);
      return { ...joinedWith(services), documents: documents.documents };
    },
    get health() {
      return healthOf(watches, given !== undefined, { beside: nomad?.error });
    },
  };
}

interface Joined {
  readonly consuls: Catalog;
  readonly nomads: Catalog | undefined;
  readonly catalog: Catalog;
}

/** Tells once of each name that Nomad shares with Consul, or that several of its namespaces have. */
function sharedNames(
  onShared: ((service: string, places: readonly string[]) => void) | undefined,
): (consuls: Catalog, namespaces: ReadonlyMap<string, readonly string[]>) => void {
  const told = new Map<string, string>();
  return (consuls, namespaces) => {
    if (onShared === undefined) return;
    for (const [service, names] of namespaces) {
      const places = [
        ...(consuls.has(service) ? ["Consul"] : []),
        ...names.map((namespace) => `Nomad's namespace ${namespace}`),
      ];
      if (told.get(service) === places.join()) continue;
      told.set(service, places.join());
      if (places.length > 1) onShared(service, places);
    }
  };
}
