import type { Command, Option } from "commander";

import { commandDescriptions, commandTree } from "../cmd/command-tree.ts";
import { SETTINGS, type Setting } from "../cmd/settings.ts";
import { plain } from "../cmd/terminal.ts";
import { code, table } from "./markdown.ts";

/** `docs/reference/cli.md`: every command, its flags, exit codes and examples. */
export function cliReference(): string {
  const tree = commandTree({
    terminal: { out: ignore, err: ignore, width: 100, paint: plain, readStdin: async () => "" },
    env: {},
    finish: () => undefined,
  });
  const overview = tree.commands.map((command) => [
    `[${command.name()}](#${command.name()})`,
    command.summary(),
  ]);
  return `<!-- Made by docs/generate.ts from cmd/command-tree.ts. Don't edit. -->

# Commands

${table(["command", "what it does"], overview)}

Every command has \`--help\`. What can be set by a flag can be set by the environment as well: [configuration.md](configuration.md). Answers go to standard output, errors and notes to standard error. Colours appear on a terminal only; \`NO_COLOR\` switches them off, \`FORCE_COLOR\` on. On a terminal tables are cut to its width, and \`get\` leaves columns out where that is not enough; \`-o wide\` and a pipe get everything. No output holds a token or a key.

Unless it says otherwise, a command ends with 0 for success and 1 for an error.

${tree.commands.map(section).join("\n\n")}
`;
}

function section(command: Command): string {
  const { usage, exit, examples } = commandDescriptions().find(
    ({ usage: text }) => text.split(" ")[0] === command.name(),
  )!;
  const settings = new Set(Object.values(SETTINGS).map((setting: Setting) => setting.flag));
  const own = command.options.filter((option) => !settings.has(option.long ?? ""));
  const shared = command.options.filter((option) => settings.has(option.long ?? ""));
  return [
    `## ${command.name()}`,
    `\`\`\`\ndd-observe ${usage}\n\`\`\``,
    command.description(),
    own.length === 0 ? "" : table(["flag", "what it means"], own.map(flagRow)),
    shared.length === 0
      ? ""
      : `Settings: ${shared.map((option) => code(option.long ?? option.flags)).join(", ")}.`,
    exit === undefined ? "" : `Exit code: ${exit}.`,
    `\`\`\`sh\n${examples.join("\n")}\n\`\`\``,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function flagRow(option: Option): readonly string[] {
  const choices = option.argChoices === undefined ? "" : `: ${option.argChoices.map(code).join(", ")}`;
  const byDefault =
    option.defaultValue === undefined ? "" : `; ${code(String(option.defaultValue))} if absent`;
  return [code(option.flags), `${option.description}${choices}${byDefault}`];
}

function ignore(_text: string): void {
  // The tree is only read here; no command runs.
}
