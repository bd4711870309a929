// @ts-check
import { loadHook } from "./hooks.mjs";

/** The hooks as a thread of its own takes them, on Node before 22.15. */

/** @type {ReturnType<typeof loadHook> | undefined} */
let change;

/** @param {{ symbol: string }} data */
export function initialize({ symbol }) {
  change = loadHook(symbol);
}

/** @param {string} url @param {unknown} context @param {(url: string, context: unknown) => Promise<any>} next */
export async function load(url, context, next) {
  const result = await next(url, context);
  return change === undefined ? result : change(url, result);
}
