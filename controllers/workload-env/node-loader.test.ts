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

function run(files: Readonly<Record<string, string>>, options = "", program = "app.mjs") {
  const folder = folderWith(files);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
    cwd: folder,
    encoding: "utf8",
    env: {
      NODE_OPTIONS: `${options} ${nodeLoader({ profile: "ddtrace" })}`.trim(),
      DD_OBSERVE_PRELOAD: join(folder, "preload"),
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

  expect(run(files, "--require=./own.cjs")).toMatchObject({ status: 0, lines: ["own", "preload", "app"] });
});

test("loads the same before a CommonJS program", () => {
  const files = { ...TRACER, "main.cjs": 'console.log("cjs");' };

  expect(run(files, "", "main.cjs")).toMatchObject({ status: 0, lines: ["tracer", "cjs"] });
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

test("what a program ends with stays", () => {
  expect(run({ "app.mjs": "process.exit(7);" }).status).toBe(7);
});

function broken(text: string): Readonly<Record<string, string>> {
  return { "node_modules/dd-trace/initialize.mjs": text, "preload/node/register.mjs": text };
}
