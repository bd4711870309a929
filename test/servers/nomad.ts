import { execFile, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { binary } from "./binary.ts";
import { freePorts } from "./free-ports.ts";

/** `NOMAD_BIN`, else `nomad` on the PATH. */
export function nomadBinary(): string | undefined {
  return binary("NOMAD_BIN", "nomad");
}

/** Why a test with a real Nomad is left out. */
export const NO_NOMAD = "skipped: no Nomad binary (set NOMAD_BIN, or put nomad on the PATH)";

export interface NomadServerOptions {
  readonly acls?: boolean;
  /** Where its Consul is. Without one it looks for none. */
  readonly consul?: { readonly address: string; readonly token?: string | undefined };
}

export interface NomadServer extends AsyncDisposable {
  readonly url: string;
  /** Of the management token, where there are ACLs. */
  readonly rootToken: string | undefined;
  /** Where what its tasks read or write may stand: every user may go through it. */
  readonly folder: string;
  /** Runs the binary's own client: `nomad job run …`. */
  run(...args: readonly string[]): Promise<string>;
  /** Calls its API. With the management token, or another. */
  call(method: string, path: string, body?: unknown, token?: string): Promise<Response>;
}

/** Tasks get 30 s to end by the jobs of deploy/nomad; those of tests need less. */
const STOP_MS = 20_000;

/** Starts a real Nomad agent, server and client in one, on free ports of loopback, its data in a folder that goes with it. */
export async function startNomad(options: NomadServerOptions = {}): Promise<NomadServer> {
  const program = nomadBinary();
  if (program === undefined) throw new Error(NO_NOMAD);
  const folder = await mkdtemp(join(tmpdir(), "dd-observe-nomad-"));
  await chmod(folder, 0o755);
  await mkdir(join(folder, "data"));
  const [http = 0, rpc = 0, serf = 0] = await freePorts(3);
  const url = `http://127.0.0.1:${http}`;
  // What belongs to this machine's own Nomad, Consul or cloud has no place in it.
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder };
  const file = join(folder, "nomad.hcl");
  await writeFile(file, configuration(options, { http, rpc, serf }, join(folder, "data")));
  let log = "";
  const agent = spawn(program, ["agent", "-dev", "-bind", "127.0.0.1", "-config", file], {
    env,
    stdio: "pipe",
  });
  for (const stream of [agent.stdout, agent.stderr])
    stream.on("data", (text: Buffer) => (log = (log + text.toString()).slice(-4_000)));
  const gone = new Promise<void>((resolve) => agent.once("exit", () => resolve()));
  let rootToken: string | undefined;

  const nomad: NomadServer = {
    url,
    get rootToken() {
      return rootToken;
    },
    folder,
    async run(...args) {
      const { stdout } = await promisify(execFile)(program, [...args], {
        env: { ...env, NOMAD_ADDR: url, NOMAD_TOKEN: rootToken ?? "" },
      });
      return stdout;
    },
    async call(method, path, body, token = rootToken) {
      return await fetch(`${url}${path}`, {
        method,
        headers: token === undefined ? {} : { "x-nomad-token": token },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    },
    async [Symbol.asyncDispose]() {
      if (agent.exitCode === null) await clear(nomad, join(folder, "data")).catch(() => undefined);
      agent.kill("SIGINT");
      await Promise.race([gone, sleep(STOP_MS)]);
      agent.kill("SIGKILL");
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await untilReady(nomad, () => agent.exitCode);
    if (options.acls === true) {
      const answer = await nomad.call("PUT", "/v1/acl/bootstrap", {});
      rootToken = ((await answer.json()) as { readonly SecretID: string }).SecretID;
    }
  } catch (error) {
    await nomad[Symbol.asyncDispose]();
    throw new Error(`${String(error)}\n${log}`, { cause: error });
  }
  return nomad;
}

function configuration(
  { acls = false, consul }: NomadServerOptions,
  ports: Readonly<Record<"http" | "rpc" | "serf", number>>,
  data: string,
): string {
  return JSON.stringify({
    data_dir: data,
    ports,
    disable_update_check: true,
    acl: { enabled: acls },
    consul:
      consul === undefined
        ? { auto_advertise: false, client_auto_join: false, address: "127.0.0.1:1" }
        : {
            address: consul.address.replace(/^https?:\/\//, ""),
            ...(consul.token === undefined
              ? {}
              : { token: consul.token, service_identity: { aud: ["consul.io"], ttl: "1h" } }),
          },
    client: {
      // No cloud is asked who this machine is.
      options: { "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean,cni_plugins" },
    },
    plugin: [{ raw_exec: [{ config: [{ enabled: true }] }] }],
  });
}

/** Ends every task. Folders of tasks are mounts, which nobody could delete: Nomad takes them away itself when asked to. */
async function clear(nomad: NomadServer, data: string): Promise<void> {
  const jobs = (await (await nomad.call("GET", "/v1/jobs")).json()) as readonly { readonly ID: string }[];
  for (const { ID } of jobs) await nomad.call("DELETE", `/v1/job/${encodeURIComponent(ID)}?purge=true`);
  for (const until = performance.now() + STOP_MS; performance.now() < until; await sleep(250)) {
    await nomad.call("PUT", "/v1/system/gc");
    if ((await readdir(join(data, "alloc")).catch(() => [])).length === 0) return;
  }
}

/** Ready means: a leader, and a client that may be given tasks. */
async function untilReady(nomad: NomadServer, exitCode: () => number | null): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (exitCode() !== null) throw new Error(`Nomad ended with code ${exitCode()}`);
    const answer = await nomad.call("GET", "/v1/agent/health").catch(() => undefined);
    const health = answer?.ok === true ? ((await answer.json()) as Health) : undefined;
    if (health?.client?.ok === true && health.server?.ok === true) return;
    await sleep(50);
  }
  throw new Error(`Nomad was not ready after 30 s: ${nomad.url}`);
}

interface Health {
  readonly client?: { readonly ok: boolean };
  readonly server?: { readonly ok: boolean };
}
