import type { BlockingAnswer } from "../../clients/consul-read.ts";
import { foldCatalog, type Catalog } from "./catalog.ts";
import { foldDocuments, viewOf, type DocumentsView } from "./documents.ts";
import { Latest } from "./latest.ts";
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

/** Watches all services and all documents of a cluster with two blocking reads. */
export function clusterSource({
  consul,
  prefix,
  clock,
  beforeFirstRun,
}: SourceOptions): Source<ClusterState> {
  const proof = new Proof(consul, prefix, beforeFirstRun);
  let catalog: Catalog | undefined;
  let view: DocumentsView | undefined;
  let watches: readonly Watch<unknown>[] = [];
  let given: ClusterState | undefined;

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
    if (catalog === undefined || view === undefined) return undefined;
    if (!watches.every(({ state }) => state.ready && state.error === undefined)) return undefined;
    const { documents } = view;
    if (given?.catalog === catalog && given.documents === documents) return undefined;
    given = { catalog, documents };
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
      return { catalog: services, documents: documents.documents };
    },
    get health() {
      return healthOf(watches, given !== undefined);
    },
  };
}
