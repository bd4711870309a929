import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test, onTestFinished } from "vitest";

import { startFakeConsul } from "../fakes/consul.ts";
import { startFakeDatadog } from "../fakes/datadog.ts";

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, "..", "..");
const isLinuxX64 = process.platform === "linux" && process.arch === "x64";

let dist: string;

beforeAll(async () => {
  dist = await mkdtemp(path.join(tmpdir(), "dd-observe-release-"));
  const arch = isLinuxX64 ? ["--arch", "x64"] : ["--file"];
  await run(process.execPath, [path.join(ROOT, "deploy/release/build.ts"), ...arch, "--out", dist]);
});

afterAll(async () => await rm(dist, { recursive: true, force: true }));

interface Release {
  readonly what: string;
  /** The program and its first arguments. */
  readonly argv: () => readonly [string, ...string[]];
}

const RELEASES: readonly Release[] = [
  { what: "the release file", argv: () => [process.execPath, path.join(dist, "dd-observe.mjs")] },
  { what: "the executable", argv: () => [path.join(dist, "dd-observe-linux-x64")] },
];

describe.each(RELEASES)("$what", ({ what, argv }) => {
  const isHere = what !== "the executable" || isLinuxX64;

  test.skipIf(!isHere)("knows its version and its packs, with nothing beside it", async () => {
    const place = await emptyPlace();
    const ask = async (...args: readonly string[]): Promise<string> => {
      const [program, ...first] = argv();
      return (await run(program, [...first, ...args], { cwd: place, env: {} })).stdout;
    };

    const { version } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8")) as {
      version: string;
    };
    const packs = JSON.parse(await ask("get", "packs", "-o", "json")) as readonly { name: string }[];

    expect((await ask("--version")).trim()).toBe(version);
    expect(packs.map(({ name }) => name).sort()).toEqual((await readdir(path.join(ROOT, "packs"))).sort());
    expect(await readdir(place)).toEqual([]);
  });

  test.skipIf(!isHere)("keeps a file and its monitors, and serves the page", async () => {
    const place = await emptyPlace();
    const consul = await startFakeConsul();
    const datadog = await startFakeDatadog();
    onTestFinished(async () => void (await Promise.all([consul.stop(), datadog.stop()])));
    await mkdir(path.join(place, "conf.d"));
    consul.state.registerService(consul.state.nodeName, {
      Service: "web",
      Tags: ["dd-observe"],
      Port: 9100,
      Address: "127.0.0.1",
    });
    const [program, ...first] = argv();

    const operator = spawn(program, [...first, "run"], {
      cwd: place,
      stdio: "pipe",
      env: {
        CONSUL_HTTP_ADDR: consul.url,
        DD_API_URL: datadog.url,
        DD_API_KEY: datadog.apiKey,
        DD_APP_KEY: datadog.appKey,
        DD_OBSERVE_CONFD_DIR: path.join(place, "conf.d"),
        DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      },
    });
    onTestFinished(() => void operator.kill("SIGKILL"));
    const ended = new Promise((resolve) => operator.once("close", resolve));
    let said = "";
    let errors = "";
    operator.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    operator.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));

    await expect
      .poll(() => existsSync(path.join(place, "conf.d/openmetrics.d/dd-observe-web.yaml")), {
        timeout: 30_000,
      })
      .toBe(true);
    await expect.poll(() => datadog.objects("monitors").length, { timeout: 30_000 }).toBeGreaterThan(0);
    const url = /"url":"([^"]+)"/.exec(said)?.[1] ?? "";
    const page = await fetch(url);
    operator.kill("SIGTERM");

    expect(page.status).toBe(200);
    expect(await page.text()).toContain("<title>");
    expect(await ended).toBe(0);
    expect(errors).toBe("");
  });
});

test("the archive of the preload is named by the version, and every sum is right", async () => {
  const { version } = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };

  const sums = await readFile(path.join(dist, "SHA256SUMS"), "utf8");
  const { stdout } = await run("tar", ["-tzf", path.join(dist, `dd-observe-preload-${version}.tar.gz`)]);

  expect(sums).toContain(`  dd-observe-preload-${version}.tar.gz\n`);
  const found = sums
    .trim()
    .split("\n")
    .map((line) => line.slice(line.indexOf("  ") + 2));
  const hashed = await Promise.all(
    found.map(async (file) => {
      const bytes = await readFile(path.join(dist, file));
      return `${createHash("sha256").update(bytes).digest("hex")}  ${file}\n`;
    }),
  );
  expect(hashed.join("")).toBe(sums);
  expect(stdout.split("\n")).toEqual(
    expect.arrayContaining(["VERSION", "prices.json", "node/register.mjs", "python/sitecustomize.py"]),
  );
});

const OLD_NODE = "/usr/bin/node";

test("says which Node it needs where it is too old", async ({ skip }) => {
  const version = existsSync(OLD_NODE) ? (await run(OLD_NODE, ["--version"])).stdout : "";
  if (!/^v(18|20|22)\./.test(version)) skip(`no older Node at ${OLD_NODE}`);

  const outcome = run(OLD_NODE, [path.join(dist, "dd-observe.mjs"), "--version"]);

  await expect(outcome).rejects.toMatchObject({
    code: 1,
    stderr: `dd-observe needs Node 24 or newer, and this is ${version.trim()}. Use another Node, or the executable that has one in it.\n`,
  });
});

async function emptyPlace(): Promise<string> {
  const place = await mkdtemp(path.join(tmpdir(), "dd-observe-release-place-"));
  onTestFinished(async () => await rm(place, { recursive: true, force: true }));
  return place;
}
