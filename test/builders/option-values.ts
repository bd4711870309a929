import fc from "fast-check";

import { wrongOption } from "../../crds/options.ts";
import type { PackOption } from "../../crds/pack.ts";

const TEXTS = ["abc", "a_b", "5", "1.5", "abc:def", "/abc", "http", "a.b", "/a.b", "http://a.b/c"];

/** Texts that an option takes: usual ones, else some that its pattern makes, always the same. */
function textsOf(option: PackOption): readonly string[] {
  const isRight = (text: string): boolean => wrongOption({ ...option, type: "text" }, text) === undefined;
  const usual = TEXTS.filter(isRight);
  if (usual.length >= 2 || option.pattern === undefined) return usual;
  const made = fc
    .stringMatching(new RegExp(`^(?:${option.pattern})$`))
    .filter((text) => /^[ -~]+$/.test(text));
  return [...usual, ...fc.sample(made, { seed: 1, numRuns: 20 }).filter(isRight)];
}

/** Values that a wish may give to an option: both of a switch, each of a choice, both ends of a range. */
export function valuesOf(option: PackOption): readonly unknown[] {
  switch (option.type) {
    case "boolean":
      return [true, false];
    case "choice":
      return option.values ?? [];
    case "integer":
    case "number":
      return [option.min ?? 1, option.max ?? 1_000];
    case "text":
      return textsOf(option).slice(0, 1);
    case "texts":
      return [textsOf(option).slice(0, 2)];
    case "regexes":
      return [["^abc_", "def$"]];
    default:
      return option.type satisfies never;
  }
}

/** A value that an option takes and that isn't its default. */
export function otherThanDefault(option: PackOption): unknown {
  const values = option.type === "text" ? textsOf(option) : valuesOf(option);
  const other = values.find((value) => JSON.stringify(value) !== JSON.stringify(option.default));
  if (other === undefined) throw new Error(`no value but its default is known of ${JSON.stringify(option)}`);
  return other;
}
