// @ts-check
import { debug } from "./settings.mjs";

/**
 * The same functions, of which none throws: the application's own work goes on, whatever happens here, and LangChain
 * would tell an error of ours on the application's stderr.
 *
 * @param {Record<string, (...args: any[]) => void>} functions
 */
export function harmless(functions) {
  return Object.fromEntries(
    Object.entries(functions).map(([name, call]) => [
      name,
      (/** @type {any[]} */ ...args) => {
        try {
          call(...args);
        } catch (error) {
          debug(`${name} failed`, error);
        }
      },
    ]),
  );
}
