import type { FreezeWindow } from "../../crds/freeze.ts";
import type { Pack } from "../../crds/pack.ts";
import type { Policy } from "../../crds/policy.ts";
import { NOMAD_DOCUMENT } from "../../crds/nomad.ts";
import { isReserved } from "../../crds/names.ts";
import { globalFolderOf } from "../../crds/global.ts";
import { resolveReserved } from "../../crds/reserved.ts";
import {
  readDefaults,
  resolve,
  type DocumentText,
  type Ground,
  type Resolution,
} from "../../crds/resolve.ts";
import { WISH_DEFAULTS } from "../../crds/wish.ts";
import { changedKeys, patched } from "../plan/patch.ts";
import { compareText } from "../plan/plan.ts";
import type { ClusterState, NodeState, RawInstance } from "./sources.ts";

/** Everything that the cluster-wide controllers compile from. Complete, or it doesn't exist. */
export interface Snapshot {
  /**
   * By service, or by the name of a reserved document (`_monitors/disk-full`), in a cluster's snapshot.
   * What didn't change keeps its identity from one snapshot to the next.
   */
  readonly services: ReadonlyMap<string, Resolution>;
  /** Services that a person paused by command. */
  readonly paused: ReadonlySet<string>;
  /** When whoever has no wish that can be read is frozen: the windows of `_defaults`. */
  readonly freeze?: readonly FreezeWindow[] | "unreadable";
  /** Why services may be missing: then nothing is deleted for being absent. Undefined if what is absent is gone. */
  readonly unseen?: string | undefined;
}

/** What one machine's controllers compile from. */
export interface NodeSnapshot extends Snapshot {
  readonly node: { readonly name: string; readonly address: string };
  readonly instances: ReadonlyMap<string, readonly RawInstance[]>;
  /** The node's name that does, of each service, what only one machine may do. Nobody does it for a service that isn't there. */
  readonly placed: ReadonlyMap<string, string>;
}

export interface ResolverOptions {
  readonly packs: ReadonlyMap<string, Pack>;
  readonly policy: Policy;
  readonly tagName: string;
}

interface Remembered {
  readonly tags: readonly string[];
  readonly document: DocumentText | undefined;
  readonly ground: Ground;
  /** Of a reserved document: one more than the policy allows. */
  readonly isOverQuota?: boolean;
  readonly resolution: Resolution | undefined;
}

/** What was resolved last, as a whole. */
interface Resolved {
  readonly catalog: ReadonlyMap<string, readonly string[]>;
  readonly documents: ReadonlyMap<string, DocumentText>;
  readonly ground: Ground;
  readonly services: ReadonlyMap<string, Resolution>;
}

/** Tags of a node's services, and what they were taken from. */
interface NodeTags {
  readonly instances: NodeState["instances"];
  readonly tags: ReadonlyMap<string, readonly string[]>;
}

const NO_TAGS: readonly string[] = [];
const NONE: ReadonlySet<string> = new Set();

/** What a node must know besides what it reads itself. */
type Told = Pick<NodeSnapshot, "paused" | "placed">;
const UNTOLD: Told = { paused: NONE, placed: new Map() };

/**
 * Turns what the sources read into snapshots. Remembers every service's resolution, so that one
 * changed document costs one resolution, whatever the number of services.
 */
export class Resolver {
  readonly #options: ResolverOptions;
  #ground: Ground | undefined;
  #defaultsText: string | undefined;
  #remembered = new Map<string, Remembered>();
  #resolved: Resolved | undefined;
  #nodeTags: NodeTags | undefined;
  readonly #tagsOf = new WeakMap<readonly RawInstance[], readonly string[]>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  ofCluster(state: ClusterState, paused: ReadonlySet<string> = NONE): Snapshot {
    const services = this.#resolveAll(state.catalog, state.documents, true);
    return { services, paused, freeze: this.#defaultFreeze(), unseen: state.unseen };
  }

  /** A node looks only at the services that it runs, whatever documents it can read. */
  ofNode(state: NodeState, { paused, placed }: Told = UNTOLD): NodeSnapshot {
    const services = this.#resolveAll(this.#tagsOn(state.instances), state.documents, false);
    const { node, instances, unseen } = state;
    return { services, paused, placed, node, instances, unseen };
  }

