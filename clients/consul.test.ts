import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, onTestFinished, test } from "vitest";

import { startFakeConsul, type FakeConsul } from "../test/fakes/consul.ts";
import { createConsul, type Consul } from "./consul.ts";
import type { BlockingRequest } from "./consul-read.ts";

async function world(): Promise<{ readonly fake: FakeConsul; readonly consul: Consul }> {
  const fake = await startFakeConsul();
  onTestFinished(() => fake.stop());
  return { fake, consul: createConsul({ address: fake.url }) };
}

const READ: BlockingRequest = {
  path: "/kv/observability/",
  query: { recurse: "" },
  index: 0,
  waitMs: 1_000,
  tried: "watch the documents",
  right: 'key_prefix "observability/" { policy = "list" }',
};

test("reads what it wrote", async () => {
  const { consul } = await world();

  await consul.kvPut("observability/web", "pack: nginx — ü");
  await consul.kvPut("observability/empty", "");

  expect(await consul.kvGet("observability/web")).toMatchObject({
    text: "pack: nginx — ü",
    session: undefined,
  });
  expect((await consul.kvList("observability/")).map(({ key, text }) => [key, text])).toEqual([
    ["observability/empty", ""],
    ["observability/web", "pack: nginx — ü"],
  ]);
  expect(await consul.kvKeys("observability/")).toEqual(["observability/empty", "observability/web"]);
});

test("finds nothing where nothing is", async () => {
  const { consul } = await world();

  expect(await consul.kvGet("observability/web")).toBeUndefined();
  expect(await consul.kvList("observability/")).toEqual([]);
  expect(await consul.kvKeys("observability/")).toEqual([]);
});

test("reads many keys at one moment, whatever it believed of them", async () => {
  const { fake, consul } = await world();
  fake.put("a", "1");
  fake.put("b", "2");
  const keys = ["a", "b", "c"];

  const nothingKnown = await consul.kvGetMany(keys, { present: new Set() });
  const allKnown = await consul.kvGetMany(keys, { present: new Set(["a", "b"]) });
  const wrong = await consul.kvGetMany(keys, { present: new Set(["a", "c"]) });

  for (const found of [nothingKnown, allKnown, wrong])
    expect([...found].map(([key, { text }]) => [key, text])).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
  expect(fake.requests.map(({ line }) => line)).toEqual(Array.from({ length: 5 }, () => "PUT /v1/txn"));
});

test("takes what may not be read for an error, not for absent", async () => {
  const { fake, consul } = await world();
  fake.put("a", "1");
  fake.faults.acl = "deny";

  for (const present of [new Set<string>(), new Set(["a"])])
    await expect(consul.kvGetMany(["a"], { present })).rejects.toMatchObject({
      failure: "unauthorized",
      hint: expect.stringContaining("policy") as string,
    });
});

test("creates a key once only with cas 0", async () => {
  const { consul } = await world();

  const results = [await consul.kvPut("a", "1", { cas: 0 }), await consul.kvPut("a", "2", { cas: 0 })];

  expect(results).toEqual([true, false]);
});

test("deletes a key, or all below a prefix", async () => {
  const { fake, consul } = await world();
  for (const key of ["a/1", "a/2", "b"]) fake.put(key, "x");

  await consul.kvDelete("a/", { recurse: true });
  const stale = await consul.kvDelete("b", { cas: 1 });
  await consul.kvDelete("b");

  expect(stale).toBe(false);
  expect(fake.state.keys.size).toBe(0);
});

test("makes a transaction whole, or says which operation failed", async () => {
  const { fake, consul } = await world();

  const made = await consul.txn([{ verb: "set", key: "a", text: "ü" }]);
  const failed = await consul.txn([
    { verb: "delete-tree", key: "a" },
    { verb: "cas", key: "b", text: "1", modifyIndex: 5 },
  ]);

  expect(made).toEqual({ ok: true });
  expect(failed).toEqual({
    ok: false,
    errors: [{ opIndex: 1, what: expect.stringContaining("index is stale") as string }],
  });
  expect(fake.state.keys.has("a")).toBe(true);
});

test("shows the instances of a service with the address of their node where they have none", async () => {
  const { fake, consul } = await world();
  await consul.serviceRegister({ id: "web-1", name: "web", port: 80, tags: ["b", "a"], meta: { team: "x" } });
  fake.state.registerNode("node-2", "10.0.0.2");
  fake.state.registerService("node-2", { Service: "web", Address: "10.1.1.1", Port: 81 });

  const instances = await consul.catalogService("web");

  expect(instances).toMatchObject([
    { id: "web-1", node: "node-1", address: "127.0.0.1", port: 80, tags: ["a", "b"], meta: { team: "x" } },
    { id: "web", node: "node-2", nodeAddress: "10.0.0.2", address: "10.1.1.1", port: 81 },
  ]);
  await consul.serviceDeregister("web-1");
  expect(await consul.catalogService("web")).toHaveLength(1);
});

test("knows its agent, its leader and its token", async () => {
  const { consul } = await world();

  expect(await consul.agentSelf()).toEqual({ node: "node-1", datacenter: "dc1", version: "1.8.7" });
  expect(await consul.statusLeader()).not.toBe("");
  expect(await consul.aclTokenSelf()).toHaveProperty("accessorId");
});

