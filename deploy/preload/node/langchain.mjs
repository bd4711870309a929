// @ts-check
import { debug } from "./settings.mjs";

/**
 * Makes handlers part of every run of LangChain.
 *
 * @typedef {Record<string, any> & { name: string }} Handler
 */

/** Where LangChain's module, once loaded, hands over its class: see hooks.mjs. */
export const SYMBOL = "dd-observe.langchain";

const PATCHED = Symbol.for("dd-observe.langchain.patched");

/**
 * Patches the class once. Every way into LangChain, of every version from 0.3 on, comes through this static method.
 *
 * @param {any} CallbackManager
 * @param {() => Handler[]} handlers Asked for at the first run.
 */
export function patch(CallbackManager, handlers) {
  const original = CallbackManager?._configureSync;
  if (typeof original !== "function" || Object.hasOwn(CallbackManager, PATCHED)) return;
  Object.defineProperty(CallbackManager, PATCHED, { value: true });
  /** @type {Handler[] | undefined} */
  let made;
  const ours = () => {
    try {
      made ??= handlers();
    } catch (error) {
      debug("LangChain is not followed", error);
      made ??= [];
    }
    return made;
  };
  /** @this {any} @param {any} inheritable @param {any[]} rest */
  CallbackManager._configureSync = function _configureSync(inheritable, ...rest) {
    const added = ours();
    // Without any handler there is no manager, and then tags and metadata are lost.
    const given = inheritable ?? added;
    const manager = original.call(this, given, ...rest);
    if (manager === undefined || manager === null) return manager;
    for (const handler of added) {
      const alike = manager.handlers.filter((/** @type {Handler} */ one) => one.name === handler.name);
      if (alike.length === 0) manager.addHandler(handler, true);
      // The application's own of the same kind is enough.
      else if (alike.some((/** @type {Handler} */ one) => one !== handler)) manager.removeHandler(handler);
    }
    return manager;
  };
}
