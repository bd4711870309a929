import { conditionsOf, type Needs } from "../../crds/condition.ts";
import type { Pack } from "../../crds/pack.ts";

/** The part of a document that gives options these values: under `agent`, or where the pack takes them from. */
export function stating(
  { options }: Pick<Pack, "options">,
  values: Readonly<Record<string, unknown>>,
): { readonly agent: object; readonly budget?: object } {
  const agent: Record<string, unknown> = {};
  const budget: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    const from = options[name]?.wish;
    if (from === undefined) agent[name] = value;
    else if (value !== false && value !== undefined)
      budget[from.split(".")[1] ?? "daily"] = typeof value === "number" ? value : 50;
  }
  return { agent, ...(Object.keys(budget).length === 0 ? {} : { budget }) };
}

/** Options that a document must state so that the conditions hold, whatever the pack's defaults are. */
export function optionsFor({ options }: Pick<Pack, "options">, needs: Needs | undefined): object {
  return Object.fromEntries(
    conditionsOf(needs).map(({ option: name, value, isNegated }) => {
      const option = options[name];
      if (option === undefined) throw new Error(`${name} is no option of the pack`);
      const { type, default: preset, min, values = [] } = option;
      if (value !== undefined) {
        if (type === "boolean") return [name, (value === "true") !== isNegated];
        return [name, isNegated ? values.find((one) => one !== value) : value];
      }
      if (isNegated) return [name, type === "boolean" ? false : undefined];
      if (preset !== undefined && preset !== false) return [name, preset];
      if (type === "boolean") return [name, true];
      if (type === "integer" || type === "number") return [name, min ?? 1];
      if (type === "choice") return [name, values[0]];
      return [name, type === "text" ? "app.alive" : ["app.alive"]];
    }),
  );
}
