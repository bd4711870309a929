import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { startFakeConsul, type FakeConsul } from "../fakes/consul.ts";
import { startFakeDatadog } from "../fakes/datadog.ts";
import { consulBinary } from "../servers/consul.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
const NOT_IN_A_CLONE = new Set(["node_modules", ".git", ".dev", "dist"]);

let place: string;
let clone: string;

beforeAll(async () => {
  place = await mkdtemp(path.join(tmpdir(), "dd-observe-dev-test-"));
  clone = path.join(place, "clone");
  await cp(ROOT, clone, {
    recursive: true,
    filter: (from) => !NOT_IN_A_CLONE.has(path.relative(ROOT, from)),
  });
  await symlink(path.join(ROOT, "node_modules"), path.join(clone, "node_modules"), "dir");
  await Promise.all(["home", "tmp", "bin"].map(async (name) => await mkdir(path.join(place, name))));
});

afterAll(async () => await rm(place, { recursive: true, force: true }));

test("one sync with nothing but the stand-ins, and nothing is left of it outside .dev", async () => {
  const before = await filesOf(place);

  const session = start(["dev", "--once"]);
  const code = await session.exit;

  expect(session.output()).toContain("embedded stand-in (no consul on the PATH)");
  expect(session.output()).toContain("+ file      .dev/conf.d/ray.d/dd-observe-ray.yaml");
  expect(session.output()).toMatch(/\+ monitor {3}\d+ \[ray\] Object store is nearly full/);
  expect(session.output()).toMatch(/\+ monitor {3}\d+ \[ray\] Tasks wait although there are nodes/);
  expect(session.output()).toMatch(/\+ dashboard \S+ Infrastructure Overview/);
  expect(session.output()).toContain("did you mean endpoint-down?");
  expect(session.output()).toMatch(
    /\b\d\d monitors, 3 SLOs, \d dashboards?, 1 downtime, 1 entity; payments waits/,
  );
  expect(code).toBe(0);
  expect((await filesOf(place)).filter((file) => !before.includes(file)).sort()).toEqual([
    "clone/.dev/conf.d/consul.d/dd-observe-consul.yaml",
    "clone/.dev/conf.d/dd-observe.manifest.json",
    "clone/.dev/conf.d/openmetrics.d/dd-observe-checkout.yaml",
    "clone/.dev/conf.d/ray.d/dd-observe-ray.yaml",
  ]);
  expect(isGroupAlive(session.child)).toBe(false);
  expect(await answering(urlsIn(session.output()))).toEqual([]);
});

test("a session lets other commands find it, and ends at once when it is asked to", async () => {
  const session = start(["dev"]);
  await session.said("What happens from here on");

  const get = start(["get"]);
  await get.exit;
  const second = start(["dev", "--once"]);
  const secondCode = await second.exit;
  session.child.kill("SIGTERM");
  const code = await session.exit;
  const after = start(["get"]);
  await after.exit;

  expect(get.output()).toMatch(/^ray +ray +True/m);
  expect(get.output()).toMatch(/^payments .*InvalidWish/m);
  expect(second.output()).toContain("a dev session runs already");
  expect(secondCode).toBe(1);
  expect(code).toBe(0);
  expect(await answering(urlsIn(session.output()))).toEqual([]);
  expect(after.output()).not.toContain("dev session");
});

test("a session that npm started ends when npm is gone", async () => {
  const session = start(["dev"], { npm_lifecycle_event: "start" }, viaShell);
  await session.said("Now change something.");

  session.child.kill("SIGKILL");
  await session.exit;

  expect(session.output()).toContain("stopping");
  expect(await answering(urlsIn(session.output()))).toEqual([]);
});

test.skipIf(consulBinary() === undefined)(
  "a Consul on the PATH is used, and ends with the session (skipped where no Consul is: CONSUL_BIN or the PATH)",
  async () => {
    await symlink(consulBinary()!, path.join(place, "bin", "consul"));

    const session = start(["dev"]);
    await session.said("Now change something.");
    session.child.kill("SIGINT");
    const code = await session.exit;
    await rm(path.join(place, "bin", "consul"));

    expect(session.output()).toContain("consul agent -dev");
    expect(code).toBe(0);
    expect(await answering(urlsIn(session.output()))).toEqual([]);
    expect((await filesOf(clone)).filter((file) => file.startsWith(".dev/consul"))).toEqual([]);
  },
);

test("a Consul of the person's own is left as it was found", async () => {
  await using consul = await startFakeConsul();
  consul.state.registerService("node-1", { Service: "mine", Port: 1, Tags: [] });
  consul.put("observability/ray", "team: mine");
  const before = contentsOf(consul);

  const session = start(["dev", "--once"], { CONSUL_HTTP_ADDR: consul.url });
  const code = await session.exit;

  expect(session.output()).toContain("yours (CONSUL_HTTP_ADDR)");
  expect(code).toBe(0);
  expect(contentsOf(consul)).toEqual(before);
});

test("a Consul that an operator works at is refused", async () => {
  await using consul = await startFakeConsul();
  consul.put("dd-observe/state/organisation", "7");
  const before = contentsOf(consul);

  const session = start(["dev", "--once"], { CONSUL_HTTP_ADDR: consul.url });
  const code = await session.exit;

  expect(session.output()).toContain("an operator has worked at the Consul");
  expect(code).toBe(1);
  expect(contentsOf(consul)).toEqual(before);
});

