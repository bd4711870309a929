import { describe, expect, onTestFinished, test } from "vitest";

import { startFakeConsul, type AclMode, type FakeConsul } from "../fakes/consul.ts";
import { fits, headerNames, readRecorded, type Recorded } from "./recorded.ts";

/** Answers recorded from a real Consul 1.8.7. They lie beside the project; where they are absent, this is skipped. */
const folder = new URL("../../../shared/contracts/consul-1.8.7/", import.meta.url);

/** What can't be held against the stand-in, and why. */
const NOT_COMPARABLE: Readonly<Record<string, string>> = {
  "agent-metrics-prometheus": "we read no metrics of Consul, so the stand-in has none",
  "catalog-services-node-meta": "depends on node meta that nothing of ours sets",
};

const LEADER = "505b6bcf-58ff-f77c-4b27-61632f8d7239";
const SPARE = "b635b22c-bba7-932a-3343-7fca95ce4e6d";
const LOCK = "observability-locks/leader";

/** Brings the stand-in into the state that the lab was in. */
function furnish(fake: FakeConsul): void {
  const { state } = fake;
  fake.put("observability/services/ray-head", '{"integration":"ray","port":8265}');
  fake.put("observability/.keep", "");
  fake.put("observability/defaults", "env: prod\nsite: datadoghq.com\n");
  const nomad = { Meta: { "external-source": "nomad" }, Address: "127.0.0.1" };
  state.registerService("node-1", {
    ...nomad,
    ID: "_nomad-client-4t7c62znmgfnn5qyi4aendtyrgcwgr5b",
    Service: "nomad-client",
    Tags: ["http"],
    Port: 4646,
  });
  const servers = {
    rpc: "gs4xwif7hrw425xjfevolphr6btj7qd6",
    serf: "kdmiyzdu3h4vgk5o3oiaypmzzwkkm7uz",
    http: "wuvpo5ylysbi6ym7mfcmxbwaslkcztwg",
  };
  for (const [tag, id] of Object.entries(servers)) {
    state.registerService("node-1", {
      ...nomad,
      ID: `_nomad-server-${id}`,
      Service: "nomad",
      Tags: [tag],
      Port: 4647,
    });
  }
  state.registerService("node-1", {
    ID: "web-1",
    Service: "web",
    Address: "10.0.0.1",
    Port: 8080,
    Tags: ["dd-observe", "dd-observe.integration=nginx"],
    Meta: { team: "edge" },
  });
  state.registerService("node-1", {
    ID: "api-1",
    Service: "api",
    Port: 8081,
    Tags: ["dd-observe"],
    Meta: { dd_observe_check: "http_check" },
  });
  for (const id of [LEADER, SPARE]) {
    const session = state.createSession({
      Name: "dd-observe",
      TTL: "10s",
      LockDelay: "1s",
      Behavior: "release",
    });
    state.sessions.delete(session.ID);
    state.sessions.set(id, { ...session, ID: id });
  }
}

const ACL_OF: Readonly<Record<string, AclMode>> = {
  "acl-token-not-found-403": "unknownToken",
  "acl-kv-recurse-403-key-list-policy": "keyListPolicy",
};

/** What was done in the lab just before the recorded request. */
function prepare(fake: FakeConsul, { name, request }: Recorded): void {
  const { state } = fake;
  if (name.startsWith("acl-")) fake.faults.acl = ACL_OF[name] ?? "deny";
  if (name.startsWith("no-leader-")) fake.faults.noLeader = true;
  const isHeld = [
    "lock-acquire-false-held",
    "lock-key-held",
    "lock-key-released",
    "lock-release-",
    "txn-check-session",
  ];
  if (isHeld.some((start) => name.startsWith(start))) state.acquire(LOCK, "e30=", LEADER);
  if (name === "lock-key-released") state.release(LOCK, "e30=", LEADER);
  if (name === "lock-acquire-false-lock-delay") {
    state.acquire(LOCK, "e30=", LEADER);
    state.destroySession(LEADER);
  }
  if (name === "txn-get-tree-200") fake.put("observability/services/redis", "{}");
  if (name === "kv-recurse-empty-404") state.deleteTree("observability/");
  if (request.path.includes("/no-such-node") || name === "catalog-nodes-200") return;
  if (name === "kv-recurse-blocking-wakeup")
    setTimeout(() => fake.put("observability/services/redis", "{}"), 100);
}

/** Indexes are the lab's own: the request gets those of the stand-in. */
function pathOf(fake: FakeConsul, { name, request }: Recorded): string {
  return name.startsWith("kv-recurse-blocking-")
    ? request.path.replace(/index=\d+/, `index=${fake.state.kvIndex("observability/")}`)
    : request.path;
}

function bodyOf({ name, request }: Recorded): string | undefined {
  if (name === "kv-put-too-large-413") return "a".repeat(524_289);
  if (request.body === undefined || request.method === "GET") return undefined;
  return typeof request.body === "string" ? request.body : JSON.stringify(request.body);
}

const recordings = readRecorded(folder);
const comparable = recordings.filter(({ name }) => NOT_COMPARABLE[name] === undefined);

describe.skipIf(recordings.length === 0)(
  "the stand-in answers as the recorded Consul 1.8.7 (skipped where ../shared is absent)",
  () => {
    test.for(comparable)("$name", async (recorded) => {
      const fake = await startFakeConsul();
      onTestFinished(() => fake.stop());
      furnish(fake);
      prepare(fake, recorded);
      const body = bodyOf(recorded);

      const answer = await fetch(`${fake.url}${pathOf(fake, recorded)}`, {
        method: recorded.request.method,
        ...(body === undefined ? {} : { body }),
      });
      const text = await answer.text();

      const { status, headers, json, text: recordedText, trimmed } = recorded.response;
      expect(answer.status).toBe(status);
      if (recorded.name !== "kv-put-too-large-413") {
        expect(headerNames(answer.headers)).toEqual(headerNames(Object.entries(headers)));
      }
      expect(answer.headers.get("content-type")).toBe(headers["content-type"] ?? null);
      if (json !== undefined) {
        const differences = fits(JSON.parse(text), json, "body");
        // A recording that was cut may lack what the stand-in has, and the other way round.
        expect(trimmed === true ? differences.filter((one) => one.includes(", not ")) : differences).toEqual(
          [],
        );
      }
      if (recordedText !== undefined && json === undefined) expect(text).toBe(recordedText);
    });

    test("leaves out nothing without a reason", () => {
      const names = new Set(recordings.map(({ name }) => name));

      expect(Object.keys(NOT_COMPARABLE).filter((name) => !names.has(name))).toEqual([]);
    });
  },
);
