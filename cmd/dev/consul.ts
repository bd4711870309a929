import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { startFakeConsul } from "../../test/fakes/consul.ts";
import type { Env } from "../settings.ts";

/** A server that runs for a session. */
export interface Started {
  readonly url: string;
  /** For people: what it is. */
  readonly what: string;
  readonly stop: () => Promise<void>;
}

/** Starts a Consul: the binary on the PATH in its development mode, else the stand-in. */
export async function startConsul(dir: string, env: Env): Promise<Started> {
  const binary = consulOnPath(env);
  if (binary !== undefined) return await startBinary(binary, path.join(dir, "consul"));
  const fake = await startFakeConsul();
  return {
    url: fake.url,
    what: "embedded stand-in (no consul on the PATH)",
    stop: async () => await fake.stop(),
  };
}

export function consulOnPath(env: Env): string | undefined {
  return (env["PATH"] ?? "")
    .split(path.delimiter)
    .map((folder) => path.join(folder, "consul"))
    .find((file) => existsSync(file));
}

async function startBinary(binary: string, dir: string): Promise<Started> {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  const [http, server, serfLan, serfWan] = await freePorts(4);
  const config = {
    node_name: "dev",
    data_dir: path.join(dir, "data"),
    bind_addr: "127.0.0.1",
    client_addr: "127.0.0.1",
    ports: { http, server, serf_lan: serfLan, serf_wan: serfWan, dns: -1, grpc: -1 },
    disable_update_check: true,
    log_level: "warn",
  };
  const file = path.join(dir, "consul.json");
  writeFileSync(file, JSON.stringify(config, undefined, 2));
  // A group of its own: Ctrl-C is for us, and Consul must outlive the operator that uses it.
  const child = spawn(binary, ["agent", "-dev", "-config-file", file], { stdio: "ignore", detached: true });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  // Whatever ends this process in a hurry must not leave a Consul behind.
  process.once("exit", () => child.kill("SIGKILL"));
  const url = `http://127.0.0.1:${http}`;
  try {
    await untilReady(url, () => child.exitCode ?? child.signalCode);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, what: `${binary} agent -dev`, stop };
}

/** Ready means: it shows itself in its catalog. */
async function untilReady(url: string, ended: () => number | string | null): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const why = ended();
    if (why !== null) throw new Error(`consul agent -dev ended at once (${why})`);
    try {
      const answer = await fetch(`${url}/v1/catalog/services`);
      if (answer.ok && "consul" in ((await answer.json()) as object)) return;
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  throw new Error(`consul agent -dev was not ready after 10 s at ${url}`);
}

/** Ports that nobody listens on now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port);
  await Promise.all(servers.map(async (server) => await new Promise((resolve) => server.close(resolve))));
  return ports;
}
