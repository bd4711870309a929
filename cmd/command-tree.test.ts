import { readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { commandDescriptions, commandTree } from "./command-tree.ts";
import { main } from "./main.ts";
import { SETTINGS, type Setting } from "./settings.ts";
import { plain } from "./terminal.ts";

async function run(...argv: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const terminal = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    width: 100,
    paint: plain,
    readStdin: async () => "",
  };
  const exit = await main(argv, { terminal, env: {} });
  return { exit, out, err };
}

const SILENT = { out: ignore, err: ignore, width: 100, paint: plain, readStdin: async () => "" };

function ignore(): void {
  // Nobody looks.
}

const NAMES = commandDescriptions().map(({ usage }) => usage.split(" ")[0]!);

test.for(NAMES)("dd-observe %s --help shows an example and fits the terminal", async (name) => {
  const { exit, out, err } = await run(name, "--help");

  expect({ exit, err }).toEqual({ exit: 0, err: "" });
  expect(out).toContain(`Usage: dd-observe ${name}`);
  expect(out).toMatch(/Examples?:\n {2}\$ /);
});

test.for(commandDescriptions().flatMap(({ examples }) => examples))(
  "the parser takes the example %s",
  (example) => {
    const line = /dd-observe ([^>|)]*)/.exec(example)![1]!;
    const argv = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
    const tree = commandTree({ terminal: SILENT, env: {}, finish: ignore });
    for (const command of tree.commands) command.action(ignore);

    expect(() => tree.parse(argv, { from: "user" })).not.toThrow();
  },
);

test("every flag of a setting belongs to a command", () => {
  const flags = Object.values(SETTINGS).flatMap((setting: Setting) => setting.flag ?? []);
  const tree = commandTree({ terminal: SILENT, env: {}, finish: ignore });
  const known = new Set(tree.commands.flatMap((command) => command.options.map((option) => option.long)));

  expect(flags.filter((flag) => !known.has(flag))).toEqual([]);
});

test.for(["bash", "zsh", "fish"])("completion for %s knows every command and their flags", async (shell) => {
  const { exit, out } = await run("completion", shell);

  expect(exit).toBe(0);
  for (const name of NAMES) expect(out).toContain(name);
  expect(out).toContain("confd-dir");
});

test("help needs nothing but the parser of command lines, so that it is there at once", () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const follow = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, "utf8");
    for (const [, from] of text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from "([^"]+)"/gm)) {
      if (from!.startsWith(".")) follow(path.join(path.dirname(file), from!));
      else if (!from!.startsWith("node:")) packages.add(from!);
    }
  };

  follow(path.join(import.meta.dirname, "main.ts"));

  expect([...packages]).toEqual(["commander"]);
  expect([...seen].filter((file) => path.dirname(file) !== import.meta.dirname)).toEqual([]);
});
