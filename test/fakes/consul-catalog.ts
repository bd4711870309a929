import { createHash } from "node:crypto";

import { answerRead, DENIED, ERROR_META, plain, type Answered, type Asked } from "./consul-http.ts";
import type { ConsulState, NodeRow, ServiceRow, Topic } from "./consul-state.ts";

const BAD_FILTER =
  'Failed to create boolean expression evaluator: 1:1 (0): no match found, expected: "(", "-", "0", "\\"", "`", "not", [ \\t\\r\\n], [1-9] or [a-zA-Z]';

/** `/v1/catalog/…` and `/v1/health/service/…` */
export async function answerCatalog(asked: Asked, state: ConsulState): Promise<Answered> {
  const [, , what = "", name = ""] = asked.path.split("/");
  if (asked.method === "PUT") return changeCatalog(asked, state, what);
  // Reads that may not be made are not refused: what may not be seen is left out.
  const denied = asked.acl === "deny" || asked.acl === "keyListPolicy";
  const read = async (topic: Topic, evaluate: () => { index: number; json: unknown }): Promise<Answered> =>
    await answerRead(asked, state, {
      topic,
      catalog: true,
      evaluate() {
        const { index, json } = evaluate();
        return { index, answer: { status: 200, json } };
      },
    });

  switch (what) {
    case "services":
      return await read("services", () => ({
        index: Math.max(state.tables.services, state.tables.nodes),
        json: denied || asked.query.has("node-meta") ? {} : tagsByService(state),
      }));
    case "nodes":
      return await read("nodes", () => ({
        index: state.tables.nodes,
        json: denied ? [] : [...state.nodes.values()].map(nodeFields),
      }));
    case "node":
    case "node-services": {
      const filter = asked.query.get("filter");
      if (filter !== null && !/^"[^"]*" in Tags$/.test(filter)) {
        return plain(500, BAD_FILTER, ERROR_META);
      }
      const tag = filter?.slice(1, filter.lastIndexOf('"'));
      return await read(`node/${name}`, () => {
        const node = denied ? undefined : state.nodes.get(name);
        const known = Math.max(state.tables.services, state.tables.nodes);
        return { index: state.nodes.has(name) ? known : 1, json: showNode(node, what === "node", tag) };
      });
    }
    case "service":
      return await read(`service/${name}`, () => ({
        index: serviceIndex(state, name),
        json: denied ? [] : state.instancesOf(name).map(({ node, row }) => flatInstance(node, row)),
      }));
    default:
      return { status: 404 };
  }
}

/** `/v1/health/service/<name>` and `/v1/health/state/<state>`: the checks of the nodes only; instances have none. */
export async function answerHealth(asked: Asked, state: ConsulState): Promise<Answered> {
  const [, , what = "", name = ""] = asked.path.split("/");
  if (what !== "service" && what !== "state") return { status: 404 };
  const denied = asked.acl === "deny" || asked.acl === "keyListPolicy";
  if (what === "state") {
    return await answerRead(asked, state, {
      topic: "services",
      catalog: true,
      evaluate() {
        const nodes = denied ? [] : [...state.nodes.values()];
        const checks = nodes.filter(({ Node }) => state.deadNodes.has(Node) === (name === "critical"));
        const json = checks.map((node) => serfHealth(node, name === "critical"));
        return { index: state.tables.nodes, answer: { status: 200, json } };
      },
    });
  }
  return await answerRead(asked, state, {
    topic: `service/${name}`,
    catalog: true,
    evaluate() {
      const instances = denied ? [] : state.instancesOf(name);
      const json = instances.map(({ node, row }) => ({
        Node: nodeFields(node),
        Service: serviceFields(row),
        Checks: [serfHealth(node, state.deadNodes.has(node.Node))],
      }));
      return { index: serviceIndex(state, name), answer: { status: 200, json } };
    },
  });
}

function serviceIndex(state: ConsulState, name: string): number {
  const indexes = state.instancesOf(name).map(({ row }) => row.ModifyIndex);
  return indexes.length === 0 ? state.tables.services : Math.max(...indexes);
}

function tagsByService(state: ConsulState): Record<string, string[]> {
  const tags = new Map<string, Set<string>>();
  for (const node of state.nodes.values()) {
    for (const row of node.services.values()) {
      const known = tags.get(row.Service) ?? new Set<string>();
      tags.set(row.Service, known);
      for (const tag of row.Tags) known.add(tag);
    }
  }
  // The order of tags changes from read to read, as it does in Consul.
  return Object.fromEntries([...tags].map(([name, set]) => [name, shuffled([...set])]));
}

function shuffled(tags: string[]): string[] {
  const at = Math.floor(Math.random() * tags.length);
  return [...tags.slice(at), ...tags.slice(0, at)];
}

function showNode(node: NodeRow | undefined, asMap: boolean, tag: string | undefined): unknown {
  if (node === undefined) return asMap ? null : { Node: null, Services: null };
  const rows = [...node.services.values()]
    .filter((row) => tag === undefined || row.Tags.includes(tag))
    .sort((a, b) => (a.ID < b.ID ? -1 : 1));
  const shown = rows.map(serviceFields);
  const services = asMap ? Object.fromEntries(rows.map((row, at) => [row.ID, shown[at]])) : shown;
  return { Node: nodeFields(node), Services: services };
}

function nodeFields({ services: _services, ...fields }: NodeRow): unknown {
  return fields;
}

function taggedAddresses(row: ServiceRow): object {
  if (row.Address === "") return {};
  const address = { Address: row.Address, Port: row.Port };
  return { TaggedAddresses: { lan_ipv4: address, wan_ipv4: address } };
}

