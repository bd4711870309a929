import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import type { Pack } from "../../crds/pack.ts";
import { STRICT_POLICY, type Policy } from "../../crds/policy.ts";
import { resolve, type Resolution } from "../../crds/resolve.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import { loadPacks, openPacks } from "../../engine/sources/packs.ts";
import type { RawInstance } from "../../engine/sources/sources.ts";
import { packFolder, REGISTRY_PACK } from "../../test/builders/pack-folder.ts";
import { exampleGround, examplePack } from "../../test/builders/packs.ts";
import { compileAgentConfig } from "./compile.ts";

function instance(over: Partial<RawInstance> = {}): RawInstance {
  return {
    id: "ray-1",
    service: "ray",
    address: "10.0.0.5",
    port: 8080,
    tags: ["dd-observe"],
    meta: {},
    ...over,
  };
}

function snapshotOf(
  instances: readonly RawInstance[],
  document: string | undefined,
  policy: Policy = STRICT_POLICY,
): NodeSnapshot {
  const tags = [...new Set(instances.flatMap((one) => one.tags))].sort();
  const text = document === undefined ? undefined : { text: document, generation: 7 };
  const resolution = resolve("ray", tags, text, exampleGround({ policy }));
  return {
    services: new Map<string, Resolution>(resolution === undefined ? [] : [["ray", resolution]]),
    paused: new Set(),
    placed: new Map(),
    node: { name: "node-1", address: "10.0.0.5" },
    instances: new Map([["ray", instances]]),
  };
}

function compile(instances: readonly RawInstance[], document?: string, policy: Policy = STRICT_POLICY) {
  const ground = { clusterId: "dc1", policy, tagName: "dd-observe" };
  const desired = compileAgentConfig(ground)(snapshotOf(instances, document, policy));
  const [object] = desired.objects.values();
  const file =
    object === undefined ? undefined : (parse(object.body.text) as { instances: Record<string, unknown>[] });
  return { desired, object, file, endpoints: file?.instances.map((one) => one["openmetrics_endpoint"]) };
}

test.for([
  {
    title: "the registered port, the pack's path",
    tags: [],
    document: undefined,
    endpoint: "http://10.0.0.5:8080/metrics",
  },
  {
    title: "the tagged port and path",
    tags: ["dd-observe.port=9000", "dd-observe.path=/m"],
    document: undefined,
    endpoint: "http://10.0.0.5:9000/m",
  },
  {
    title: "the document's port before the tagged one",
    tags: ["dd-observe.port=9000"],
    document: "endpoint: {port: 7000}",
    endpoint: "http://10.0.0.5:7000/metrics",
  },
  {
    title: "the document's scheme",
    tags: [],
    document: "endpoint: {scheme: https}",
    endpoint: "https://10.0.0.5:8080/metrics",
  },
])("asks at $title", ({ tags, document, endpoint }) => {
  const { endpoints } = compile([instance({ tags: ["dd-observe", ...tags] })], document);

  expect(endpoints).toEqual([endpoint]);
});

describe("with options that steer", () => {
  const manifest = {
    options: {
      interval: { option: "min_collection_interval", type: "integer", default: 15, description: "i" },
      namespace: { option: "namespace", type: "text", default: "n", required: true, description: "n" },
      source: { type: "choice", values: ["scrape", "push"], default: "scrape", description: "s" },
    },
    checkNeeds: "source=scrape",
  };
  const filesOf = (pack: Pack, agent: string): readonly object[] => {
    const ground = exampleGround({ packs: new Map([["ray", pack]]) });
    const resolution = resolve("ray", [], { text: `agent: {${agent}}`, generation: 1 }, ground)!;
    const desired = compileAgentConfig({ clusterId: "dc1", policy: STRICT_POLICY, tagName: "dd-observe" })({
      ...snapshotOf([instance()], undefined, STRICT_POLICY),
      services: new Map([["ray", resolution]]),
    });
    expect(desired.held.size + desired.problems.length).toBe(0);
    return [...desired.objects.values()].flatMap(
      ({ body }) => (parse(body.text) as { instances: object[] }).instances,
    );
  };

  test("what steers the pack alone isn't written", () => {
    const [one] = filesOf(examplePack({ manifest }), "source: scrape");

    expect(one).toMatchObject({ min_collection_interval: 15, namespace: "n" });
    expect(Object.keys(one!)).not.toContain("source");
    expect(Object.keys(one!)).not.toContain("profile");
  });

  test("the minimal profile writes what the check requires and what the wish sets", () => {
    const [minimal] = filesOf(examplePack({ manifest }), "profile: minimal");
    const [tuned] = filesOf(examplePack({ manifest }), "profile: minimal, interval: 30");

    expect(minimal).toMatchObject({ namespace: "n" });
    expect(Object.keys(minimal!)).not.toContain("min_collection_interval");
    expect(tuned).toMatchObject({ min_collection_interval: 30, namespace: "n" });
  });

  test("no file is written where the condition for one doesn't hold, or there is no check", () => {
    const pushing = examplePack({
      manifest: { ...manifest, check: undefined, checkNeeds: undefined },
      conf: undefined,
    });

    expect(filesOf(examplePack({ manifest }), "source: push")).toEqual([]);
    expect(filesOf(pushing, "")).toEqual([]);
  });
});

