import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { binary as findBinary } from "./binary.ts";
import { freePorts } from "./free-ports.ts";

/** Path of a Consul binary: `CONSUL_BIN`, else `consul` on the PATH. Undefined if there is none. */
export function consulBinary(): string | undefined {
  return findBinary("CONSUL_BIN", "consul");
}

/** Why a test with a real Consul is left out. */
export const NO_CONSUL = "skipped: no Consul binary (set CONSUL_BIN, or put consul on the PATH)";

export interface ConsulServerOptions {
  /** `node-1` if absent. */
  readonly nodeName?: string;
  /** Denies what no policy allows. The token for everything is in `rootToken`. */
  readonly acls?: boolean;
  /** Further fields of Consul's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface ConsulServer {
  readonly url: string;
  /** Undefined without ACLs. */
  readonly rootToken: string | undefined;
  readonly pid: () => number | undefined;
  /** Runs the binary's own client: `consul kv put …`. */
  run(...args: readonly string[]): Promise<string>;
  /** A token with one policy, written in HCL. */
  createToken(rules: string): Promise<string>;
  /** SIGTERM. Blocking reads end with an answer. */
  stop(): Promise<void>;
  /** SIGKILL. Connections end without an answer. */
  kill(): Promise<void>;
  /** Starts it again on the same port; with `keepState: false` as a new, empty one. */
  start(options?: { readonly keepState: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const ROOT_TOKEN = "11111111-2222-3333-4444-555555555555";

/** Starts a real Consul server with one member on free ports of loopback, its data in a folder that goes with it. */
export async function startConsul(options: ConsulServerOptions = {}): Promise<ConsulServer> {
  const binary = consulBinary();
  if (binary === undefined) throw new Error(NO_CONSUL);
  const folder = await mkdtemp(join(tmpdir(), "dd-observe-consul-"));
  const [httpPort, server, serfLan, serfWan, dns] = await freePorts(5);
  const url = `http://127.0.0.1:${httpPort}`;
  const rootToken = options.acls === true ? ROOT_TOKEN : undefined;
  const env = { ...process.env, CONSUL_HTTP_ADDR: url, CONSUL_HTTP_TOKEN: rootToken ?? "" };
  let child: ChildProcess | undefined;

  const config = {
    server: true,
    bootstrap: true,
    node_name: options.nodeName ?? "node-1",
    data_dir: join(folder, "data"),
    bind_addr: "127.0.0.1",
    client_addr: "127.0.0.1",
    ports: { http: httpPort, server, serf_lan: serfLan, serf_wan: serfWan, dns, grpc: -1 },
    log_level: "warn",
    disable_update_check: true,
    // Elections of a single server needn't wait.
    performance: { raft_multiplier: 1 },
    ...(rootToken === undefined
      ? {}
      : {
          acl: {
            enabled: true,
            default_policy: "deny",
            tokens: { master: rootToken, agent: rootToken },
          },
        }),
    ...options.config,
  };
  const file = join(folder, "consul.json");
  await writeFile(file, JSON.stringify(config));

  async function run(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(binary ?? "", [...args], { env });
    return stdout;
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await gone;
  }

  const consul: ConsulServer = {
    url,
    rootToken,
    pid: () => child?.pid,
    run,
    async createToken(rules) {
      const name = `test-${Date.now()}-${Math.floor(Math.random() * 1e6)}`;
      await run("acl", "policy", "create", "-name", name, "-rules", rules);
      const token = await run("acl", "token", "create", "-policy-name", name, "-format", "json");
      return (JSON.parse(token) as { readonly SecretID: string }).SecretID;
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    async start({ keepState } = { keepState: true }) {
      await end("SIGKILL");
      if (!keepState) await rm(join(folder, "data"), { recursive: true, force: true });
      child = spawn(binary, ["agent", "-config-file", file], { stdio: "ignore", env });
      await untilReady(url, rootToken, () => child?.exitCode ?? null);
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await consul.start();
  } catch (error) {
    await consul[Symbol.asyncDispose]();
    throw error;
  }
  return consul;
}

/** Ready means: a leader, and its own entry in the catalog. */
async function untilReady(
  url: string,
  token: string | undefined,
  exitCode: () => number | null,
): Promise<void> {
  const headers: Record<string, string> = token === undefined ? {} : { "x-consul-token": token };
  for (let tries = 0; tries < 400; tries++) {
    if (exitCode() !== null) throw new Error(`Consul ended with code ${exitCode()}`);
    try {
      const answer = await fetch(`${url}/v1/catalog/services`, { headers });
      if (answer.ok && "consul" in ((await answer.json()) as object)) return;
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  throw new Error(`Consul was not ready after 20 s: ${url}`);
}
