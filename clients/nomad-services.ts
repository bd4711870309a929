import { z } from "zod";

import type { BlockingReader, BlockingRequest } from "./blocking-read.ts";
import { ApiError } from "./errors.ts";
import { parseAnswer } from "./nomad-answer.ts";
import { readNomad, tooOld } from "./nomad-read.ts";
import type { Nomad } from "./nomad.ts";

/** One registration of a service that Nomad keeps itself. */
export interface NomadService {
  readonly id: string;
  readonly service: string;
  readonly namespace: string;
  readonly allocation: string;
  /** The id of Nomad's node. */
  readonly node: string;
  /** `""` if it has none. */
  readonly address: string;
  /** 0 if it has none. */
  readonly port: number;
  /** Sorted. */
  readonly tags: readonly string[];
}

/** What Nomad says of the services that it keeps itself, which it does from 1.3 on. */
export interface NomadServices {
  readonly read: BlockingReader;
  /** The client at this address. @throws {ApiError} also if the agent there has none. */
  nodeId(signal: AbortSignal): Promise<string>;
  /** False if Nomad knows no such node, as after it lost its state. */
  knowsNode(id: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Whether the token may read what a namespace runs. Asked of a single thing, since lists leave out what may not be read.
   */
  mayRead(namespace: string, signal: AbortSignal): Promise<boolean>;
  ofName(service: string, namespace: string, signal: AbortSignal): Promise<readonly NomadService[]>;
  /** Undefined if there is no such allocation any more. */
  ofAllocation(
    id: string,
    namespace: string,
    signal: AbortSignal,
  ): Promise<readonly NomadService[] | undefined>;
}

const READ_JOB = (namespace: string): string => `namespace "${namespace}" { capabilities = ["read-job"] }`;

/** Names and tags, of all namespaces that the token may read. */
export const NOMAD_SERVICES_REQUEST: Omit<BlockingRequest, "index" | "waitMs"> = {
  path: "/services",
  query: { namespace: "*" },
  tried: "watch Nomad's services",
  right: READ_JOB("*"),
};

/** What one node runs, of all namespaces that the token may read. */
export function nodeAllocationsRequest(nodeId: string): Omit<BlockingRequest, "index" | "waitMs"> {
  return {
    path: `/node/${encodeURIComponent(nodeId)}/allocations`,
    tried: `watch the allocations of the Nomad node ${nodeId}`,
    right: `node { policy = "read" } and ${READ_JOB("*")}`,
  };
}

/** A job that nobody has. Whoever may read the namespace is told so, everybody else is refused. */
const NO_JOB = "dd-observe-may-i-read";

export function nomadServices(nomad: Pick<Nomad, "agentSelf" | "node" | "connection">): NomadServices {
  const { connection } = nomad;
  return {
    read: readNomad(connection),
    async nodeId(signal) {
      const { nodeId } = await nomad.agentSelf(signal);
      if (nodeId !== undefined) return nodeId;
      throw new ApiError("find this machine among Nomad's nodes", "the agent there runs no client", {
        failure: "rejected",
        hint: `Set NOMAD_ADDR to the Nomad client of this machine; ${connection.name} is a server only.`,
      });
    },
    async knowsNode(id, signal) {
      return (await nomad.node(id, signal)) !== undefined;
    },
    async mayRead(namespace, signal) {
      const path = `/job/${NO_JOB}/allocations`;
      const tried = `read the namespace "${namespace}" of Nomad`;
      const answer = await connection.call({ path, query: { namespace }, tried }, signal, [403]);
      return answer.status !== 403;
    },
    async ofName(service, namespace, signal) {
      const tried = `read the instances of the service "${service}" in Nomad`;
      const path = `/service/${encodeURIComponent(service)}`;
      const right = READ_JOB(namespace);
      const answer = await connection.call({ path, query: { namespace }, tried, right }, signal);
      return parseServices(answer.text, tried);
    },
    async ofAllocation(id, namespace, signal) {
      const tried = `read the services of the allocation ${id}`;
      const path = `/allocation/${encodeURIComponent(id)}/services`;
      const right = READ_JOB(namespace);
      const answer = await connection.call({ path, query: { namespace }, tried, right }, signal, [404]);
      if (answer.headers.get("x-nomad-knownleader") === "false")
        throw new ApiError(tried, "Nomad has no leader", { failure: "unavailable", status: answer.status });
      if (answer.status === 404 && !answer.text.includes("allocation not found"))
        throw tooOld({ tried, right, writes: false });
      if (answer.status === 404) return undefined;
      return parseServices(answer.text, tried);
    },
  };
}

const serviceWire = z.object({
  ID: z.string(),
  ServiceName: z.string(),
  Namespace: z.string(),
  AllocID: z.string(),
  NodeID: z.string(),
  Address: z.string(),
  Port: z.number(),
  Tags: z.array(z.string()).nullish(),
});

function parseServices(text: string, tried: string): readonly NomadService[] {
  return parseAnswer(z.array(serviceWire), text, tried)
    .map((wire) => ({
      id: wire.ID,
      service: wire.ServiceName,
      namespace: wire.Namespace,
      allocation: wire.AllocID,
      node: wire.NodeID,
      address: wire.Address,
      port: wire.Port,
      tags: (wire.Tags ?? []).toSorted(),
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
