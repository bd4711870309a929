import {
  orNotFound,
  TIMEOUT_MS,
  type CatalogInstance,
  type Consul,
  type HealthCheck,
} from "./consul-calls.ts";
import type { PackageCall } from "./consul-package.ts";

/** Calls about sessions. */
export function sessionCalls(
  call: PackageCall,
): Pick<Consul, "sessionCreate" | "sessionRenew" | "sessionDestroy"> {
  const right = 'session_prefix "" { policy = "write" }';
  return {
    async sessionCreate({ ttlMs, lockDelayMs, name }, signal) {
      const body = {
        Name: name,
        TTL: `${ttlMs}ms`,
        LockDelay: `${lockDelayMs}ms`,
        Behavior: "release",
        NodeChecks: [],
        Checks: [],
      };
      const tried = "create a session";
      // A session whose answer was lost ends by its TTL, so that the call may simply be made again.
      const request = { method: "PUT", path: "/session/create", body, tried, right, writes: false } as const;
      const answer = await call({ ...request, timeoutMs: TIMEOUT_MS }, signal);
      return (answer.body as { readonly ID: string }).ID;
    },
    async sessionRenew(session, timeoutMs, signal) {
      const path = `/session/renew/${encodeURIComponent(session)}`;
      const request = {
        method: "PUT",
        path,
        tried: "renew the session",
        right,
        writes: false,
        timeoutMs,
      } as const;
      return (await orNotFound(call(request, signal))) !== undefined;
    },
    async sessionDestroy(session, signal) {
      const path = `/session/destroy/${encodeURIComponent(session)}`;
      const tried = "end the session";
      await call({ method: "PUT", path, tried, right, writes: false, timeoutMs: TIMEOUT_MS }, signal);
    },
  };
}

type CatalogCalls = Pick<
  Consul,
  | "agentSelf"
  | "statusLeader"
  | "catalogService"
  | "healthChecks"
  | "serviceRegister"
  | "serviceDeregister"
  | "aclTokenSelf"
>;

/** Calls about services, the agent and ourselves. */
export function catalogCalls(call: PackageCall): CatalogCalls {
  async function get(
    path: string,
    tried: string,
    right: string,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return (await call({ method: "GET", path, tried, right, writes: false, timeoutMs: TIMEOUT_MS }, signal))
      .body;
  }

  return {
    async agentSelf(signal) {
      const right = 'agent_prefix "" { policy = "read" }';
      const body = await get("/agent/self", "ask the Consul agent who it is", right, signal);
      const { Config } = body as { Config: { NodeName: string; Datacenter: string; Version: string } };
      return { node: Config.NodeName, datacenter: Config.Datacenter, version: Config.Version };
    },
    async statusLeader(signal) {
      return (await get("/status/leader", "ask for Consul's leader", "none", signal)) as string;
    },
    async catalogService(name, signal) {
      const right = 'service_prefix "" { policy = "read" } and node_prefix "" { policy = "read" }';
      const path = `/catalog/service/${encodeURIComponent(name)}`;
      const body = await get(path, `read the instances of the service "${name}"`, right, signal);
      return (body as readonly WireInstance[]).map(fromWireInstance);
    },
    async healthChecks(name, signal) {
      const right = 'service_prefix "" { policy = "read" } and node_prefix "" { policy = "read" }';
      const path = `/health/service/${encodeURIComponent(name)}`;
      const body = await get(path, `read the checks of the service "${name}"`, right, signal);
      const checks = (body as readonly WireHealth[]).flatMap(({ Checks }) => Checks).map(fromWireCheck);
      return [...new Map(checks.map((check) => [`${check.node} ${check.id}`, check])).values()];
    },
    async serviceRegister({ id, name, address, port, tags, meta }, signal) {
      const body = {
        ...(id === undefined ? {} : { ID: id }),
        Name: name,
        ...(address === undefined ? {} : { Address: address }),
        ...(port === undefined ? {} : { Port: port }),
        Tags: tags ?? [],
        Meta: meta ?? {},
      };
      const tried = `register the service "${name}"`;
      const right = `service "${name}" { policy = "write" }`;
      const path = "/agent/service/register";
      await call({ method: "PUT", path, body, tried, right, writes: true, timeoutMs: TIMEOUT_MS }, signal);
    },
    async serviceDeregister(id, signal) {
      const path = `/agent/service/deregister/${encodeURIComponent(id)}`;
      const right = `service "${id}" { policy = "write" }`;
      const tried = `deregister the service "${id}"`;
      await call({ method: "PUT", path, tried, right, writes: true, timeoutMs: TIMEOUT_MS }, signal);
    },
    async aclTokenSelf(signal) {
      const body = await get(
        "/acl/token/self",
        "look up our own Consul token",
        "a token that exists",
        signal,
      );
      return { accessorId: (body as { readonly AccessorID: string }).AccessorID };
    },
  };
}

interface WireInstance {
  readonly Node: string;
  readonly Address: string;
  readonly ServiceID: string;
  readonly ServiceName: string;
  readonly ServiceAddress: string;
  readonly ServicePort: number;
  readonly ServiceTags: readonly string[] | null;
  readonly ServiceMeta: Readonly<Record<string, string>> | null;
}

function fromWireInstance(wire: WireInstance): CatalogInstance {
  return {
    id: wire.ServiceID,
    service: wire.ServiceName,
    node: wire.Node,
    nodeAddress: wire.Address,
    address: wire.ServiceAddress === "" ? wire.Address : wire.ServiceAddress,
    port: wire.ServicePort,
    tags: (wire.ServiceTags ?? []).toSorted(),
    meta: wire.ServiceMeta ?? {},
  };
}

interface WireHealth {
  readonly Checks: readonly WireCheck[];
}

interface WireCheck {
  readonly Node: string;
  readonly CheckID: string;
  readonly Name: string;
  readonly Status: string;
}

function fromWireCheck({ Node, CheckID, Name, Status }: WireCheck): HealthCheck & { readonly id: string } {
  return { node: Node, id: CheckID, name: Name === "" ? CheckID : Name, status: Status };
}
