// @ts-check
import { Worker } from "node:worker_threads";

import { debug, environment } from "./settings.mjs";

/**
 * Posts by HTTP in a thread of its own: no tracer follows these requests there, and a process that ends can wait for the
 * last one.
 *
 * @typedef {object} Destination
 * @property {string} [socketPath] A socket of Unix, in place of `origin`.
 * @property {string} [origin] `http://HOST:PORT`, or https.
 * @property {string} path
 * @property {Record<string, string>} headers
 * @property {number} timeoutMs Of one request.
 * @property {number} tries How often one body is sent, if it is refused for now.
 * @property {number} maxWaiting So many bodies wait while the other side is slow; older ones are dropped.
 */

/** In place of a body: the process ends. */
export const END = null;

/**
 * @param {string} what Is not sent where it fails: `metrics to the trace Agent`.
 * @param {Destination} to
 * @param {number} exitMs How long a process that ends waits.
 */
export function posting(what, to, exitMs) {
  const sent = new Int32Array(new SharedArrayBuffer(8));
  /** @type {Worker | undefined} */
  let worker;
  let posted = 0;

  const start = () => {
    const { NODE_OPTIONS: _, ...env } = environment;
    const made = new Worker(new URL("./posting-worker.mjs", import.meta.url), {
      execArgv: [],
      env,
      workerData: { to, sent },
      stdin: false,
    });
    made.on("message", (text) => debug(`no ${what}`, text));
    made.on("error", (error) => debug(`the thread that sends ${what} ended`, error));
    made.on("exit", () => {
      if (worker === made) worker = undefined;
    });
    // Last: a listener of messages would keep the process alive again.
    made.unref();
    worker = made;
    return made;
  };

  /** @param {string | Uint8Array} body */
  const post = (body) => {
    const thread = worker ?? start();
    posted += 1;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, no window.
    thread.postMessage(body);
  };
  /** Waits until what was posted is through; nothing is tried again any more. */
  const drain = () => {
    if (worker === undefined) return;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, no window.
    worker.postMessage(END);
    const endMs = performance.now() + exitMs;
    for (let at = Atomics.load(sent, 0); at < posted; at = Atomics.load(sent, 0)) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return;
      Atomics.wait(sent, 0, at, leftMs);
    }
  };
  start();
  return { post, drain, isRunning: () => worker !== undefined };
}
