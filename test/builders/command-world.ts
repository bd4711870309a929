import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { main } from "../../cmd/main.ts";
import { plain } from "../../cmd/terminal.ts";
import { startFakeConsul, type FakeConsul } from "../fakes/consul.ts";
import { startFakeDatadog, type FakeDatadog, type FakeDatadogOptions } from "../fakes/datadog.ts";

export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** A Consul, a Datadog and a conf.d, and the command line between them. */
export interface CommandWorld {
  readonly consul: FakeConsul;
  readonly datadog: FakeDatadog;
  readonly confd: string;
  /** Runs a command line as a person of 100 columns would. Times, ids and places are made equal from run to run. */
  run(line: string, more?: RunOptions): Promise<Ran>;
  /** Registers an instance on this machine. */
  register(service: string, tags: readonly string[], port?: number): void;
  /** Every file in conf.d, by its path, with its text. */
  files(): Promise<ReadonlyMap<string, string>>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** 100 if absent. */
  readonly width?: number;
}

export async function startCommandWorld(options: FakeDatadogOptions = {}): Promise<CommandWorld> {
  const consul = await startFakeConsul();
  const datadog = await startFakeDatadog(options);
  const confd = await mkdtemp(join(tmpdir(), "dd-observe-confd-"));
  const env = {
    CONSUL_HTTP_ADDR: consul.url,
    DD_API_URL: datadog.url,
    DD_API_KEY: datadog.apiKey,
    DD_APP_KEY: datadog.appKey,
    DD_OBSERVE_CONFD_DIR: confd,
    // Nothing listens there: the Agent's answers are tested elsewhere.
    DD_OBSERVE_AGENT_URL: "http://127.0.0.1:9",
  };
  const places = new Map([
    [consul.url, "http://consul"],
    [consul.url.replace("http://", ""), "consul"],
    [datadog.url, "https://datadog"],
    [confd, "/conf.d"],
  ]);
  return {
    consul,
    datadog,
    confd,
    async run(line, more = {}) {
      let out = "";
      let err = "";
      const terminal = {
        out: (text: string) => void (out += text),
        err: (text: string) => void (err += text),
        width: more.width ?? 100,
        paint: plain,
        readStdin: async () => more.stdin ?? "",
      };
      const exit = await main(words(line), { terminal, env: { ...env, ...more.env } });
      return { exit, out: steady(out, places), err: steady(err, places) };
    },
    register(service, tags, port = 8080) {
      const wish = { Service: service, Tags: [...tags], Port: port, Address: "10.0.0.7" };
      consul.state.registerService(consul.state.nodeName, wish);
    },
    async files() {
      const files = new Map<string, string>();
      for (const entry of await readdir(confd, { withFileTypes: true, recursive: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        files.set(path.slice(confd.length + 1), await readFile(path, "utf8"));
      }
      return files;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([consul.stop(), datadog.stop()]);
      await rm(confd, { recursive: true, force: true });
    },
  };
}

/** A cluster with a Ray cluster that is well, a document with a slip, a tag with a slip, and a document that nobody runs. */
export function fillUsually(world: CommandWorld): CommandWorld {
  world.register("ray", ["dd-observe", "dd-observe.team=ml"]);
  world.register("api", ["http"]);
  world.register("web", ["dd_observe"]);
  world.consul.put("observability/_defaults", "env: prod\n");
  world.consul.put("observability/api", "monitors:\n  nosiy: fasle\n");
  world.consul.put("observability/rya", "notify: ['@slack-ml']\n");
  return world;
}

/** Says that another process leads. Returns its session. */
export function lead({ consul }: CommandWorld, holder = "node-9/1"): string {
  const session = consul.state.createSession({ TTL: "60s", LockDelay: "0s" });
  const text = JSON.stringify({ holder, since: "2026-01-01T00:00:00.000Z", version: "" });
  consul.state.acquire("dd-observe/leader", Buffer.from(text).toString("base64"), session.ID);
  return session.ID;
}

/** Words of a command line; those in double quotes may hold blanks. */
function words(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plainWord]) => quoted ?? plainWord!);
}

/** Ids, times and places differ from run to run; columns keep their width. */
function steady(text: string, places: ReadonlyMap<string, string>): string {
  let result = text;
  for (const [place, name] of places) result = result.replaceAll(place, name);
  return (
    result
      .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "2026-01-01T00:00:00.000Z")
      .replaceAll(/\b1000\d\d\b/g, "100000")
      .replaceAll(/\b[0-9a-f]{8}a1b2c3d4a1b2c3d4a1b2c3d4\b/g, "00000001a1b2c3d4a1b2c3d4a1b2c3d4")
      .replaceAll(/\b000-000-[0-9a-z]{3}\b/g, "000-000-001")
      .replaceAll(/(?<=\s)\d+s(?=\s)/g, "0s")
      .replaceAll(/in \d+ s\b/g, "in 600 s")
      .replaceAll(/version \d+/g, "version 1")
      .replaceAll(/by \w+ at/g, "by ada at")
      // Writes that run side by side end in any order.
      .replaceAll(/(?:^ {2}0s .*\n)+/gm, (events) => `${events.trimEnd().split("\n").sort().join("\n")}\n`)
  );
}
