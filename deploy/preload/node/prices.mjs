// @ts-check
import { readFileSync } from "node:fs";

/** @typedef {{ input: number, output: number, cacheRead?: number, cacheWrite?: number }} Price US dollars per million tokens. */
/** @typedef {{ input: number, output: number, cacheRead: number, cacheWrite: number }} Usage Tokens; `input` is all that the model was given, cached or not. */

/** What may follow a model's name and leave it the same model: a date, a version, a variant. */
const BOUNDARY = "-@:";

/** `us.anthropic.claude-…`, as clouds name models. */
const VENDOR = /^(?:[a-z]+\.)*(?:anthropic|cohere|deepseek|meta|mistral|openai)\./;

const MAX_FOUND = 1_000;

/** The table that every language of the preload shares. @returns {Record<string, Price>} */
export function shippedPrices() {
  return JSON.parse(readFileSync(new URL("../prices.json", import.meta.url), "utf8")).models;
}

/** Prices of models, by the longest name that a model's begins with. */
export class Prices {
  /** @type {Map<string, Price>} */
  #models;
  /** @type {Map<string, Price | undefined>} */
  #found = new Map();

  /** @param {Record<string, Price>} table @param {Record<string, unknown>} [overrides] One that is no price is left out. */
  constructor(table, overrides = {}) {
    this.#models = new Map(Object.entries(table));
    for (const [model, price] of Object.entries(overrides))
      if (isPrice(price)) this.#models.set(model.toLowerCase(), { input: price.input, output: price.output });
  }

  /** US dollars of one call, or undefined for a model without a price. @param {string} model @param {Usage} usage */
  cost(model, { input, output, cacheRead, cacheWrite }) {
    const price = this.#price(model);
    if (price === undefined) return undefined;
    const plain = Math.max(0, input - cacheRead - cacheWrite);
    const cached =
      cacheRead * (price.cacheRead ?? price.input) + cacheWrite * (price.cacheWrite ?? price.input);
    return (plain * price.input + output * price.output + cached) / 1e6;
  }

  /** @param {string} model */
  #price(model) {
    if (this.#found.has(model)) return this.#found.get(model);
    const price = this.#lookUp(model.toLowerCase());
    if (this.#found.size < MAX_FOUND) this.#found.set(model, price);
    return price;
  }

  /** @param {string} model */
  #lookUp(model) {
    const last = model.slice(model.lastIndexOf("/") + 1);
    // As it stands first: a person may have priced exactly this.
    for (const name of [model, last, last.replace(VENDOR, "")]) {
      const fits = [...this.#models.keys()].filter((known) => begins(name, known));
      const longest = fits.sort((one, other) => other.length - one.length)[0];
      if (longest !== undefined) return this.#models.get(longest);
    }
    return undefined;
  }
}

/** @param {string} name @param {string} known */
function begins(name, known) {
  if (!name.startsWith(known)) return false;
  return name.length === known.length || BOUNDARY.includes(name.charAt(known.length));
}

/** @param {unknown} value @returns {value is Price} */
function isPrice(value) {
  const price = /** @type {Partial<Price> | null | undefined} */ (value);
  return typeof price?.input === "number" && typeof price.output === "number";
}
