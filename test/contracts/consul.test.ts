import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createConsul } from "../../clients/consul.ts";
import { startFakeConsul } from "../fakes/consul.ts";
import { consulBinary, NO_CONSUL, startConsul } from "../servers/consul.ts";

/** A server under test, and how it denies. */
interface Subject {
  readonly url: string;
  /** A token of a server that denies by default, with no policy. */
  denied(): Promise<{ readonly url: string; readonly token: string }>;
  end(): Promise<void>;
}

async function fakeSubject(): Promise<Subject> {
  const fake = await startFakeConsul();
  const denying = await startFakeConsul();
  denying.put("acl/a", "1");
  denying.faults.acl = "deny";
  return {
    url: fake.url,
    denied: async () => await Promise.resolve({ url: denying.url, token: "any" }),
    async end() {
      await Promise.all([fake.stop(), denying.stop()]);
    },
  };
}

async function realSubject(): Promise<Subject> {
  const real = await startConsul();
  const denying = await startConsul({ acls: true });
  await denying.run("kv", "put", "acl/a", "1");
  return {
    url: real.url,
    async denied() {
      return { url: denying.url, token: await denying.createToken('key "elsewhere" { policy = "read" }') };
    },
    async end() {
      await Promise.all([real[Symbol.asyncDispose](), denying[Symbol.asyncDispose]()]);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly index: number | undefined;
  readonly knownLeader: string | null;
  readonly text: string;
  readonly json: () => unknown;
}

async function ask(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<Answer> {
  const response = await fetch(`${url}/v1${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    headers: token === undefined ? {} : { "x-consul-token": token },
  });
  const text = await response.text();
  const index = response.headers.get("x-consul-index");
  return {
    status: response.status,
    index: index === null ? undefined : Number(index),
    knownLeader: response.headers.get("x-consul-knownleader"),
    text,
    json: () => JSON.parse(text) as unknown,
  };
}

const subjects = [
  { name: "the stand-in", start: fakeSubject, skip: false },
  {
    name: `a real Consul${consulBinary() === undefined ? ` (${NO_CONSUL})` : ""}`,
    start: realSubject,
    skip: consulBinary() === undefined,
  },
];

describe.for(subjects)("$name behaves like Consul:", ({ start, skip }) => {
  describe.skipIf(skip)("it", () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await start();
    }, 60_000);
    afterAll(async () => {
      await subject?.end();
    });

    const get = async (path: string): Promise<Answer> => await ask(subject.url, "GET", path);
    const put = async (path: string, body?: unknown): Promise<Answer> =>
      await ask(subject.url, "PUT", path, body);
    const session = async (more: object = {}): Promise<string> => {
      const answer = await put("/session/create", { TTL: "10s", LockDelay: "1s", NodeChecks: [], ...more });
      return (answer.json() as { ID: string }).ID;
    };

    test("answers an unused prefix with 404 and an index", async () => {
      const answer = await get("/kv/unused/?recurse");

      expect(answer).toMatchObject({ status: 404, knownLeader: "true", text: "" });
      expect(answer.index).toBeGreaterThan(0);
    });

    test("wakes a blocking read at a change of its prefix", async () => {
      await put("/kv/wake/a", "1");
      const before = await get("/kv/wake/?recurse");

      const waiting = get(`/kv/wake/?recurse&index=${before.index}&wait=20s`);
      await sleep(50);
      await put("/kv/wake/b", "2");

      const after = await waiting;
      expect(after.index).toBeGreaterThan(before.index ?? 0);
      expect(after.json()).toMatchObject([{ Key: "wake/a" }, { Key: "wake/b", Value: "Mg==" }]);
    });

    test.for([
      { what: "the same value", path: "/kv/still/a", body: "1" },
      { what: "a key outside the prefix", path: "/kv/elsewhere/a", body: String(Date.now()) },
    ])("does not wake it for $what", async ({ path, body }) => {
      await put("/kv/still/a", "1");
      const before = await get("/kv/still/?recurse");

      const waiting = get(`/kv/still/?recurse&index=${before.index}&wait=1s`);
      await sleep(50);
      await put(path, body);

      expect((await waiting).index).toBe(before.index);
    });

    test("wakes a read of an unused prefix at every write", async () => {
      const before = await get("/kv/nothing-here/?recurse");

      const waiting = get(`/kv/nothing-here/?recurse&index=${before.index}&wait=20s`);
      await sleep(50);
      await put("/kv/elsewhere/b", String(Date.now()));

      const after = await waiting;
      expect(after.status).toBe(404);
      expect(after.index).toBeGreaterThan(before.index ?? 0);
    });

    test("wakes it with 404 when the last key goes", async () => {
      await put("/kv/last/a", "1");
      const before = await get("/kv/last/?recurse");

      const waiting = get(`/kv/last/?recurse&index=${before.index}&wait=20s`);
      await sleep(50);
      await ask(subject.url, "DELETE", "/kv/last/a");

      const after = await waiting;
      expect(after.status).toBe(404);
      expect(after.index).toBeGreaterThan(before.index ?? 0);
    });

    test("says nothing of changes to a reader with an index that is too high", async () => {
      await put("/kv/future/a", "1");

      const waiting = get("/kv/future/?recurse&index=99999999&wait=1s");
      await sleep(50);
      await put("/kv/future/a", "2");

      expect((await waiting).index).toBeLessThan(99_999_999);
    });

    test("writes only at the asked index", async () => {
      await put("/kv/cas/a", "1");
      const entry = ((await get("/kv/cas/a")).json() as { ModifyIndex: number }[])[0];

      const wrong = await put("/kv/cas/a?cas=1", "2");
      const create = await put("/kv/cas/a?cas=0", "2");
      const right = await put(`/kv/cas/a?cas=${entry?.ModifyIndex}`, "3");

      expect([wrong.text, create.text, right.text].map((text) => text.trim())).toEqual([
        "false",
        "false",
        "true",
      ]);
    });

    test("wakes the readers of the services and of the node when a service changes", async () => {
      await put("/agent/service/register", { Name: "svc", Port: 1 });
      const node = ((await get("/agent/self")).json() as { Config: { NodeName: string } }).Config.NodeName;
      await expect.poll(async () => (await get("/catalog/services")).text).toContain("svc");
      const services = await get("/catalog/services");
      const own = await get(`/catalog/node/${node}`);

      const waiting = [
        get(`/catalog/services?index=${services.index}&wait=20s`),
        get(`/catalog/node/${node}?index=${own.index}&wait=20s`),
      ];
      await sleep(50);
      await put("/agent/service/register", { Name: "svc", Port: 2, Tags: ["t"] });
      const [after, afterNode] = await Promise.all(waiting);

      expect(after?.json()).toMatchObject({ consul: [], svc: ["t"] });
      expect(afterNode?.json()).toMatchObject({
        Node: { Node: node },
        Services: { svc: { ID: "svc", Service: "svc", Port: 2, Tags: ["t"], Address: "" } },
      });
    });

    test("shows an unknown node as null", async () => {
      const answer = await get("/catalog/node/unknown");

      expect(answer).toMatchObject({ status: 200, index: expect.any(Number) as number });
      expect(answer.json()).toBeNull();
    });

    test("gives a lock to one session, and after a release at once to another", async () => {
      const [a, b] = [await session(), await session()];

      const first = await put(`/kv/lock/x?acquire=${a}`, "a");
      const second = await put(`/kv/lock/x?acquire=${b}`, "b");
      const foreign = await put(`/kv/lock/x?release=${b}`, "b");
      const release = await put(`/kv/lock/x?release=${a}`, "a");
      const third = await put(`/kv/lock/x?acquire=${b}`, "b");

      const answers = [first, second, foreign, release, third].map((answer) => answer.text.trim());
      expect(answers).toEqual(["true", "false", "false", "true", "true"]);
    });

    test("keeps a lock closed for its delay when its session was destroyed", async () => {
      const [a, b] = [await session(), await session()];
      await put(`/kv/delay/x?acquire=${a}`, "a");
      await put(`/session/destroy/${a}`);

      const atOnce = await put(`/kv/delay/x?acquire=${b}`, "b");
      await expect
        .poll(async () => (await put(`/kv/delay/x?acquire=${b}`, "b")).text.trim(), { timeout: 5_000 })
        .toBe("true");

      expect(atOnce.text.trim()).toBe("false");
    });

    test("lets a plain write pass a lock, and resets its LockIndex", async () => {
      const a = await session();
      await put(`/kv/plain/x?acquire=${a}`, "a");

      await put("/kv/plain/x", "other");

      expect((await get("/kv/plain/x")).json()).toMatchObject([{ Session: a, LockIndex: 0 }]);
    });

    test("makes a transaction of a lock's holder, and refuses that of another, whole", async () => {
      const [a, b] = [await session(), await session()];
      await put(`/kv/txn/lock?acquire=${a}`, "a");
      const guarded = (holder: string): unknown => [
        { KV: { Verb: "check-session", Key: "txn/lock", Session: holder } },
        { KV: { Verb: "set", Key: "txn/a", Value: "eA==" } },
      ];

      const refused = await put("/txn", guarded(b));
      const before = await get("/kv/txn/a");
      const made = await put("/txn", guarded(a));

      expect(refused.status).toBe(409);
      expect(refused.json()).toMatchObject({ Results: null, Errors: [{ OpIndex: 0 }] });
      expect(before.status).toBe(404);
      expect(made).toMatchObject({ status: 200 });
      expect((await get("/kv/txn/a?raw")).text).toBe("x");
    });

    test("undoes a transaction whose last operation fails", async () => {
      const answer = await put("/txn", [
        { KV: { Verb: "set", Key: "undo/a", Value: "eA==" } },
        { KV: { Verb: "cas", Key: "undo/b", Value: "eA==", Index: 77 } },
      ]);

      expect(answer.json()).toMatchObject({
        Errors: [{ OpIndex: 1, What: 'failed to set key "undo/b", index is stale' }],
      });
      expect((await get("/kv/undo/a")).status).toBe(404);
    });

    test("fails a transaction of reads for each key that is not as it was believed to be", async () => {
      await put("/kv/many/a", "1");
      const read = (...verbs: readonly (readonly [string, string])[]): unknown =>
        verbs.map(([Verb, Key]) => ({ KV: { Verb, Key: `many/${Key}` } }));

      const right = await put("/txn", read(["get", "a"], ["check-not-exists", "b"]));
      const wrong = await put("/txn", read(["get", "b"], ["check-not-exists", "a"], ["get", "a"]));
      const consistent = await put("/txn?consistent", read(["get", "a"]));

      expect(right.json()).toMatchObject({ Results: [{ KV: { Key: "many/a", Value: "MQ==" } }] });
      expect(right.knownLeader).toBe("true");
      expect(wrong.status).toBe(409);
      expect(wrong.json()).toMatchObject({
        Results: null,
        Errors: [
          { OpIndex: 0, What: 'key "many/b" doesn\'t exist' },
          { OpIndex: 1, What: 'key "many/a" exists' },
        ],
      });
      expect(consistent.status).toBe(200);
    });

    test("leaves keys out of a transaction of reads that may not be read", async () => {
      const { url, token } = await subject.denied();
      const read = async (Verb: string): Promise<Answer> =>
        await ask(url, "PUT", "/txn", [{ KV: { Verb, Key: "acl/a" } }], token);

      const [got, checked] = [await read("get"), await read("check-not-exists")];

      expect(got.status).toBe(200);
      expect((got.json() as { Results: unknown }).Results ?? []).toEqual([]);
      expect(checked).toMatchObject({
        status: 409,
        text: expect.stringContaining("Permission denied") as string,
      });
    });

    test("forgets a session that was destroyed", async () => {
      const a = await session();
      await put(`/session/destroy/${a}`);

      const renewed = await put(`/session/renew/${a}`);
      const invalid = await put(`/kv/forgot/x?acquire=${a}`, "a");

      expect(renewed).toMatchObject({ status: 404 });
      expect(invalid).toMatchObject({
        status: 500,
        text: expect.stringContaining("invalid session") as string,
      });
    });

    test("makes a session that hangs on no health check, through our own client", async () => {
      const consul = createConsul({ address: subject.url });

      const id = await consul.sessionCreate({ ttlMs: 10_000, lockDelayMs: 1_000, name: "dd-observe" });

      expect((await get(`/session/info/${id}`)).json()).toMatchObject([
        { Name: "dd-observe", LockDelay: 1e9 },
      ]);
      expect((await get(`/session/info/${id}`)).text).not.toContain("serfHealth");
      expect(await consul.sessionRenew(id, 1_000)).toBe(true);
    });

    test("denies lists by leaving out, and single keys by 403", async () => {
      const { url, token } = await subject.denied();
      const look = async (path: string): Promise<Answer> => await ask(url, "GET", path, undefined, token);

      const list = await look("/kv/acl/?recurse");
      const services = await look("/catalog/services");
      const node = await look("/catalog/node/node-1");
      const single = [await look("/kv/acl/a"), await look("/kv/acl/missing"), await look("/agent/self")];
      const write = await ask(
        url,
        "PUT",
        "/txn",
        [{ KV: { Verb: "set", Key: "acl/a", Value: "eA==" } }],
        token,
      );

      expect(list).toMatchObject({ status: 404, knownLeader: "true" });
      expect([services.text.trim(), node.text.trim()]).toEqual(["{}", "null"]);
      expect(single.map(({ status }) => status)).toEqual([403, 403, 403]);
      expect(write).toMatchObject({
        status: 409,
        text: expect.stringContaining("Permission denied") as string,
      });
    });
  });
});