test("writes an IPv6 address as URLs want it", () => {
  const { endpoints } = compile([instance({ address: "2001:db8::1" })]);

  expect(endpoints).toEqual(["http://[2001:db8::1]:8080/metrics"]);
});

test("puts every instance into one file, each with the port of its own tag, in an order of its own", () => {
  const a = instance({ id: "ray-1", tags: ["dd-observe", "dd-observe.port=9001"] });
  const b = instance({ id: "ray-2", tags: ["dd-observe", "dd-observe.port=9002"] });

  const there = compile([a, b]);
  const back = compile([b, a]);

  expect(there.endpoints).toEqual(["http://10.0.0.5:9001/metrics", "http://10.0.0.5:9002/metrics"]);
  expect(back.object?.body).toEqual(there.object?.body);
});

test("asks once where two instances share an endpoint", () => {
  const { endpoints } = compile([instance({ id: "ray-1" }), instance({ id: "ray-2" })]);

  expect(endpoints).toHaveLength(1);
});

test("the metrics of an instance that Nomad registered have its namespace, and no others do", () => {
  const own = instance({ id: "ray-1", tags: ["dd-observe", "dd-observe.port=9001"] });
  const nomads = instance({
    id: "ray-2",
    tags: ["dd-observe", "dd-observe.port=9002"],
    nomadNamespace: "prod",
  });

  const { file } = compile([own, nomads]);

  expect(
    file?.instances.map(({ tags }) =>
      (tags as readonly string[]).filter((tag) => tag.startsWith("nomad_namespace:")),
    ),
  ).toEqual([[], ["nomad_namespace:prod"]]);
});

test.for(["169.254.169.254", "::ffff:169.254.169.254", "metadata.google.internal", "0.0.0.0"])(
  "keeps what stands there, and says why, if the only instance is at %s",
  (address) => {
    const { desired } = compile([instance({ address })]);

    expect(desired.objects.size).toBe(0);
    expect([...desired.held.keys()]).toEqual(["ray/ray"]);
    expect(desired.problems).toMatchObject([{ owner: "ray", reason: "AddressRefused" }]);
  },
);

test("leaves out an instance at a refused address, and observes the others", () => {
  const { desired, endpoints } = compile([
    instance({ address: "169.254.169.254" }),
    instance({ id: "ray-2" }),
  ]);

  expect(endpoints).toEqual(["http://10.0.0.5:8080/metrics"]);
  expect(desired.problems).toMatchObject([{ reason: "AddressRefused" }]);
});

test.for([
  { title: "the node's own name", address: "node-1", hosts: [], refused: false },
  { title: "a name that the policy allows", address: "ray.internal", hosts: ["*.internal"], refused: false },
  { title: "any other name", address: "ray.example", hosts: ["*.internal"], refused: true },
])("$title as an address is refused: $refused", ({ address, hosts, refused }) => {
  const { desired } = compile([instance({ address })], undefined, { ...STRICT_POLICY, endpointHosts: hosts });

  expect(desired.problems.map(({ reason }) => reason)).toEqual(refused ? ["AddressRefused"] : []);
});

test("says that a port is missing, and what to do", () => {
  const { desired } = compile([instance({ port: 0 })]);

  expect(desired.problems).toMatchObject([
    {
      reason: "NoPort",
      message: "instance ray-1 registered no port; set endpoint.port or the tag dd-observe.port=<port>",
    },
  ]);
});

test.for([
  { title: "the pack's default", document: "", settings: { min_collection_interval: 15 } },
  {
    title: "what the document says",
    document: "agent: {interval: 30}",
    settings: { min_collection_interval: 30 },
  },
  {
    title: "false as a value",
    document: "agent: {buckets: false}",
    settings: { collect_histogram_buckets: false },
  },
])("sets options to $title, under the Agent's names", ({ document, settings }) => {
  const { file } = compile([instance()], document);

  expect(file?.instances[0]).toMatchObject({ ...settings, allow_redirects: false });
});

