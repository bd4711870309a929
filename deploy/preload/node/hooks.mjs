// @ts-check
import Module from "node:module";
import { existsSync } from "node:fs";
import path from "node:path";

/**
 * Tells when LangChain's module of callbacks is loaded, by a line at its end. Nothing is loaded that the application
 * doesn't load itself, and so nothing before a tracer.
 */

/** In every copy, as ESM and CommonJS, of every version. */
const CALLBACKS = /[\\/]@langchain[\\/]core[\\/]dist[\\/]callbacks[\\/]manager\.(?:js|cjs)(?:\?|$)/;

/** @param {string} symbol @param {boolean} isModule */
const handOver = (symbol, isModule) =>
  `\n;try{globalThis[Symbol.for(${JSON.stringify(symbol)})]?.(CallbackManager,${isModule})}catch{}\n`;

/** Node's loader of ESM calls it, in this thread or in one of its own. @param {string} symbol */
export function loadHook(symbol) {
  /** @param {string} url @param {any} result */
  return (url, result) => {
    const { source } = result;
    if (!CALLBACKS.test(url) || source === undefined || source === null) return result;
    const text = typeof source === "string" ? source : Buffer.from(source).toString("utf8");
    return { ...result, source: text + handOver(symbol, true) };
  };
}

/** @param {string} symbol Of the function in globalThis that is given the class, and whether it is of ESM. */
export function watch(symbol) {
  watchCommonJs(symbol);
  const change = loadHook(symbol);
  // Not by a name in the import: an older Node has none of that name.
  if (typeof Module.registerHooks === "function") {
    Module.registerHooks({
      load(url, context, next) {
        const result = next(url, context);
        // What CommonJS compiles is seen below.
        return result.format === "module" ? change(url, result) : result;
      },
    });
    return;
  }
  // Before Node 22.15 such hooks have a thread of their own, for which only an application of LangChain is made to pay.
  if (hasLangChain()) Module.register("./hooks-thread.mjs", { parentURL: import.meta.url, data: { symbol } });
}

/** @param {string} symbol */
function watchCommonJs(symbol) {
  const prototype = /** @type {any} */ (Module).prototype;
  const compile = prototype._compile;
  /** @this {any} @param {unknown} content @param {string} filename @param {unknown[]} rest */
  prototype._compile = function _compile(content, filename, ...rest) {
    const isTheirs = typeof content === "string" && typeof filename === "string" && CALLBACKS.test(filename);
    return compile.call(this, isTheirs ? content + handOver(symbol, false) : content, filename, ...rest);
  };
}

function hasLangChain() {
  const main = process.argv[1];
  const folders = [process.cwd(), ...(main === undefined ? [] : [path.dirname(path.resolve(main))])];
  return folders.some((folder) => {
    for (let at = folder; ; at = path.dirname(at)) {
      for (const name of ["@langchain", "langchain"])
        if (existsSync(path.join(at, "node_modules", name))) return true;
      if (at === path.dirname(at)) return false;
    }
  });
}
