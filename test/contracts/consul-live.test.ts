import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, onTestFinished, test } from "vitest";

import { createConsul, type Consul } from "../../clients/consul.ts";
import { readLeader } from "../../engine/leader/lease.ts";
import { clusterSource, ensureSentinel, nodeSource, type Source } from "../../engine/sources/sources.ts";
import {
  consulBinary,
  NO_CONSUL,
  startConsul,
  type ConsulServer,
  type ConsulServerOptions,
} from "../servers/consul.ts";

interface World {
  readonly server: ConsulServer;
  readonly consul: Consul;
  readonly signal: AbortSignal;
}

async function world(options: ConsulServerOptions = {}): Promise<World> {
  const server = await startConsul(options);
  const ended = new AbortController();
  onTestFinished(async () => {
    ended.abort();
    await server[Symbol.asyncDispose]();
  });
  return {
    server,
    consul: createConsul({ address: server.url, token: server.rootToken }),
    signal: ended.signal,
  };
}

async function next<State>(iterator: AsyncIterator<State>): Promise<State> {
  const result = await iterator.next();
  if (result.done === true) throw new Error("the source ended");
  return result.value;
}

function states<State>(source: Source<State>, signal: AbortSignal): AsyncIterator<State> {
  return source.changes(signal)[Symbol.asyncIterator]();
}

const names = (state: { readonly documents: ReadonlyMap<string, unknown> }): string[] =>
  [...state.documents.keys()].toSorted();

/** What `deploy/` gives a node: enough to read, not to write. */
const READER = `
  key_prefix "observability/" { policy = "list" }
  service_prefix "" { policy = "read" }
  node_prefix "" { policy = "read" }
  agent_prefix "" { policy = "read" }
`;