test("what a wish adds to a list that the pack fixes stands behind it", () => {
  const fixed = { openmetrics_endpoint: "${endpoint}", allow_redirects: false, exclude_labels: ["session"] };
  const pack = examplePack({ conf: { instance: fixed } });
  const ground = exampleGround({ packs: new Map([["ray", pack]]) });
  const labelsOf = (document: string | undefined): unknown => {
    const text = document === undefined ? undefined : { text: document, generation: 7 };
    const services = new Map([["ray", resolve("ray", ["dd-observe"], text, ground)!]]);
    const snapshot = { ...snapshotOf([instance()], undefined), services };
    const compiled = compileAgentConfig({ clusterId: "dc1", policy: STRICT_POLICY, tagName: "dd-observe" });
    const [object] = compiled(snapshot).objects.values();
    return (parse(object!.body.text) as { instances: Record<string, unknown>[] }).instances[0]?.[
      "exclude_labels"
    ];
  };

  expect(labelsOf(undefined)).toEqual(["session"]);
  expect(labelsOf("agent: {labels: [pod]}")).toEqual(["session", "pod"]);
});

test("tags what comes from the service", () => {
  const { file } = compile([instance()], "env: prod\nteam: ml\ntags: [cost-center:42]");

  expect(file?.instances[0]?.["tags"]).toEqual([
    "cluster:dc1",
    "cost-center:42",
    "env:prod",
    "service:ray",
    "team:ml",
  ]);
});

test("the file itself says that it is retained", () => {
  const { object } = compile([instance()], "deletion: retain\ndrift: report");

  expect(object).toMatchObject({ retain: true, drift: { rule: "report", fields: {} } });
  expect(object?.body.text).toMatch(/^# Managed by dd-observe .*, kept\)/);
});

test("wants nothing where the service doesn't run", () => {
  const { desired } = compile([], "team: ml");

  expect([desired.objects.size, desired.held.size, desired.problems]).toEqual([0, 0, []]);
});

test("an unchanged service costs no second compile", () => {
  const compileOnce = compileAgentConfig({ clusterId: "dc1", policy: STRICT_POLICY, tagName: "dd-observe" });
  const snapshot = snapshotOf([instance()], undefined);

  const first = compileOnce(snapshot).objects.get("ray/ray");
  const second = compileOnce({ ...snapshot, services: new Map(snapshot.services) }).objects.get("ray/ray");

  expect(second?.body).toBe(first?.body);
});

test("a file is written without a look at dashboards and tables of metrics, which a node never reads", () => {
  const asked: string[] = [];
  const ray = new Proxy(openPacks([]).get("ray")!, {
    get: (pack, name) => {
      asked.push(String(name));
      return Reflect.get(pack, name) as unknown;
    },
  });
  const ground = exampleGround({ packs: new Map([["ray", ray]]), policy: STRICT_POLICY });
  const text = "monitors: {node-cpu: {critical: 90}}\n";
  const resolution = resolve("ray", ["dd-observe"], { text, generation: 7 }, ground)!;

  const { objects } = compileAgentConfig({ clusterId: "dc1", policy: STRICT_POLICY, tagName: "dd-observe" })({
    ...snapshotOf([instance()], undefined),
    services: new Map([["ray", resolution]]),
  });

  expect([...objects.keys()]).toEqual(["ray/ray"]);
  expect(asked).toContain("conf");
  expect(asked).not.toContain("dashboards");
  expect(asked).not.toContain("metrics");
});

describe("an option that takes effect on one machine", () => {
  function written(placed: string | undefined, catalog: boolean, ports: readonly number[] = [8500]) {
    const packs = loadPacks([packFolder({ registry: REGISTRY_PACK })]);
    const text = `pack: registry\nendpoint: {}\nagent: {catalog: ${catalog}}\n`;
    const ground = exampleGround({ packs, policy: STRICT_POLICY });
    const resolution = resolve("registry", [], { text, generation: 7 }, ground)!;
    const addresses = ports.map((port, at) =>
      instance({ id: `r-${port}`, address: `10.0.0.${9 - at}`, port }),
    );
    const compileNow = compileAgentConfig({ clusterId: "dc1", policy: STRICT_POLICY, tagName: "dd-observe" });
    const { objects } = compileNow({
      services: new Map([["registry", resolution]]),
      paused: new Set(),
      placed: new Map(placed === undefined ? [] : [["registry", placed]]),
      node: { name: "node-1", address: "10.0.0.5" },
      instances: new Map([["registry", addresses]]),
    });
    const [object] = objects.values();
    const file = parse(object!.body.text) as { instances: Readonly<Record<string, unknown>>[] };
    return file.instances.map((one) => one["single_node_install"]);
  }

  test("stands where the service is placed, and nowhere else", () => {
    expect(written("node-1", true)).toEqual([true]);
    expect(written("node-2", true)).toEqual([undefined]);
    expect(written(undefined, true)).toEqual([undefined]);
  });

  test("stands in one instance of several", () => {
    expect(written("node-1", true, [8500, 8501, 8502])).toEqual([true, undefined, undefined]);
  });

  test("is off everywhere alike, so that no file changes with a choice", () => {
    expect(written("node-1", false)).toEqual([false]);
    expect(written("node-2", false)).toEqual([false]);
  });
});
