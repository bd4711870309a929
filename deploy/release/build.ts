import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { build, type BuildOptions } from "esbuild";
import { embedShipped } from "./embed.ts";
import { preloadArchive, preloadArchiveName } from "./preload-archive.ts";

/**
 * `npm run build`: what is released, in `dist/`.
 *
 *   dd-observe.mjs           one file for any Node 24 and up, packs and page within
 *   dd-observe-linux-x64     the same with Node in it, for machines without one
 *   dd-observe-linux-arm64
 *   dd-observe-preload-<version>.tar.gz   what jobs unpack at local/dd-observe
 *   SHA256SUMS
 *
 * `npm run build -- --file` makes no executable, `--arch x64` one of the two, `--out` puts all elsewhere.
 */
const { values: given } = parseArgs({
  options: {
    file: { type: "boolean", default: false },
    arch: { type: "string" },
    out: { type: "string" },
  },
});

const ROOT = path.join(import.meta.dirname, "..", "..");
const DIST = path.resolve(given.out ?? path.join(ROOT, "dist"));
const ARCHITECTURES = ["x64", "arm64"] as const;
type Architecture = (typeof ARCHITECTURES)[number];

/** The mark in Node's binary that says whether a program is attached. https://nodejs.org/docs/latest-v24.x/api/single-executable-applications.html */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

const POSTJECT = path.join(ROOT, "node_modules", "postject", "dist", "cli.js");

const COMMON = {
  absWorkingDir: ROOT,
  entryPoints: ["cmd/dd-observe.ts"],
  bundle: true,
  platform: "node",
  target: "node24",
  // Not made smaller: a stack trace stays readable, and Node makes up most of an executable anyway.
  legalComments: "linked",
  define: { DD_OBSERVE_RELEASE: "true" },
  // Node's own is deprecated, and says so at every start outside of node_modules.
  alias: { punycode: "punycode/" },
  plugins: [embedShipped(ROOT)],
  logLevel: "warning",
} satisfies BuildOptions;

async function release(): Promise<void> {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST, { recursive: true });
  const outputs = [await bundleFile(), packPreload()];
  if (!given.file) {
    const script = await bundleScript();
    const wanted = ARCHITECTURES.filter((architecture) => (given.arch ?? architecture) === architecture);
    if (wanted.length === 0)
      throw new Error(`--arch is ${given.arch}, and there are ${ARCHITECTURES.join(" and ")}`);
    for (const architecture of wanted) outputs.push(executable(architecture, script));
    rmSync(path.dirname(script), { recursive: true });
  }
  const sums = outputs.map((file) => `${sha256(file)}  ${path.basename(file)}\n`);
  writeFileSync(path.join(DIST, "SHA256SUMS"), sums.join(""));
  for (const file of outputs)
    console.log(
      `${path.relative(process.cwd(), file).padEnd(40)} ${(statSync(file).size / 2 ** 20).toFixed(2)} MiB`,
    );
}

async function bundleFile(): Promise<string> {
  const outfile = path.join(DIST, "dd-observe.mjs");
  await build({
    ...COMMON,
    outfile,
    format: "esm",
    banner: {
      // Some packages are of the older kind and ask for Node's own modules by require.
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  chmodSync(outfile, 0o755);
  return outfile;
}

function packPreload(): string {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const file = path.join(DIST, preloadArchiveName(version));
  writeFileSync(file, preloadArchive(ROOT, version));
  return file;
}

/** The program as a single executable takes it: a script of the older kind. */
async function bundleScript(): Promise<string> {
  const outfile = path.join(mkdtempSync(path.join(tmpdir(), "dd-observe-build-")), "dd-observe.cjs");
  // Only the checkout asks where its sources stand.
  await build({
    ...COMMON,
    outfile,
    format: "cjs",
    define: { ...COMMON.define, "import.meta.dirname": '""' },
  });
  return outfile;
}

/** Node's own binary with the program attached. */
function executable(architecture: Architecture, script: string): string {
  const isOurs = process.platform === "linux" && process.arch === architecture;
  const folder = path.dirname(script);
  const config = path.join(folder, "config.json");
  const blob = path.join(folder, `${architecture}.blob`);
  writeFileSync(
    config,
    JSON.stringify({
      main: script,
      output: blob,
      disableExperimentalSEAWarning: true,
      // What V8 makes of a script holds for one architecture only.
      useCodeCache: isOurs,
    }),
  );
  execFileSync(process.execPath, ["--experimental-sea-config", config], { stdio: "pipe" });
  const output = path.join(DIST, `dd-observe-linux-${architecture}`);
  cpSync(nodeFor(architecture), output);
  chmodSync(output, 0o755);
  // Its warnings about sections without a name are many and mean nothing; a failure throws with all that it said.
  execFileSync(process.execPath, [POSTJECT, output, "NODE_SEA_BLOB", blob, "--sentinel-fuse", FUSE], {
    stdio: "pipe",
  });
  return output;
}

/** The Node that goes into an executable: this very version, from its npm package. Kept for the next build. */
function nodeFor(architecture: Architecture): string {
  const name = `node-linux-${architecture}`;
  const version = process.versions.node;
  const kept = path.join(homedir(), ".cache", "dd-observe-build", `${name}-${version}`);
  const binary = path.join(kept, "package", "bin", "node");
  if (statSync(binary, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(kept, { recursive: true });
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const packed = execFileSync(npm, ["pack", `${name}@${version}`, "--silent", "--pack-destination", kept], {
      encoding: "utf8",
    }).trim();
    execFileSync("tar", ["-xzf", path.join(kept, packed), "-C", kept, "package/bin/node"]);
    rmSync(path.join(kept, packed));
  }
  return binary;
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

await release();
