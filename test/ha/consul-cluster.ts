import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { consulBinary, NO_CONSUL } from "../servers/consul.ts";
import { freePorts } from "../servers/free-ports.ts";

/** Three servers, and an agent that all clients ask, as on a machine of a real cluster. */
export interface ConsulCluster extends AsyncDisposable {
  /** Of the agent; it listens on every address of this machine. */
  readonly port: number;
  /** Kills the server that leads. Returns what starts it again. */
  killLeader(): Promise<() => Promise<void>>;
}

interface Member {
  readonly file: string;
  /** Of Raft among servers. */
  readonly rpcPort: number;
  child: ChildProcess | undefined;
}

const SERVERS = 3;
/** HTTP, Raft, Serf in the LAN and beyond it, DNS. */
const PORTS = 5;

export async function startConsulCluster(): Promise<ConsulCluster> {
  const binary = consulBinary();
  if (binary === undefined) throw new Error(NO_CONSUL);
  const folder = await mkdtemp(join(tmpdir(), "dd-observe-consul-"));
  const ports = await freePorts((SERVERS + 1) * PORTS);
  const portsOf = (at: number): number[] => ports.slice(at * PORTS, (at + 1) * PORTS);
  const joined = Array.from({ length: SERVERS }, (_, at) => `127.0.0.1:${portsOf(at)[2]}`);

  const members = await Promise.all(
    Array.from({ length: SERVERS + 1 }, async (_, at): Promise<Member> => {
      const [http = 0, rpcPort = 0, lan = 0, wan = 0, dns = 0] = portsOf(at);
      const isServer = at < SERVERS;
      const config = {
        server: isServer,
        ...(isServer ? { bootstrap_expect: SERVERS } : { client_addr: "0.0.0.0" }),
        node_name: `consul-${at}`,
        data_dir: join(folder, String(at)),
        bind_addr: "127.0.0.1",
        retry_join: joined,
        retry_interval: "1s",
        ports: { http, server: rpcPort, serf_lan: lan, serf_wan: isServer ? wan : -1, dns, grpc: -1 },
        log_level: "warn",
        disable_update_check: true,
        performance: { raft_multiplier: 1 },
      };
      const file = join(folder, `${at}.json`);
      await writeFile(file, JSON.stringify(config));
      return { file, rpcPort, child: undefined };
    }),
  );
  const start = (member: Member): void => {
    member.child = spawn(binary, ["agent", "-config-file", member.file], { stdio: "ignore" });
  };
  const end = async ({ child }: Member): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  };
  const port = portsOf(SERVERS)[0] ?? 0;
  const url = `http://127.0.0.1:${port}`;
  const cluster: ConsulCluster = {
    port,
    async killLeader() {
      const leader = (await (await fetch(`${url}/v1/status/leader`)).json()) as string;
      const member = members.find(({ rpcPort }) => leader.endsWith(`:${rpcPort}`));
      if (member === undefined) throw new Error(`No server of this cluster leads it: ${leader}`);
      await end(member);
      return async () => {
        start(member);
        await untilServing(url);
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map(end));
      await rm(folder, { recursive: true, force: true });
    },
  };
  for (const member of members) start(member);
  try {
    await untilServing(url);
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}

async function untilServing(url: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const answer = await fetch(`${url}/v1/catalog/services`).catch(() => undefined);
    if (answer?.ok === true && "consul" in ((await answer.json()) as object)) return;
    await sleep(100);
  }
  throw new Error(`The Consul cluster was not ready after a minute: ${url}`);
}
