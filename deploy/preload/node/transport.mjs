// @ts-check
import { createSocket } from "node:dgram";
import { lookup as lookUpName } from "node:dns";
import { isIP } from "node:net";

import { posting } from "./posting.mjs";
import { debug } from "./settings.mjs";

/** @typedef {import("./emitter.mjs").Transport} Transport */

/** What a network without fragments takes: https://docs.datadoghq.com/developers/dogstatsd/high_throughput/ */
const MAX_BYTES = 1_432;

/** How long a process that ends waits for its last metrics by a socket of Unix. */
const EXIT_MS = 1_000;

/** @param {import("./settings.mjs").Udp | import("./settings.mjs").Proxy} to @returns {Transport} */
export function transport(to) {
  return to.kind === "udp" ? udp(to) : proxy(to);
}

/**
 * Datagrams. The socket is connected at once, so that what is sent as the process ends goes out within that call.
 *
 * @param {import("./settings.mjs").Udp} to
 * @returns {Transport}
 */
function udp({ host, port }) {
  /** @type {{ socket: import("node:dgram").Socket, connected: boolean } | undefined} */
  let open;
  /** @type {string[]} */
  let waiting = [];

  const connect = () => {
    const socket = createSocket({ type: isIP(host) === 6 ? "udp6" : "udp4", lookup });
    const made = { socket, connected: false };
    open = made;
    socket.unref();
    const failed = (/** @type {Error} */ error) => {
      debug(`no metrics to ${host}:${port}`, error);
      // An Agent that was started anew may have another address.
      if (open === made) open = undefined;
      try {
        socket.close();
      } catch {
        // Closed already.
      }
    };
    socket.on("error", failed);
    socket.on("connect", () => {
      made.connected = true;
      for (const packet of waiting.splice(0)) socket.send(packet);
    });
    socket.bind({ port: 0, exclusive: true }, () => {
      try {
        socket.connect(port, host);
      } catch (error) {
        failed(/** @type {Error} */ (error));
      }
    });
  };

  /** @param {string[]} packets */
  const send = (packets) => {
    if (open === undefined) connect();
    // A refused packet is told by the system with a later one; the Agent is away and that is no failure of ours.
    if (open?.connected) for (const packet of packets) open.socket.send(packet, () => undefined);
    else waiting = [...waiting, ...packets].slice(-100);
  };
  /** No event comes any more: to an address it is all done within this call, to a name that was not yet looked up nothing is. @param {string[]} packets */
  const sendAtExit = (packets) => {
    if (open === undefined) connect();
    for (const packet of [...waiting.splice(0), ...packets]) open?.socket.send(packet, () => undefined);
  };
  connect();
  return { maxBytes: MAX_BYTES, send, sendAtExit };
}

/**
 * An address is taken as it is, at once; a name is asked for.
 *
 * @type {(host: string, options: import("node:dns").LookupOneOptions, done: (error: NodeJS.ErrnoException | null, address: string, family: number) => void) => void}
 */
function lookup(host, options, done) {
  const family = isIP(host);
  if (family === 0) lookUpName(host, options, done);
  else done(null, host, family);
}

/**
 * The trace Agent's way for metrics, POST /dogstatsd/v2/proxy.
 *
 * @param {import("./settings.mjs").Proxy} to
 * @returns {Transport}
 */
function proxy({ socketPath, host, port }) {
  const origin = host === undefined ? undefined : `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const { post, drain, isRunning } = posting(
    "metrics to the trace Agent",
    {
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(origin === undefined ? {} : { origin }),
      path: "/dogstatsd/v2/proxy",
      headers: { "content-type": "text/plain" },
      timeoutMs: 1_000,
      tries: 1,
      maxWaiting: 10,
    },
    EXIT_MS,
  );
  return {
    maxBytes: MAX_BYTES,
    send: (packets) => post(packets.join("\n")),
    sendAtExit: (packets) => {
      if (!isRunning()) return;
      post(packets.join("\n"));
      drain();
    },
  };
}
