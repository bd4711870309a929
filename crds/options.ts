import { wrongWishText } from "./names.ts";
import type { PackOption } from "./pack.ts";
import { wrongRegex } from "./regex.ts";

export { forbiddenText } from "./names.ts";

/**
 * Says what is wrong with the value that a wish gives to an Agent option, or undefined if nothing is.
 * The sentence goes on after the option's name.
 */
export function wrongOption(option: PackOption, value: unknown): string | undefined {
  switch (option.type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "must be true or false";
    case "integer":
      return Number.isInteger(value) ? outOfRange(option, value as number) : "must be a whole number";
    case "number":
      return typeof value === "number" && Number.isFinite(value)
        ? outOfRange(option, value)
        : "must be a number";
    case "choice":
      return typeof value === "string" && option.values?.includes(value) === true
        ? undefined
        : `must be ${(option.values ?? []).join(" or ")}`;
    case "text":
      return typeof value === "string" ? wrongText(option, value) : "must be a text";
    case "texts":
      return eachOf(value, (text) => wrongText(option, text));
    case "regexes":
      return eachOf(value, (text) => wrongText(option, text) ?? wrongRegex(text));
    default:
      return option.type satisfies never;
  }
}

function outOfRange(option: PackOption, value: number): string | undefined {
  if (option.min !== undefined && value < option.min) return `must be at least ${option.min}`;
  if (option.max !== undefined && value > option.max) return `must be at most ${option.max}`;
  return undefined;
}

function eachOf(value: unknown, wrong: (text: string) => string | undefined): string | undefined {
  if (!Array.isArray(value)) return "must be a list of texts";
  for (const text of value) {
    if (typeof text !== "string") return "must be a list of texts";
    const problem = wrong(text);
    if (problem !== undefined) return `${problem} (${JSON.stringify(text)})`;
  }
  return undefined;
}

function wrongText(option: PackOption, text: string): string | undefined {
  if (text === "") return "must not be empty";
  const forbidden = wrongWishText(text);
  if (forbidden !== undefined) return forbidden;
  if (option.pattern !== undefined && !new RegExp(`^(?:${option.pattern})$`, "u").test(text))
    return `must match ${option.pattern}`;
  return undefined;
}
