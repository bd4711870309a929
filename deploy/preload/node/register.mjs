// @ts-check
import { debug, isOn } from "./settings.mjs";

/**
 * Loaded before the application by NODE_OPTIONS. Whatever fails here leaves the application as it is.
 *
 * Until LangChain is loaded, or the application tells something by agent-metrics.mjs, there is a hook and nothing else.
 */

const LOADED = Symbol.for("dd-observe.preload");
const isFirst = !Object.hasOwn(globalThis, LOADED);

if (isFirst) {
  Object.defineProperty(globalThis, LOADED, { value: true });
  try {
    await install();
  } catch (error) {
    debug("the application is not followed", error);
  }
}

async function install() {
  const metrics = isOn("DD_OBSERVE_AGENT_METRICS", undefined, "true");
  const langfuse = isOn("DD_OBSERVE_LANGFUSE");
  if (!metrics && !langfuse) return;
  const [{ watch }, { SYMBOL, patch }, { handlers, publishApi }] = await Promise.all([
    import("./hooks.mjs"),
    import("./langchain.mjs"),
    import("./parts.mjs"),
  ]);
  Object.defineProperty(globalThis, Symbol.for(SYMBOL), {
    value: (/** @type {unknown} */ CallbackManager, /** @type {boolean} */ isModule) =>
      patch(CallbackManager, () => handlers({ metrics, langfuse, isModule })),
  });
  if (metrics) publishApi();
  watch(SYMBOL);
}