test("names the right that is missing", async () => {
  const { fake, consul } = await world();
  fake.faults.acl = "deny";

  await expect(consul.kvPut("observability/web", "x")).rejects.toMatchObject({
    failure: "unauthorized",
    status: 403,
    message: 'Cannot write the key "observability/web": 403 Permission denied',
    hint: expect.stringContaining("key_prefix") as string,
  });
  await expect(consul.txn([{ verb: "set", key: "a", text: "" }])).rejects.toMatchObject({
    failure: "unauthorized",
  });
  await expect(consul.agentSelf()).rejects.toMatchObject({
    hint: expect.stringContaining("agent_prefix") as string,
  });
});

test.for([
  { status: 429, failure: "rateLimited", retryAfterMs: 3_000 },
  { status: 400, failure: "rejected", retryAfterMs: undefined },
  { status: 500, failure: "unavailable", retryAfterMs: undefined },
])("takes $status for $failure", async ({ status, failure, retryAfterMs }) => {
  const { fake, consul } = await world();
  const headers: Record<string, string> = retryAfterMs === undefined ? {} : { "retry-after": "3" };
  fake.fault({ status, text: "no", headers });

  await expect(consul.kvGet("a")).rejects.toMatchObject({ failure, status, retryAfterMs });
});

test("does not know whether a write was made if its answer was lost", async () => {
  const { fake, consul } = await world();
  fake.fault({ matches: /PUT/, loseAnswer: true });

  await expect(consul.kvPut("a", "1")).rejects.toMatchObject({ failure: "ambiguous" });
  expect(fake.state.keys.has("a")).toBe(true);
});

test("knows that nothing was written if nobody listens", async () => {
  const { fake, consul } = await world();
  await fake.stop();

  await expect(consul.kvPut("a", "1")).rejects.toMatchObject({
    failure: "unavailable",
    hint: expect.stringContaining("CONSUL_HTTP_ADDR") as string,
  });
});

test("reads a rotated token again after a 403, once", async () => {
  const { fake } = await world();
  fake.faults.acl = "deny";
  fake.faults.aclByToken.set("new", "allow");
  fake.put("a", "1");
  const tokens = ["old", "new\n"];
  const consul = createConsul({ address: fake.url, token: () => tokens.shift() });

  const entry = await consul.kvGet("a");

  expect(entry?.text).toBe("1");
  expect(fake.requests.map(({ token }) => token)).toEqual(["old", "new"]);
});

test("never shows a token in an error", async () => {
  const { fake } = await world();
  fake.faults.acl = "unknownToken";
  const consul = createConsul({ address: fake.url, token: "s3cret-token" });

  const error: unknown = await consul.kvGet("a").catch((reason: unknown) => reason);

  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("s3cret-token");
  expect(error).toMatchObject({ hint: expect.stringContaining("does not know the token") as string });
});

test.for(["a//b", "a/../b", "", "."])(
  "refuses the key %j, which Consul would read as another",
  async (key) => {
    const { consul } = await world();

    await expect(consul.kvGet(key)).rejects.toMatchObject({ failure: "rejected" });
  },
);

test("refuses an address that is no URL", () => {
  expect(() => createConsul({ address: "unix:///run/consul.sock" })).toThrow("not an HTTP URL");
});

test("ends when its signal aborts", async () => {
  const { fake, consul } = await world();
  fake.fault({ delayMs: 5_000 });
  const ended = new AbortController();

  const read = consul.kvGet("a", {}, ended.signal);
  ended.abort(new Error("stop"));

  await expect(read).rejects.toThrow("stop");
});

test("a blocking read gives the index, and what is there", async () => {
  const { fake, consul } = await world();
  fake.put("observability/web", "1");

  const answer = await consul.read(READ, new AbortController().signal);

  expect(answer).toMatchObject({ status: 200, knownLeader: true, filteredByAcls: false });
  expect(answer.index).toBe(fake.state.kvIndex("observability/"));
  expect(answer.body()).toMatchObject([{ Key: "observability/web" }]);
});

test("a blocking read of nothing is no error", async () => {
  const { consul } = await world();

  const answer = await consul.read(READ, new AbortController().signal);

  expect(answer.status).toBe(404);
  expect(answer.body()).toBeUndefined();
});

test("a blocking read looks at the status before the index", async () => {
  const { fake, consul } = await world();
  fake.faults.noLeader = true;

  const read = consul.read({ ...READ, path: "/catalog/services", query: {} }, new AbortController().signal);

  await expect(read).rejects.toMatchObject({ failure: "unavailable", status: 500 });
});

test("a blocking read takes half an answer for none", async () => {
  const { fake, consul } = await world();
  fake.put("observability/web", "1".repeat(10_000));
  fake.fault({ truncate: true });

  await expect(consul.read(READ, new AbortController().signal)).rejects.toMatchObject({
    failure: "unavailable",
  });
});

test.for([
  { address: "http://127.0.0.1", packed: "identity" },
  { address: "http://consul.example", packed: "gzip" },
])("asks for $packed answers at $address", async ({ address, packed }) => {
  const seen: (string | undefined)[] = [];
  const proxy = createServer((request, response) => {
    seen.push(String(request.headers["accept-encoding"]));
    response.writeHead(404, { "x-consul-index": "1", "x-consul-knownleader": "true" }).end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const lookup = address.includes("example") ? "http://[::ffff:127.0.0.1]" : address;

  await createConsul({ address: `${lookup}:${port}` }).read(READ, new AbortController().signal);

  expect(seen).toEqual([packed]);
});
