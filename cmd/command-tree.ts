import { Command, Option } from "commander";

import type { Call, Options } from "./call.ts";
import { COMMANDS, type Description } from "./command-list.ts";
import { SETTINGS, type Env, type Flags, type Setting, type SettingName } from "./settings.ts";
import type { Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";

export { VERSION };

interface TreeOptions {
  readonly terminal: Terminal;
  readonly env: Env | undefined;
  /** Told the exit code of the command that ran. */
  readonly finish: (code: number) => void;
}

/** The whole command line: names, arguments, flags and help. */
export function commandTree({ terminal, env, finish }: TreeOptions): Command {
  const program = new Command("dd-observe")
    .description(
      "Keeps the Datadog Agent, Datadog monitors and AI workloads in sync with what services on Nomad and Consul ask for.",
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHelpWidth: () => terminal.width ?? 100,
      getErrHelpWidth: () => terminal.width ?? 100,
    })
    .showHelpAfterError("(dd-observe --help shows all commands)");
  for (const description of COMMANDS) addCommand(program, description, { terminal, env, finish });
  return program;
}

/** The commands as data, for the reference page. */
export function commandDescriptions(): readonly Description[] {
  return COMMANDS;
}

function addCommand(
  program: Command,
  description: Description,
  { terminal, env, finish }: TreeOptions,
): void {
  const { usage, summary, details, settings, options = [], examples, exit, load } = description;
  const command = program
    .command(usage)
    .summary(summary)
    .description(details === undefined ? sentence(summary) : `${sentence(summary)}\n\n${details}`);
  for (const option of options) command.addOption(option);
  for (const name of settings) addSetting(command, name);
  const exits = exit === undefined ? "" : `\n\nExit code: ${exit}.`;
  command.addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}${exits}`);
  command.action(async (...given: unknown[]) => {
    const args = given.slice(0, -2).flatMap((arg) => (arg === undefined ? [] : arg)) as string[];
    const flags = given.at(-2) as Flags & Options;
    const call: Call = {
      args,
      flags,
      terminal,
      env: env ?? (await sessionEnv(description, flags, terminal)),
    };
    finish(await (await load())(call));
  });
}

/** Commands that a person types beside a running `dd-observe dev` work with its servers. The operator itself never does. */
async function sessionEnv(
  { usage, settings }: Description,
  flags: Flags,
  terminal: Terminal,
): Promise<Env | undefined> {
  if (usage === "run" || !settings.includes("consulAddr")) return undefined;
  const { inDevDir, joinSession } = await import("./dev/session.ts");
  const { processEnv } = await import("./config.ts");
  const joined = joinSession(processEnv(), flags.consulAddr !== undefined);
  if (joined !== undefined)
    terminal.err(`${terminal.paint("dim", `(of the running dev session, ${inDevDir("env")})`)}\n`);
  return joined;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function addSetting(command: Command, name: SettingName): void {
  const setting: Setting = SETTINGS[name];
  if (setting.flag === undefined) return;
  const option = new Option(
    `${setting.flag} <${setting.value}>`,
    `${setting.description} (${[...setting.env, setting.default && `default ${setting.default}`].filter(Boolean).join(", ")})`,
  );
  // The name that the configuration reader looks for, whatever the flag is called.
  option.attributeName = () => name;
  command.addOption(option);
}
