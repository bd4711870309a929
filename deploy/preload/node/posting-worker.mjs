// @ts-check
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { parentPort, workerData } from "node:worker_threads";

import { END } from "./posting.mjs";

/** A thread that posts one body after the other, and counts in `sent` what is through. */

/** @type {{ to: import("./posting.mjs").Destination, sent: Int32Array }} */
const { to, sent } = workerData;

/** Refused for now: the same body may be taken later. */
const FOR_NOW = new Set([429, 502, 503, 504]);
const RETRY_MS = 1_000;

const isTls = to.origin?.startsWith("https:") === true;
const agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });

/** @type {(string | Uint8Array)[]} */
const waiting = [];
let isBusy = false;
let isEnding = false;
/** Gives up what waits for another try. @type {(() => void) | undefined} */
let giveUp;

parentPort?.on("message", (/** @type {string | Uint8Array | null} */ body) => {
  if (body === END) {
    isEnding = true;
    giveUp?.();
    return;
  }
  waiting.push(body);
  while (waiting.length > to.maxWaiting) {
    waiting.shift();
    through();
  }
  if (!isBusy) next();
});

function next() {
  const body = waiting.shift();
  isBusy = body !== undefined;
  if (body !== undefined) send(body, 1);
}

/** @param {string | Uint8Array} body @param {number} attempt */
function send(body, attempt) {
  let isOver = false;
  /** @param {string} failure @param {boolean} isForNow */
  const over = (failure, isForNow) => {
    if (isOver) return;
    isOver = true;
    if (isForNow && attempt < to.tries && !isEnding) sendLater(body, attempt + 1);
    else done(failure);
  };
  const sending = start((response) => {
    const status = response.statusCode ?? 500;
    response.resume();
    response.on("close", () => over(status < 300 ? "" : `it answered ${status}`, FOR_NOW.has(status)));
  });
  sending.on("timeout", () => sending.destroy(new Error(`no answer within ${to.timeoutMs} ms`)));
  sending.on("error", (error) => over(error.message, true));
  sending.end(body);
}

/** @param {string | Uint8Array} body @param {number} attempt */
function sendLater(body, attempt) {
  const timer = setTimeout(
    () => {
      giveUp = undefined;
      send(body, attempt);
    },
    (attempt - 1) * RETRY_MS,
  );
  giveUp = () => {
    clearTimeout(timer);
    giveUp = undefined;
    done("");
  };
}

/** @param {string} failure */
function done(failure) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, no window.
  if (failure !== "") parentPort?.postMessage(failure);
  through();
  next();
}

/** @param {(response: import("node:http").IncomingMessage) => void} answered */
function start(answered) {
  const { socketPath, origin, path, headers, timeoutMs } = to;
  const options = { method: "POST", headers, timeout: timeoutMs, agent };
  if (socketPath !== undefined) return httpRequest({ ...options, socketPath, path }, answered);
  return (isTls ? httpsRequest : httpRequest)(`${origin}${path}`, options, answered);
}

function through() {
  Atomics.add(sent, 0, 1);
  Atomics.notify(sent, 0);
}
