// @ts-check
import { api } from "./api.mjs";
import { Emitter } from "./emitter.mjs";
import { agentMetricsHandler } from "./handler.mjs";
import { langfuseHandler } from "./langfuse.mjs";
import { Prices, shippedPrices } from "./prices.mjs";
import { Runs } from "./runs.mjs";
import {
  agentName,
  debug,
  destination,
  instance,
  priceOverrides,
  taskType,
  unifiedTags,
} from "./settings.mjs";
import { transport } from "./transport.mjs";

/** The parts of one process, each made when it is first needed. */

/** Where agent-metrics.mjs finds the functions, in globalThis. */
const API = Symbol.for("dd-observe.agent-metrics");

const emitter = once(() => new Emitter(transport(destination()), unifiedTags(), instance()));
const runs = once(() => new Runs(emitter(), agentName(), prices()));

/** @param {{ metrics: boolean, langfuse: boolean, isModule: boolean }} wanted @returns {import("./langchain.mjs").Handler[]} */
export function handlers({ metrics, langfuse, isModule }) {
  const made = [
    metrics
      ? attempt("no agent metrics", () => agentMetricsHandler(runs(), taskType()), undefined)
      : undefined,
    langfuse ? attempt("no traces to Langfuse", () => langfuseHandler(isModule), undefined) : undefined,
  ];
  return made.filter((handler) => handler !== undefined);
}

export function publishApi() {
  Object.defineProperty(globalThis, API, { value: api(emitter, runs, agentName()) });
}

function prices() {
  const table = attempt("no cost but by DD_OBSERVE_PRICES", shippedPrices, {});
  return new Prices(table, attempt("DD_OBSERVE_PRICES is not taken", priceOverrides, {}));
}

/** @template T @param {string} what @param {() => T} make @param {T} otherwise */
function attempt(what, make, otherwise) {
  try {
    return make();
  } catch (error) {
    debug(what, error);
    return otherwise;
  }
}

/** @template T @param {() => T} make @returns {() => T} */
function once(make) {
  /** @type {{ value: T } | undefined} */
  let made;
  return () => (made ??= { value: make() }).value;
}
