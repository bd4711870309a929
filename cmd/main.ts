import { Command, CommanderError, Option } from "commander";

import { SETTINGS, type Flags, type Role, type Setting, type SettingName } from "./config.ts";

/** What a command returns: the exit code. */
type Exit = Promise<number>;

const VERSION = "0.1.0";

/**
 * Runs one command line.
 *
 * @returns The exit code: 0 for success, 1 for an error, 2 for "there is something to do" (`plan`).
 */
export async function main(argv: readonly string[]): Promise<number> {
  let exit = 0;
  const program = commands((code) => (exit = code));
  try {
    await program.parseAsync(argv, { from: "user" });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    const { printError } = await import("./print.ts");
    printError(error);
    return 1;
  }
}

function commands(finish: (code: number) => void): Command {
  const program = new Command("dd-observe")
    .description(
      "Keeps the Datadog Agent, Datadog monitors and AI workloads in sync with what services on Nomad and Consul ask for.",
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError("(dd-observe --help shows all commands)");

  const add = (
    usage: string,
    description: string,
    settings: readonly SettingName[],
    run: (args: readonly string[], flags: Flags & Options) => Exit,
  ): Command => {
    const command = program.command(usage).description(description);
    for (const name of settings) addSetting(command, name);
    command.action(async (...given: unknown[]) => {
      const args = given.slice(0, -2).flatMap((arg) => (arg === undefined ? [] : arg)) as string[];
      finish(await run(args, given.at(-2) as Flags & Options));
    });
    return command;
  };

  add("run", "run the operator", RUN, async (_args, flags) =>
    (await import("./commands/run.ts")).run(flags),
  ).addOption(
    new Option("--role <role>", "what this process does")
      .choices(["all", "controller", "node"])
      .default("all"),
  );
  return program;
}

interface Options {
  readonly role?: Role;
  readonly output?: string;
}

const CONSUL: readonly SettingName[] = [
  "consulAddr",
  "consulTokenFile",
  "consulCaCert",
  "consulNamespace",
  "consulDatacenter",
];
const DATADOG: readonly SettingName[] = ["datadogUrl", "datadogSite"];
const NODE: readonly SettingName[] = ["nodeName", "confdDir", "agentUrl", "agentReload"];
const RULES: readonly SettingName[] = ["clusterId", "policy", "packsDir"];
const RUN: readonly SettingName[] = [
  ...CONSUL,
  ...DATADOG,
  ...NODE,
  ...RULES,
  "httpAddr",
  "resync",
  "grace",
  "maxDeletes",
  "logLevel",
];

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
