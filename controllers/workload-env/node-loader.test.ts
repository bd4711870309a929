import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { nodeLoader } from "./node-loader.ts";

/** A folder with a program and whatever else is given, by path. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "dd-observe-loader-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries({ "app.mjs": 'console.log("app");', ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const TRACER = {
  "node_modules/dd-trace/package.json": '{"name": "dd-trace", "version": "0.0.0"}',
  "node_modules/dd-trace/initialize.mjs": 'console.log("tracer");',
};
const PRELOAD = { "preload/node/register.mjs": 'console.log("preload");' };

interface Start {
  readonly options?: string;
  readonly program?: string;
  /** Working directory, below the folder. */
  readonly cwd?: string;
  /** The pinned version of the tracer. */
  readonly version?: string;
  /** By default the folder of the preload. */
  readonly env?: (folder: string) => NodeJS.ProcessEnv;
}

function run(
  files: Readonly<Record<string, string>>,
  { options = "", program = "app.mjs", cwd = "", version, env }: Start = {},
) {
  const folder = folderWith(files);
  const tracer = version === undefined ? {} : { tracer: { version } };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, program)], {
    cwd: join(folder, cwd),
    encoding: "utf8",
    env: {
      NODE_OPTIONS: `${options} ${nodeLoader({ profile: "ddtrace", ...tracer })}`.trim(),
      ...(env?.(folder) ?? { DD_OBSERVE_PRELOAD: join(folder, "preload") }),
    },
  });
  return { status, lines: stdout.trim().split("\n"), stderr };
}

const UNTOUCHED = { status: 0, lines: ["app"], stderr: "" };

test("loads the tracer, then the preload, then the program", () => {
  expect(run({ ...TRACER, ...PRELOAD })).toEqual({
    status: 0,
    lines: ["tracer", "preload", "app"],
    stderr: "",
  });
});

test("keeps the options that the job has", () => {
  const files = { ...PRELOAD, "own.cjs": 'console.log("own");' };

  expect(run(files, { options: "--require=./own.cjs" })).toMatchObject({
    status: 0,
    lines: ["own", "preload", "app"],
  });
});

test("loads the same before a CommonJS program", () => {
  const files = { ...TRACER, "main.cjs": 'console.log("cjs");' };

  expect(run(files, { program: "main.cjs" })).toMatchObject({ status: 0, lines: ["tracer", "cjs"] });
});

test.for<[what: string, files: Readonly<Record<string, string>>]>([
  ["neither is there", {}],
  ["both throw", { ...TRACER, ...PRELOAD, ...broken("throw new Error('no');") }],
  ["both don't parse", { ...TRACER, ...PRELOAD, ...broken("this is no program") }],
  ["both need what isn't there", { ...TRACER, ...PRELOAD, ...broken("import 'nowhere';") }],
])("the program runs as it would without, with nothing said, if %s", ([, files]) => {
  expect(run(files)).toEqual(UNTOUCHED);
});

test("a broken tracer doesn't keep the preload away", () => {
  const files = { ...TRACER, ...PRELOAD, "node_modules/dd-trace/initialize.mjs": "throw new Error('no');" };

  expect(run(files)).toMatchObject({ status: 0, lines: ["preload", "app"] });
});

test("in a task of Nomad, the preload is where its artifact was unpacked, whatever the working directory", () => {
  const files = { "local/dd-observe/node/register.mjs": 'console.log("preload");', "image/app.mjs": "" };

  const outcome = run(files, { cwd: "image", env: (folder) => ({ NOMAD_TASK_DIR: join(folder, "local") }) });

  expect(outcome).toEqual({ status: 0, lines: ["preload", "app"], stderr: "" });
});

/** A tracer below a folder, which tells its place and version. */
function tracerIn(folder: string, version: string): Readonly<Record<string, string>> {
  return {
    [`${folder}/node_modules/dd-trace/package.json`]: JSON.stringify({ name: "dd-trace", version }),
    [`${folder}/node_modules/dd-trace/initialize.mjs`]: `console.log("${folder} ${version}");`,
  };
}
const PROGRAM = { "service/app.mjs": 'console.log("app");', "work/empty": "" };
const PLACES = {
  ...PROGRAM,
  ...tracerIn("work", "5.1.0"),
  ...tracerIn("service", "5.2.0"),
  ...tracerIn("preload", "5.3.0"),
};

test.for<[where: string, files: Readonly<Record<string, string>>, version: string | undefined, line: string]>(
  [
    ["working directory", PLACES, undefined, "work 5.1.0"],
    ["program's folder", { ...PROGRAM, ...tracerIn("service", "5.2.0") }, undefined, "service 5.2.0"],
    ["preload's folder", { ...PROGRAM, ...tracerIn("preload", "5.3.0") }, undefined, "preload 5.3.0"],
    ["first place with the pinned version", PLACES, "5.2.0", "service 5.2.0"],
    ["preload's folder, if pinned", PLACES, "5.3.0", "preload 5.3.0"],
  ],
)("the tracer is taken from the %s", ([, files, version, line]) => {
  const start = { program: "service/app.mjs", cwd: "work", ...(version === undefined ? {} : { version }) };

  expect(run(files, start)).toEqual({ status: 0, lines: [line, "app"], stderr: "" });
});

test("another version than the pinned one is not loaded", () => {
  expect(run({ ...TRACER, ...PRELOAD }, { version: "5.132.0" }).lines).toEqual(["preload", "app"]);
  expect(run({ ...TRACER, ...PRELOAD }, { version: "0.0.0" }).lines).toEqual(["tracer", "preload", "app"]);
});

test.for<[what: string, files: Readonly<Record<string, string>>, version: string | undefined, why: RegExp]>([
  [
    "has another version",
    { ...TRACER, ...PRELOAD },
    "5.132.0",
    /^dd-observe: dd-trace 5\.132\.0 was not found\n$/,
  ],
  ["is nowhere", PRELOAD, undefined, /^dd-observe: dd-trace was not found\n$/],
  [
    "is broken",
    { ...TRACER, ...broken("throw new Error('why');"), ...PRELOAD },
    undefined,
    /^dd-observe: Error: why\n$/,
  ],
])("why a tracer is not loaded is said where it is asked for: it %s", ([, files, version, why]) => {
  const env = (folder: string, isAsked: string) => ({
    DD_OBSERVE_PRELOAD: join(folder, "preload"),
    DD_OBSERVE_DEBUG: isAsked,
  });
  const pinned = version === undefined ? {} : { version };

  const told = run(files, { ...pinned, env: (folder) => env(folder, "true") });
  const untold = run(files, { ...pinned, env: (folder) => env(folder, "false") });

  expect(told).toMatchObject({ status: 0, lines: ["preload", "app"] });
  expect(told.stderr).toMatch(why);
  expect(untold).toEqual({ status: 0, lines: ["preload", "app"], stderr: "" });
});

test("what a program ends with stays", () => {
  expect(run({ "app.mjs": "process.exit(7);" }).status).toBe(7);
});

function broken(text: string): Readonly<Record<string, string>> {
  return { "node_modules/dd-trace/initialize.mjs": text, "preload/node/register.mjs": text };
}
