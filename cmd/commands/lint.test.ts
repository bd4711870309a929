import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { main } from "../main.ts";
import { plain } from "../terminal.ts";

const RESEARCH = "test/golden/lint/research-alerts.yaml";
const PAGE = readFileSync(new URL("../../docs/lint.md", import.meta.url), "utf8");
const BLOCKS = [...PAGE.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, , text]) => text!);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "dd-observe-lint-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function run(argv: readonly string[], stdin = ""): Promise<{ exit: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const terminal = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: 100,
    paint: plain,
    readStdin: async () => stdin,
  };
  const exit = await main(argv, { terminal, env: {} });
  return { exit, out: out.replaceAll(folder, "/alerts"), err: err.replaceAll(folder, "/alerts") };
}

const OK = '- {name: CPU, type: query alert, query: "avg(last_5m):avg:system.cpu.user{*} > 90"}\n';

describe("dd-observe lint", () => {
  test("shows what becomes of the alerts as people first wrote them", async () => {
    const { exit, out } = await run(["lint", RESEARCH]);

    expect(exit).toBe(2);
    await expect(out).toMatchFileSnapshot("../../test/golden/lint/research.txt");
  });

  test("gives the same as data", async () => {
    const { exit, out } = await run(["lint", RESEARCH, "-o", "json"]);
    const yaml = await run(["lint", RESEARCH, "-o", "yaml", "--fix"]);

    expect(exit).toBe(2);
    await expect(out).toMatchFileSnapshot("../../test/golden/lint/research.json");
    expect(yaml.out).toMatch(/^documents:\n {2}- key: _monitors\/agent-hallucinations$/m);
  });

  test("prints documents that are valid, one by one", async () => {
    const { exit, out } = await run(["lint", RESEARCH, "--fix"]);

    expect(exit).toBe(2);
    await expect(out).toMatchFileSnapshot("../../test/golden/lint/research-documents.yaml");
  });

  test("writes files that validate takes", async () => {
    const written = await run(["lint", RESEARCH, "--fix", "--output-dir", folder]);

    const checked = await run(["validate", folder]);

    expect(written.out).toContain("wrote /alerts/_monitors/agent-hallucinations.yaml\n");
    expect(written.out).toContain("# left out: Services in the catalog\n");
    expect(checked).toMatchObject({ exit: 0, out: "valid: 23 documents\n" });
  });

  test("writes the one document of a service that validate takes", async () => {
    const { exit } = await run(["lint", RESEARCH, "--fix", "--service", "ray", "--output-dir", folder]);

    expect(exit).toBe(2);
    expect(readdirSync(folder)).toEqual(["ray.yaml"]);
    expect(await run(["validate", folder])).toMatchObject({ exit: 0, out: "valid: 1 document\n" });
  });

  test("overwrites nothing without --force, and then writes nothing at all", async () => {
    const list = `${OK}- {name: A, type: query alert, query: "avg(last_5m):avg:a.b{*} > 1"}\n`;
    const command = ["lint", "-", "--fix", "--output-dir", folder];
    await run(command, OK);
    writeFileSync(path.join(folder, "_monitors", "cpu.yaml"), "mine");

    const refused = await run(command, list);

    expect(refused).toMatchObject({ exit: 1, out: "" });
    expect(refused.err).toMatch(/cpu\.yaml is there already; nothing was written/);
    expect(readdirSync(path.join(folder, "_monitors"))).toEqual(["cpu.yaml"]);
    expect(readFileSync(path.join(folder, "_monitors", "cpu.yaml"), "utf8")).toBe("mine");

    const forced = await run([...command, "--force"], list);

    expect(forced.exit).toBe(0);
    expect(readFileSync(path.join(folder, "_monitors", "cpu.yaml"), "utf8")).toContain("system.cpu.user");
    expect(readdirSync(path.join(folder, "_monitors"))).toEqual(["a.yaml", "cpu.yaml"]);
  });

  test("ends with 0 where every alert is ok, and what it writes is ok again", async () => {
    expect(await run(["lint", "-"], OK)).toEqual({
      exit: 0,
      out: "ok        CPU  (stdin):1\n1 ok, 0 repaired, 0 refused\n",
      err: "",
    });
    const { out } = await run(["lint", RESEARCH, "--fix"]);

    const again = await run(["lint", "-"], out);

    expect(again.out).toMatch(/^23 ok, 0 repaired, 0 refused$/m);
  });

  test("takes several files as one list, each with its own lines", async () => {
    const one = path.join(folder, "one.yaml");
    const two = path.join(folder, "two.yaml");
    writeFileSync(one, OK);
    writeFileSync(two, `# more\n${OK.replace("90", "95")}`);

    const { out } = await run(["lint", one, two]);

    expect(out).toContain("CPU (2)  /alerts/two.yaml:2\n");
  });

  test("says in a comment what a service's document can't say of one alert", async () => {
    const tags = (env: string): string => `tags: ["env:${env}"]}`;
    const list = `${OK.replace("}\n", `, ${tags("a")}\n`)}${OK.replace("90", "91").replace("}\n", `, ${tags("b")}\n`)}`;

    const { exit, out } = await run(
      ["lint", "-", "--fix", "--service", "web"],
      list.replace("{*, ", "{*}, "),
    );

    expect(exit).toBe(2);
    expect(out).toContain("# left out: env of CPU\n");
  });

  test.for<[argv: readonly string[], stdin: string, message: RegExp]>([
    [["lint", "/nowhere.yaml"], "", /cannot read \/nowhere\.yaml: no such file or folder \(ENOENT\)/],
    [["lint", "-"], "- message: @x", /\(stdin\):1:12: a text that begins with @ or ` needs quotes/],
    [["lint", "-"], "a: 1", /no list of alerts/],
    [["lint", "-"], "[]", /no alert in -/],
    [["lint", "-", "--service", "../x"], OK, /"\.\.\/x" is no name of a service/],
    [["lint", "-", "--force"], OK, /--output-dir and --force belong to --fix/],
  ])("%j with %j is an error", async ([argv, stdin, message]) => {
    const { exit, out, err } = await run(argv, stdin);

    expect({ exit, out }).toEqual({ exit: 1, out: "" });
    expect(err).toMatch(message);
  });

  test("prints nothing that moves the cursor", async () => {
    const { out } = await run(["lint", "-"], '- {name: "a\\e[2Jb", query: "x\\e[2J > 1"}');

    expect(out).not.toContain("\u001b");
  });
});

describe("docs/lint.md", () => {
  const [list, printed, documents] = BLOCKS;

  test("shows what the command prints", async () => {
    const file = path.join(folder, "alerts.yaml");
    writeFileSync(file, list!);

    const { out } = await run(["lint", file]);

    expect(out.replaceAll("/alerts/alerts.yaml", "alerts.yaml")).toBe(printed);
  });

  test("shows the documents that it writes", async () => {
    const { out } = await run(["lint", "-", "--fix"], list);

    expect(out).toBe(documents);
  });
});
