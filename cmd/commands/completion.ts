import type { Command } from "commander";

import type { Call } from "../call.ts";
import { KINDS } from "../command-list.ts";
import { commandTree } from "../command-tree.ts";
import { IMPORTED_KINDS } from "../import/kinds.ts";
import { UsageError } from "../print.ts";

/** A command as completion needs it. */
interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly {
    readonly name: string;
    readonly summary: string;
    readonly values: readonly string[];
  }[];
}

const SHELLS = { bash, zsh, fish } as const;
/** Kinds of objects that commands name. */
const OBJECTS = ["monitor", "slo", "dashboard", "downtime", "metric-tags", "entity"];
/** What the first argument of these commands can be. */
const FIRST_WORDS: Readonly<Record<string, readonly string[]>> = {
  get: KINDS.split("|"),
  adopt: OBJECTS,
  import: IMPORTED_KINDS,
  restore: ["monitors", "slos", "dashboards", "downtimes", "metric-tags", "catalog", "evaluators"],
  completion: Object.keys(SHELLS),
  explain: ["metric", "receivers"],
};
/** Asks for the names that begin with a word: they depend on the packs. `*` makes it a list, whole name or not. */
const METRICS_COMMAND = "dd-observe explain metric";
const FIRST_COLUMN = "awk 'NR > 1 { print $1 }'";

/** `dd-observe completion`: a script that completes commands, flags and their values. */
export async function completion({ args, terminal }: Call): Promise<number> {
  const shell = args[0] ?? "";
  if (!Object.hasOwn(SHELLS, shell))
    throw new UsageError(
      `there is no completion for ${shell}; there is one for ${Object.keys(SHELLS).join(", ")}`,
    );
  const tree = commandTree({ terminal, env: undefined, finish: () => undefined });
  terminal.out(SHELLS[shell as keyof typeof SHELLS](tree.commands.map(completed)));
  return 0;
}

function completed(command: Command): Completed {
  const flags = command.options.map((option) => ({
    name: option.long ?? option.flags,
    summary: option.description.replace(/ \(.*/, ""),
    values: option.argChoices ?? [],
  }));
  return { name: command.name(), summary: command.summary(), flags };
}

function bash(commands: readonly Completed[]): string {
  const cases = commands.map(
    ({ name, flags }) =>
      `    ${name}) words="${[...(FIRST_WORDS[name] ?? []), ...flags.map((flag) => flag.name), "--help"].join(" ")}" ;;`,
  );
  const values = valuesByFlag(commands).map(
    ([flag, words]) => `    ${flag}) COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$current")); return ;;`,
  );
  return `# dd-observe completion for bash: source <(dd-observe completion bash)
_dd_observe() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words
  case "$previous" in
${values.join("\n")}
    --*dir|--*file|--*-cert|--policy) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} help --help --version" -- "$current"))
    return
  fi
  if [ "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" = "explain metric" ] && [ "$COMP_CWORD" -eq 3 ]; then
    COMPREPLY=($(${METRICS_COMMAND} "$current*" 2>/dev/null | ${FIRST_COLUMN}))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ "\${COMP_WORDS[1]}" = validate ]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -F _dd_observe dd-observe
`;
}

function zsh(commands: readonly Completed[]): string {
  const quoted = (text: string): string => text.replaceAll("'", "’").replaceAll(/[[\]:]/g, " ");
  const cases = commands.map(({ name, flags }) => {
    const specs = flags.map(
      (flag) =>
        `'${flag.name}[${quoted(flag.summary)}]${flag.values.length === 0 ? "" : `:value:(${flag.values.join(" ")})`}'`,
    );
    const first = FIRST_WORDS[name];
    if (first !== undefined) specs.push(`'1:what:(${first.join(" ")})'`);
    if (name === "explain") specs.push(`'2:metric:_dd_observe_metrics'`);
    if (name === "validate") specs.push(`'*:file:_files'`);
    return `    ${name}) _arguments ${specs.join(" ")} ;;`;
  });
  return `#compdef dd-observe
# dd-observe completion for zsh: dd-observe completion zsh > "\${fpath[1]}/_dd-observe"
_dd_observe_metrics() {
  [ "$words[2]" = metric ] && compadd -- \${(f)"$(${METRICS_COMMAND} "$PREFIX*" 2>/dev/null | ${FIRST_COLUMN})"}
}
_dd_observe() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_dd_observe" ]; then _dd_observe "$@"; else compdef _dd_observe dd-observe; fi
`;
}

function fish(commands: readonly Completed[]): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", "’")}'`;
  const lines = commands.flatMap(({ name, summary, flags }) => [
    `complete -c dd-observe -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
    ...(FIRST_WORDS[name] === undefined
      ? []
      : [
          `complete -c dd-observe -n '__fish_seen_subcommand_from ${name}' -f -a ${quoted(FIRST_WORDS[name].join(" "))}`,
        ]),
    ...flags.map(
      (flag) =>
        `complete -c dd-observe -n '__fish_seen_subcommand_from ${name}' -l ${flag.name.replace(/^--/, "")} -d ${quoted(flag.summary)}${flag.values.length === 0 ? "" : ` -x -a ${quoted(flag.values.join(" "))}`}`,
    ),
  ]);
  lines.push(
    `complete -c dd-observe -n '__fish_seen_subcommand_from explain; and __fish_seen_subcommand_from metric' -f -a '(${METRICS_COMMAND} (commandline -ct)"*" 2>/dev/null | awk "NR > 1 { print \\$1 }")'`,
  );
  return `# dd-observe completion for fish: dd-observe completion fish > ~/.config/fish/completions/dd-observe.fish\n${lines.join("\n")}\n`;
}

/** A flag's values are the union over the commands that have it. */
function valuesByFlag(commands: readonly Completed[]): readonly (readonly [string, readonly string[]])[] {
  const byFlag = new Map<string, Set<string>>();
  for (const { name, values } of commands.flatMap(({ flags }) => flags)) {
    if (values.length === 0) continue;
    const known = byFlag.get(name) ?? new Set();
    byFlag.set(name, known);
    for (const value of values) known.add(value);
  }
  return [...byFlag].map(([name, values]) => [name === "--output" ? "-o|--output" : name, [...values]]);
}