  /** The same list as long as the document is the same. */
  #defaultFreeze(): readonly FreezeWindow[] | "unreadable" {
    const defaults = this.#ground?.defaults;
    return defaults?.ok === true ? (defaults.value.freeze ?? WISH_DEFAULTS.freeze) : "unreadable";
  }

  #resolveAll(
    catalog: ReadonlyMap<string, readonly string[]>,
    documents: ReadonlyMap<string, DocumentText>,
    alsoWithoutInstance: boolean,
  ): ReadonlyMap<string, Resolution> {
    const ground = this.#groundFor(documents.get("_defaults"));
    const services =
      this.#resolveChanged(catalog, documents, ground, alsoWithoutInstance) ??
      this.#resolveEvery(catalog, documents, ground, alsoWithoutInstance);
    this.#resolved = { catalog, documents, ground, services };
    return services;
  }

  /** The common case: a few services changed since the last time. Undefined if it is another case. */
  #resolveChanged(
    catalog: ReadonlyMap<string, readonly string[]>,
    documents: ReadonlyMap<string, DocumentText>,
    ground: Ground,
    alsoWithoutInstance: boolean,
  ): ReadonlyMap<string, Resolution> | undefined {
    const last = this.#resolved;
    if (last?.ground !== ground) return undefined;
    const changes = new Map<string, Resolution | undefined>();
    for (const name of changedKeys(last.catalog, catalog).union(changedKeys(last.documents, documents))) {
      // Who is over the quota depends on all of them.
      if (isReserved(name)) return undefined;
      const tags = catalog.get(name);
      const document = documents.get(name);
      if (tags === undefined && (document === undefined || !alsoWithoutInstance)) {
        this.#remembered.delete(name);
        changes.set(name, undefined);
        continue;
      }
      const now = this.#resolveOne(name, tags ?? NO_TAGS, document, ground);
      this.#remembered.set(name, now);
      changes.set(name, now.resolution);
    }
    return patched(last.services, changes);
  }

  #resolveOne(
    service: string,
    tags: readonly string[],
    document: DocumentText | undefined,
    ground: Ground,
  ): Remembered {
    const before = this.#remembered.get(service);
    if (before?.tags === tags && before.document === document && before.ground === ground) return before;
    return { tags, document, ground, resolution: resolve(service, tags, document, ground) };
  }

  #resolveEvery(
    catalog: ReadonlyMap<string, readonly string[]>,
    documents: ReadonlyMap<string, DocumentText>,
    ground: Ground,
    alsoWithoutInstance: boolean,
  ): ReadonlyMap<string, Resolution> {
    const remembered = new Map<string, Remembered>();
    const services = new Map<string, Resolution>();
    const visit = (service: string, tags: readonly string[], document: DocumentText | undefined): void => {
      const now = this.#resolveOne(service, tags, document, ground);
      remembered.set(service, now);
      if (now.resolution !== undefined) services.set(service, now.resolution);
    };

    // A reserved document is no service's, whatever somebody registers.
    for (const [service, tags] of catalog)
      visit(service, tags, isReserved(service) ? undefined : documents.get(service));
    if (alsoWithoutInstance) {
      for (const [name, document] of documents) {
        if (!isReserved(name) && !catalog.has(name)) visit(name, NO_TAGS, document);
      }
    }
    // Of the reserved ones a machine keeps only what concerns the machine itself.
    for (const [name, now] of this.#reserved(documents, ground)) {
      if (!alsoWithoutInstance && name !== NOMAD_DOCUMENT) continue;
      remembered.set(name, now);
      services.set(name, now.resolution);
    }
    this.#remembered = remembered;
    return services;
  }

  /** In the order of their names, which also decides who is over the quota. */
  *#reserved(
    documents: ReadonlyMap<string, DocumentText>,
    ground: Ground,
  ): Generator<readonly [string, Remembered & { readonly resolution: Resolution }]> {
    const names = [...documents.keys()].filter((name) => isReserved(name) && name !== "_defaults");
    const counts = new Map<string, number>();
    for (const name of names.sort(compareText)) {
      const document = documents.get(name)!;
      const folder = globalFolderOf(name);
      const count = folder === undefined ? 0 : (counts.get(folder.kind) ?? 0) + 1;
      if (folder !== undefined) counts.set(folder.kind, count);
      const isOverQuota = folder !== undefined && count > ground.policy[folder.quota];
      const before = this.#remembered.get(name);
      const resolution =
        before?.document === document && before.ground === ground && before.isOverQuota === isOverQuota
          ? before.resolution
          : undefined;
      const now = resolution ?? resolveReserved(name, document, ground, isOverQuota);
      yield [name, { tags: NO_TAGS, document, ground, isOverQuota, resolution: now }];
    }
  }

  #groundFor(defaults: DocumentText | undefined): Ground {
    if (this.#ground === undefined || this.#defaultsText !== defaults?.text) {
      this.#ground = { ...this.#options, defaults: readDefaults(defaults) };
      this.#defaultsText = defaults?.text;
    }
    return this.#ground;
  }

  #tagsOn(instances: NodeState["instances"]): ReadonlyMap<string, readonly string[]> {
    if (this.#nodeTags?.instances !== instances) {
      const tags = new Map([...instances].map(([service, list]) => [service, this.#union(list)]));
      this.#nodeTags = { instances, tags };
    }
    return this.#nodeTags.tags;
  }

  #union(instances: readonly RawInstance[]): readonly string[] {
    const only = instances.length === 1 ? instances[0]!.tags : undefined;
    if (only !== undefined) return only;
    let union = this.#tagsOf.get(instances);
    if (union === undefined) {
      union = [...new Set(instances.flatMap((instance) => instance.tags))].sort();
      this.#tagsOf.set(instances, union);
    }
    return union;
  }
}
