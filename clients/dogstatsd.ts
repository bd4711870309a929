import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { ApiError } from "./errors.ts";
import { addressText, type DogstatsdAddress } from "./receiver-address.ts";

export interface Gauge {
  readonly metric: string;
  readonly value: number;
  readonly tags: readonly string[];
}

/** A kernel that knows that nobody listens on its own host says so within this time. */
const REFUSAL_MS = 20;

/**
 * Sends one gauge to the local Agent. UDP gives no receipt: that nobody listens is seen on the same host only.
 *
 * @throws {ApiError} `unavailable` if it can't be sent.
 * @see https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/
 */
export async function sendGauge(address: DogstatsdAddress, gauge: Gauge): Promise<void> {
  const tried = `send ${gauge.metric} to DogStatsD at ${addressText(address)}`;
  if ("path" in address)
    throw new ApiError(tried, "a datagram socket of the file system, which Node.js can't write to", {
      failure: "rejected",
      hint: "Let the Agent listen for UDP as well (use_dogstatsd: true) and set DD_OBSERVE_DOGSTATSD=127.0.0.1:8125.",
    });
  const socket = createSocket(isIPv6(address.host) ? "udp6" : "udp4");
  try {
    const failed = new Promise<never>((_resolve, reject) => socket.once("error", reject));
    const sent = new Promise<void>((resolve, reject) => {
      socket.connect(address.port, address.host, () => {
        socket.send(datagram(gauge), (error) => (error === null ? resolve() : reject(error)));
      });
    });
    await Promise.race([sent.then(async () => await sleep(REFUSAL_MS)), failed]);
  } catch (error) {
    throw new ApiError(tried, error instanceof Error ? error.message : String(error), {
      failure: "unavailable",
      cause: error,
      hint: "Check that the Agent runs and listens for DogStatsD there.",
    });
  } finally {
    socket.close();
  }
}

/** One line of the protocol: `name:3|g|#env:prod,service:x`. */
export function datagram({ metric, value, tags }: Gauge): string {
  const list = tags.map((tag) => tag.replaceAll(/[|,#\s]/g, "_")).join(",");
  return `${metric}:${value}|g${list === "" ? "" : `|#${list}`}`;
}