describe.skipIf(consulBinary() === undefined)(
  `with a real Consul${consulBinary() === undefined ? ` (${NO_CONSUL})` : ""}`,
  () => {
    test("a source goes on when Consul was killed and comes back with its state", async () => {
      const { server, consul, signal } = await world();
      await ensureSentinel({ consul, prefix: "observability" });
      await consul.kvPut("observability/web", "1");
      const iterator = states(clusterSource({ consul, prefix: "observability" }), signal);
      const before = await next(iterator);

      await server.kill();
      await server.start();
      await consul.kvPut("observability/db", "1");
      const after = await next(iterator);

      expect(names(before)).toEqual(["web"]);
      expect(names(after)).toEqual(["db", "web"]);
      expect(after.documents.get("web")).toBe(before.documents.get("web"));
    });

    test("a source gives nothing old while a killed Consul replays its log", async () => {
      const { server, consul, signal } = await world();
      await ensureSentinel({ consul, prefix: "observability" });
      const padding = "x".repeat(2_000);
      for (let at = 0; at < 640; at += 16) {
        const round = Array.from({ length: 16 }, async (_, part) => {
          const ops = Array.from({ length: 32 }, (__, key) => ({
            verb: "set" as const,
            key: key === 0 ? "observability/web" : `load/${at + part}-${key}`,
            text: key === 0 ? `old ${at + part}` : padding,
          }));
          await consul.txn(ops);
        });
        await Promise.all(round);
      }
      await consul.kvPut("observability/web", "newest");
      const seen: string[] = [];
      const iterator = states(clusterSource({ consul, prefix: "observability" }), signal);
      seen.push((await next(iterator)).documents.get("web")?.text ?? "");

      await server.kill();
      await server.start();
      await consul.kvPut("observability/end", "");
      for (let state = await next(iterator); ; state = await next(iterator)) {
        seen.push(state.documents.get("web")?.text ?? "");
        if (state.documents.has("end")) break;
      }

      expect(new Set(seen)).toEqual(new Set(["newest"]));
    }, 60_000);

    test("a source gives nothing of a Consul that lost its state", async () => {
      const { server, consul, signal } = await world();
      await ensureSentinel({ consul, prefix: "observability" });
      await consul.kvPut("observability/web", "1");
      const source = clusterSource({ consul, prefix: "observability" });
      const iterator = states(source, signal);
      await next(iterator);

      await server.start({ keepState: false });
      const second = next(iterator);
      await expect.poll(() => source.health.error?.message, { timeout: 15_000 }).toContain("lost its state");
      await consul.kvPut("observability/.keep", "");

      expect(names(await second)).toEqual([]);
    });

    test("a reader's policy is enough for both sources, and less is told apart from nothing", async () => {
      const { server, consul, signal } = await world({ acls: true });
      await ensureSentinel({ consul, prefix: "observability" });
      await consul.kvPut("observability/web", "1");
      await consul.serviceRegister({ name: "web", port: 80 });
      const reader = createConsul({ address: server.url, token: await server.createToken(READER) });
      const nobody = createConsul({
        address: server.url,
        token: await server.createToken('key "x" { policy = "read" }'),
      });

      const cluster = await next(states(clusterSource({ consul: reader, prefix: "observability" }), signal));
      const node = await next(states(nodeSource({ consul: reader, prefix: "observability" }), signal));
      const denied = clusterSource({ consul: nobody, prefix: "observability" });
      void states(denied, signal).next();
      await expect.poll(() => denied.health.watches.filter((one) => one.error !== undefined).length).toBe(2);

      expect(names(cluster)).toEqual(["web"]);
      expect([node.node.name, ...names(node)]).toEqual(["node-1", "web"]);
      expect(await ensureSentinel({ consul: reader, prefix: "observability" })).toBe("present");
      expect(denied.health).toMatchObject({ ready: false, error: { failure: "unauthorized" } });
    });

    test("confirms with a consistent read", async () => {
      const { consul, signal } = await world();
      await ensureSentinel({ consul, prefix: "observability" });
      await consul.kvPut("observability/web", "1");
      await consul.serviceRegister({ name: "web", port: 80 });
      const cluster = clusterSource({ consul, prefix: "observability" });
      const node = nodeSource({ consul, prefix: "observability" });

      const confirmed = [await cluster.confirm(signal), await node.confirm(signal)];

      expect(confirmed.map(names)).toEqual([["web"], ["web"]]);
    });

    test("a leader that is stopped and woken writes nothing, and its spare leads meanwhile", async () => {
      const { server, consul } = await world({ config: { session_ttl_min: "1s" } });
      const first = start(server.url, "first");
      await first.writes();
      const spare = start(server.url, "spare");
      await sleep(500);

      first.child.kill("SIGSTOP");
      await spare.writes();
      const before = first.lines.length;
      first.child.kill("SIGCONT");
      await sleep(2_000);
      const writesOfFirst = first.lines.slice(before).filter((line) => !spare.lines.includes(line));

      expect(writesOfFirst).toEqual([]);
      expect(await readLeader(consul, "dd-observe/leader")).toMatchObject({ holder: "spare" });
      expect((await consul.kvGet("written/by"))?.text).toBe("spare");
      expect(Number(spare.lines[0])).toBeGreaterThan(Number(first.lines[0]));
    });

    test("a leader that is asked to stop hands over before its session could end", async () => {
      const { server, consul } = await world();
      const first = start(server.url, "first", 60_000);
      await first.writes();
      const spare = start(server.url, "spare", 60_000);
      await sleep(500);

      first.child.kill("SIGTERM");
      await spare.writes();

      expect(await readLeader(consul, "dd-observe/leader")).toMatchObject({ holder: "spare" });
    });
  },
);

interface Process {
  readonly child: ChildProcess;
  /** Epochs, one per write. */
  readonly lines: string[];
  /** Resolves once it has written. */
  writes(): Promise<void>;
}

function start(url: string, holder: string, ttlMs = 1_000): Process {
  const file = fileURLToPath(new URL("lease-process.ts", import.meta.url));
  const child = spawn(process.execPath, [file, url, holder, String(ttlMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => lines.push(...chunk.toString().trim().split("\n")));
  return {
    child,
    lines,
    writes: async () => {
      await expect.poll(() => lines.length, { timeout: 20_000 }).toBeGreaterThan(0);
    },
  };
}
