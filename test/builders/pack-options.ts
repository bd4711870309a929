import { conditionsOf, type Needs } from "../../crds/condition.ts";
import type { Pack } from "../../crds/pack.ts";

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
