import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { nodeLoader } from "../../controllers/workload-env/node-loader.ts";
import { preloadArchive, preloadArchiveName } from "../../deploy/release/preload-archive.ts";
import { NO_PYTHON, pythonBinary } from "../servers/python.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");

/** The folder of a Nomad task whose `artifact` unpacked the archive. */
function task(): { readonly folder: string; readonly local: string } {
  const folder = mkdtempSync(path.join(tmpdir(), "dd-observe-task-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const local = path.join(folder, "local");
  const unpacked = path.join(local, "dd-observe");
  mkdirSync(unpacked, { recursive: true });
  writeFileSync(path.join(folder, "preload.tar.gz"), preloadArchive(ROOT, "1.2.3"));
  execFileSync("tar", ["-xzf", path.join(folder, "preload.tar.gz"), "-C", unpacked]);
  return { folder, local };
}

test("the archive holds every file of the preload as it is, and its version", () => {
  const { local } = task();
  const unpacked = path.join(local, "dd-observe");
  const source = path.join(ROOT, "deploy", "preload");

  const found = filesBelow(unpacked);

  expect(found).toEqual([...filesBelow(source), "VERSION"].sort());
  const texts = found.map((name) => readFileSync(path.join(unpacked, name), "utf8"));
  expect(texts).toEqual(
    found.map((name) => (name === "VERSION" ? "1.2.3\n" : readFileSync(path.join(source, name), "utf8"))),
  );
});

test("the same files make the same bytes", () => {
  expect(preloadArchive(ROOT, "1.2.3").equals(preloadArchive(ROOT, "1.2.3"))).toBe(true);
  expect(preloadArchiveName("1.2.3")).toBe("dd-observe-preload-1.2.3.tar.gz");
});

test("a task with the archive loads the preload for Node, wherever its program stands", () => {
  const { folder, local } = task();
  const program = 'console.log(typeof globalThis[Symbol.for("dd-observe.agent-metrics")]?.hallucination);';

  for (const cwd of [folder, tmpdir()]) {
    const { stdout, stderr } = spawnSync(process.execPath, ["--eval", program], {
      cwd,
      encoding: "utf8",
      env: { NODE_OPTIONS: nodeLoader({ profile: "ddtrace" }), NOMAD_TASK_DIR: local },
    });

    expect({ stdout, stderr }).toEqual({ stdout: "function\n", stderr: "" });
  }
});

const python = pythonBinary();

test.skipIf(python === undefined)(
  `a task with the archive loads the preload for Python${python === undefined ? ` (${NO_PYTHON})` : ""}`,
  () => {
    const { folder, local } = task();
    const program = "import sitecustomize, dd_observe_agent_metrics; print(sitecustomize.HERE)";

    const { stdout, stderr } = spawnSync(python!, ["-B", "-c", program], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, PYTHONPATH: path.join(local, "dd-observe", "python") },
    });

    expect({ stdout, stderr }).toEqual({
      stdout: `${path.join(local, "dd-observe", "python")}\n`,
      stderr: "",
    });
  },
);

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}
