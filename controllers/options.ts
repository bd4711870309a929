import { fillIn, type PackOption, type Variables } from "../crds/pack.ts";
import type { Wish } from "../crds/resolve.ts";

/** The Agent options of a wish: what it sets, else the pack's default with its variables filled in. Undefined ones are left out. */
export function effectiveOptions(
  { agent, pack }: Pick<Wish, "agent" | "pack">,
  variables: Variables,
): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(pack.options)) {
    const value = agent[name] ?? defaultOf(option, variables);
    if (value !== undefined) options[name] = value;
  }
  return options;
}

function defaultOf(option: PackOption, variables: Variables): unknown {
  return option.default === undefined ? undefined : fillIn(option.default, variables);
}

/** The same as variables for templates: `option.<name>` for every option that the pack knows. */
export function optionVariables(
  { pack }: Pick<Wish, "pack">,
  options: Readonly<Record<string, unknown>>,
): Variables {
  return Object.fromEntries(Object.keys(pack.options).map((name) => [`option.${name}`, options[name]]));
}

/** True unless the metric isn't collected, or only a document that names the object brings it. */
export function isWanted(
  {
    needs,
    default: isDefault,
  }: { readonly needs?: string | undefined; readonly default?: boolean | undefined },
  isNamed: boolean,
  options: Readonly<Record<string, unknown>>,
): boolean {
  if (needs !== undefined && (options[needs] === undefined || options[needs] === false)) return false;
  return isNamed || isDefault !== false;
}
