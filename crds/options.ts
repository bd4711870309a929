import safeRegex from "safe-regex2";

import type { PackOption } from "./pack.ts";

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
      return option.values?.includes(String(value)) === true
        ? undefined
        : `must be ${(option.values ?? []).join(" or ")}`;
    case "text":
      return typeof value === "string" ? wrongText(option, value) : "must be a text";
    case "texts":
      return eachOf(value, (text) => wrongText(option, text));
    case "regexes":
      return eachOf(value, (text) => wrongText(option, text) ?? wrongRegex(text));
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
  const forbidden = forbiddenText(text);
  if (forbidden !== undefined) return forbidden;
  if (option.pattern !== undefined && !new RegExp(`^(?:${option.pattern})$`, "u").test(text))
    return `must match ${option.pattern}`;
  return undefined;
}

/**
 * Texts that the Agent would replace by something secret: `%%env_DD_API_KEY%%` in a plain file is filled in
 * from the Agent's environment, and `ENC[…]` from its secret backend.
 */
export function forbiddenText(text: string): string | undefined {
  if (text.includes("%%"))
    return "must not contain %%: the Agent would replace it by values of its own environment";
  if (/ENC\[/i.test(text)) return "must not contain ENC[: the Agent would replace it by a secret";
  // oxlint-disable-next-line no-control-regex -- refusing control characters is the point
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) return "must not contain control characters";
  return undefined;
}

/** The Agent's regexes are Python's; what both understand and what cannot take for ever is allowed. */
function wrongRegex(text: string): string | undefined {
  if (text.length > 200) return "must be a regular expression of at most 200 characters";
  try {
    new RegExp(text);
  } catch {
    return "must be a regular expression that compiles";
  }
  return safeRegex(text)
    ? undefined
    : "must not be a regular expression whose search can take for ever (nested repetition)";
}