const WEIGHTS = { Passing: 1, Warning: 1 };
const PROXY = { MeshGateway: {}, Expose: {} };

function serviceFields(row: ServiceRow): unknown {
  return { ...row, ...taggedAddresses(row), Weights: WEIGHTS, Proxy: PROXY, Connect: {} };
}

function flatInstance(node: NodeRow, row: ServiceRow): unknown {
  return {
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    Datacenter: node.Datacenter,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    ServiceKind: "",
    ServiceID: row.ID,
    ServiceName: row.Service,
    ServiceTags: row.Tags,
    ServiceAddress: row.Address,
    ...(row.Address === ""
      ? {}
      : {
          ServiceTaggedAddresses: {
            lan_ipv4: { Address: row.Address, Port: row.Port },
            wan_ipv4: { Address: row.Address, Port: row.Port },
          },
        }),
    ServiceWeights: WEIGHTS,
    ServiceMeta: row.Meta,
    ServicePort: row.Port,
    ServiceEnableTagOverride: row.EnableTagOverride,
    ServiceProxy: PROXY,
    ServiceConnect: {},
    CreateIndex: row.CreateIndex,
    ModifyIndex: row.ModifyIndex,
  };
}

function serfHealth(node: NodeRow, isDead: boolean): unknown {
  return {
    Node: node.Node,
    CheckID: "serfHealth",
    Name: "Serf Health Status",
    Status: isDead ? "critical" : "passing",
    Notes: "",
    Output: isDead ? "Agent not live or unreachable" : "Agent alive and reachable",
    ServiceID: "",
    ServiceName: "",
    ServiceTags: [],
    Type: "",
    Definition: {},
    CreateIndex: node.CreateIndex,
    ModifyIndex: node.CreateIndex,
  };
}

function changeCatalog(asked: Asked, state: ConsulState, what: string): Answered {
  if (asked.acl !== "allow") return DENIED;
  const body = JSON.parse(asked.body.toString("utf8")) as {
    Node: string;
    Address?: string;
    ServiceID?: string;
    Service?: Partial<ServiceRow> & { Service: string };
  };
  if (what === "register") {
    state.registerNode(body.Node, body.Address ?? "127.0.0.1");
    if (body.Service !== undefined) state.registerService(body.Node, body.Service);
    return { status: 200, json: true };
  }
  if (what !== "deregister") return { status: 404 };
  if (body.ServiceID === undefined) state.deregisterNode(body.Node);
  else state.deregisterService(body.Node, body.ServiceID);
  return { status: 200, json: true };
}

const REGISTRATION_FIELDS = new Set(
  "ID Name Tags Port Address Meta Check Checks Weights EnableTagOverride Kind Proxy Connect TaggedAddresses Token".split(
    " ",
  ),
);

/** `/v1/agent/…`: this server's own node. */
export function answerAgent(asked: Asked, state: ConsulState): Answered {
  const [, , what = "", verb = "", id = ""] = asked.path.split("/");
  const mayRead = asked.acl === "allow" || asked.acl === "readOnly";
  if (what === "self") return mayRead ? { status: 200, json: agentSelf(state) } : DENIED;
  if (what === "services") {
    const rows = [...(state.nodes.get(state.nodeName)?.services.values() ?? [])];
    // The agent doesn't list the server's own entry in the catalog.
    const own = mayRead ? rows.filter((row) => row.Service !== "consul") : [];
    return { status: 200, json: Object.fromEntries(own.map((row) => [row.ID, agentService(row)])) };
  }
  if (what === "service" && verb === "register") return register(asked, state);
  if (what === "service" && verb === "deregister") {
    if (asked.acl !== "allow") return DENIED;
    state.deregisterService(state.nodeName, id);
    return { status: 200 };
  }
  if (what === "service") {
    const row = state.nodes.get(state.nodeName)?.services.get(verb);
    if (row === undefined) return plain(404, `unknown service ID: ${verb}`);
    const service = agentService(row);
    const hash = createHash("sha256").update(JSON.stringify(service)).digest("hex").slice(0, 16);
    const headers = { "x-consul-contenthash": hash };
    return { status: 200, json: { ...service, ContentHash: hash }, headers };
  }
  return { status: 404 };
}

function register(asked: Asked, state: ConsulState): Answered {
  const wish = JSON.parse(asked.body.toString("utf8")) as Partial<ServiceRow> & { Name?: string };
  const unknown = Object.keys(wish).find((field) => !REGISTRATION_FIELDS.has(field));
  if (unknown !== undefined) return plain(400, `Request decode failed: json: unknown field "${unknown}"`);
  const { Name: name, ...fields } = wish;
  if (name === undefined || name === "") return plain(400, "Missing service name");
  if (asked.acl !== "allow") return plain(403, `Permission denied: Missing service:write on ${name}`);
  state.registerService(state.nodeName, { ...fields, Service: name });
  return { status: 200 };
}

function agentService(row: ServiceRow): object {
  const { CreateIndex: _created, ModifyIndex: _modified, ...fields } = row;
  return { ...fields, ...taggedAddresses(row), Weights: WEIGHTS };
}

function agentSelf(state: ConsulState): unknown {
  const node = state.nodes.get(state.nodeName);
  return {
    Config: {
      Datacenter: state.datacenter,
      NodeName: state.nodeName,
      NodeID: node?.ID ?? "",
      Revision: "",
      Server: true,
      Version: "1.8.7",
    },
    Member: {
      Name: state.nodeName,
      Addr: node?.Address ?? "",
      Port: 8301,
      Tags: { role: "consul" },
      Status: 1,
    },
    Stats: { consul: { leader: "true" } },
    Meta: { "consul-network-segment": "" },
  };
}
