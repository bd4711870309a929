// @ts-check
import { request } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

/** A thread that posts metrics to the trace Agent, one request after the other, and counts in `sent` what is through. */

/** @type {{ to: import("./settings.mjs").Proxy, sent: Int32Array }} */
const { to, sent } = workerData;

const TIMEOUT_MS = 1_000;

/** So many flushes wait while the Agent is slow; older ones are dropped. */
const MAX_WAITING = 10;

/** @type {string[][]} */
const waiting = [];
let isBusy = false;

parentPort?.on("message", (/** @type {string[]} */ packets) => {
  waiting.push(packets);
  while (waiting.length > MAX_WAITING) {
    waiting.shift();
    through();
  }
  if (!isBusy) next();
});

function next() {
  const packets = waiting.shift();
  isBusy = packets !== undefined;
  if (packets === undefined) return;
  let isOver = false;
  const over = (/** @type {string} */ failure) => {
    if (isOver) return;
    isOver = true;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, no window.
    if (failure !== "") parentPort?.postMessage(failure);
    through();
    next();
  };
  const { socketPath, host, port } = to;
  const sending = request(
    {
      ...(socketPath === undefined ? { host, port } : { socketPath }),
      method: "POST",
      path: "/dogstatsd/v2/proxy",
      headers: { "content-type": "text/plain" },
      timeout: TIMEOUT_MS,
    },
    (response) => {
      response.resume();
      response.on("close", () =>
        over((response.statusCode ?? 500) < 300 ? "" : `it answered ${response.statusCode}`),
      );
    },
  );
  sending.on("timeout", () => sending.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
  sending.on("error", (error) => over(error.message));
  sending.end(packets.join("\n"));
}

function through() {
  Atomics.add(sent, 0, 1);
  Atomics.notify(sent, 0);
}
