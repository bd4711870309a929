import { budgetOption } from "../crds/budget.ts";
import { holds, type Needs, type OptionValues } from "../crds/condition.ts";
import { PROFILE } from "../crds/pack-option.ts";
import { fillIn, type PackOption, type Variables } from "../crds/pack.ts";
import type { Wish } from "../crds/resolve.ts";

/**
 * The options of a wish: what it sets under `agent` or, where the pack says so, elsewhere, else the pack's default with its variables filled in. Undefined ones are left
 * out. With `profile: minimal` so are the defaults that only the Agent's file would have, as then the check's own hold.
 */
export function effectiveOptions(
  { agent, pack, budget = {} }: Pick<Wish, "agent" | "pack"> & Partial<Pick<Wish, "budget">>,
  variables: Variables,
): OptionValues {
  const isMinimal = agent[PROFILE] === "minimal";
  const options: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(pack.options)) {
    const isWritten = !isMinimal || option.option === undefined || option.required === true;
    const given = option.wish === undefined ? agent[name] : budgetOption(budget, option.wish, option.type);
    const value = given ?? (isWritten ? defaultOf(option, variables) : undefined);
    if (value !== undefined) options[name] = value;
  }
  return options;
}

function defaultOf(option: PackOption, variables: Variables): unknown {
  return option.default === undefined ? undefined : fillIn(option.default, variables);
}

/** The same as variables for templates: `option.<name>` for every option that the pack knows. */
export function optionVariables({ pack }: Pick<Wish, "pack">, options: OptionValues): Variables {
  return Object.fromEntries(Object.keys(pack.options).map((name) => [`option.${name}`, options[name]]));
}

/** True unless the metric isn't collected, or only a document that names the object brings it. */
export function isWanted(
  {
    needs,
    default: isDefault,
  }: { readonly needs?: Needs | undefined; readonly default?: boolean | undefined },
  isNamed: boolean,
  options: OptionValues,
): boolean {
  return holds(needs, options) && (isNamed || isDefault !== false);
}