test("keys of a real Datadog are not used unless the person says so", async () => {
  const real = await startFakeDatadog({ apiKey: "real-api-key", appKey: "real-app-key" });
  const env = { DD_API_URL: real.url, DD_API_KEY: real.apiKey, DD_APP_KEY: real.appKey };

  const shy = start(["dev", "--once"], env);
  const shyCode = await shy.exit;
  const requests = real.log.length;
  const told = start(["dev", "--once", "--real-datadog"], env);
  const toldCode = await told.exit;

  expect(shy.output()).toContain("--real-datadog makes it write to");
  expect(shyCode).toBe(0);
  expect(requests).toBe(0);
  expect(toldCode).toBe(0);
  expect([...real.monitors.values()].map(({ name }) => name)).toContain("[ray] Object store is nearly full");
  expect(shy.output() + told.output()).not.toContain("real-app-key");
  await real.stop();
});

test("an AI agent runs with what is published for it; its tokens, cost, calls of tools and spans arrive", async ({
  skip,
}) => {
  // npm finds its settings and its cache in the person's own home.
  const own = { PATH: process.env["PATH"] ?? "", HOME: homedir() };

  const session = start(["dev", "--once", "--ai-agent"], own);
  const code = await session.exit;

  const [, why] = /(the packages of the AI agent could not be installed.*)/.exec(session.output()) ?? [];
  if (why !== undefined) skip(`skipped: ${why}`);
  expect(session.output()).toMatch(
    /↳ support {3}[1-9]\d* tasks · tokens [1-9]\d* in, [1-9]\d* out · \$0\.\d+ · tools order_status [1-9].* spans, [1-9]\d* of LLM/,
  );
  expect(code).toBe(0);
  expect(await answering(urlsIn(session.output()))).toEqual([]);
  // The example's types hold with the packages that it names.
  const example = path.join(clone, ".dev", "ai-agent");
  await cp(
    path.join(ROOT, "deploy/examples/langgraph-typescript/tsconfig.json"),
    path.join(example, "tsconfig.json"),
  );
  await promisify(execFile)(process.execPath, [path.join(ROOT, "node_modules/.bin/tsc"), "-p", example]);
}, 400_000);

test("without npm --ai-agent says what it needs, and leaves nothing running", async () => {
  await rm(path.join(clone, ".dev", "ai-agent"), { recursive: true, force: true });

  const session = start(["dev", "--once", "--ai-agent"]);
  const code = await session.exit;

  expect(session.output()).toContain("the packages of the AI agent could not be installed");
  expect(session.output()).toContain("It needs npm and its registry, once.");
  expect(code).not.toBe(0);
  expect(isGroupAlive(session.child)).toBe(false);
});

interface Started {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  readonly output: () => string;
  /** Waits until a text has been said. */
  said(text: string): Promise<void>;
}

/** Starts one command of the clone, with an environment that holds nothing else. */
function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  wrapped: (argv: readonly string[]) => readonly string[] = (argv) => argv,
): Started {
  const [program = "", ...rest] = wrapped([process.execPath, "cmd/dd-observe.ts", ...args]);
  const child = spawn(program, rest, {
    cwd: clone,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: path.join(place, "bin"),
      HOME: path.join(place, "home"),
      TMPDIR: path.join(place, "tmp"),
      // Node's own cache of compiled sources stands in the folder for temporary files.
      NODE_DISABLE_COMPILE_CACHE: "1",
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      ...env,
    },
  });
  let output = "";
  let heard = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      heard.resolve();
      heard = Promise.withResolvers();
    });
  const exit = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    exit,
    output: () => output,
    async said(text) {
      const ended = exit.then((code) => {
        if (output.includes(text)) return;
        throw new Error(`ended with ${code} before it said ${JSON.stringify(text)}:\n${output}`);
      });
      while (!output.includes(text)) await Promise.race([heard.promise, ended]);
    },
  };
}

/** As npm does it: a shell in between, which waits. */
function viaShell(argv: readonly string[]): readonly string[] {
  return ["/bin/sh", "-c", '"$@"; exit $?', "sh", ...argv];
}

function isGroupAlive({ pid }: ChildProcess): boolean {
  try {
    process.kill(-pid!, 0);
    return true;
  } catch {
    return false;
  }
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes("node_modules/"));
}

function urlsIn(output: string): readonly string[] {
  return [...new Set(output.match(/http:\/\/127\.0\.0\.1:\d+/g))];
}

/** Those addresses at which somebody still listens. */
async function answering(urls: readonly string[]): Promise<readonly string[]> {
  const answers = await Promise.all(
    urls.map(async (url) => {
      const isUp = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
        () => true,
        () => false,
      );
      return isUp ? [url] : [];
    }),
  );
  return answers.flat();
}

function contentsOf({ state }: FakeConsul): unknown {
  return {
    keys: [...state.keys].map(([key, { Value }]) => [key, Value]),
    services: [...state.nodes.values()].flatMap(({ services }) => [...services.values()].map(({ ID }) => ID)),
  };
}
