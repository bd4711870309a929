import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

import { readOtlp, SIGNALS, type OtlpLog, type OtlpMetric, type OtlpSpan, type Signal } from "./otlp.ts";

/** One request that came in. */
export interface OtlpRequest {
  /** `POST /v1/traces`. */
  readonly line: string;
  readonly contentType: string;
  readonly status: number;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly OtlpSpan[];
  readonly metrics: readonly OtlpMetric[];
  readonly logs: readonly OtlpLog[];
  /** In the order of arrival, also those that were refused. */
  readonly requests: readonly OtlpRequest[];
  /** What could not be read, and why. Empty unless a client is broken. */
  readonly faults: readonly string[];
  stop(): Promise<void>;
}

export interface OtlpReceiverOptions {
  /** Any of loopback's, such as 127.3.1.4. */
  readonly host?: string;
  /** A free one if absent. */
  readonly port?: number;
  /** Before `/v1/<signal>`. */
  readonly prefix?: string;
  readonly signals?: readonly Signal[];
  /** The status that answers a request instead of 200, by its headers; nothing of it is kept then. */
  readonly refuse?: (headers: IncomingMessage["headers"]) => number | undefined;
}

/** A receiver of OTLP by HTTP, as JSON or Protocol Buffers, such as the Agent's on port 4318. */
export async function startOtlpReceiver({
  host = "127.0.0.1",
  port = 0,
  prefix = "",
  signals = SIGNALS,
  refuse = () => undefined,
}: OtlpReceiverOptions = {}): Promise<OtlpReceiver> {
  const spans: OtlpSpan[] = [];
  const metrics: OtlpMetric[] = [];
  const logs: OtlpLog[] = [];
  const requests: OtlpRequest[] = [];
  const faults: string[] = [];

  const take = (request: IncomingMessage, body: Buffer): number => {
    const { method, url = "", headers } = request;
    const signal = signals.find((one) => url === `${prefix}/v1/${one}`);
    if (method !== "POST" || signal === undefined) return 404;
    const refused = refuse(headers);
    if (refused !== undefined) return refused;
    try {
      const plain = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      const told = readOtlp(signal, headers["content-type"] ?? "", plain);
      spans.push(...told.spans);
      metrics.push(...told.metrics);
      logs.push(...told.logs);
      return 200;
    } catch (error) {
      faults.push(`${url}: ${String(error)}`);
      return 400;
    }
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const status = take(request, Buffer.concat(chunks));
      const contentType = request.headers["content-type"] ?? "";
      requests.push({ line: `${request.method} ${request.url}`, contentType, status });
      // An empty message is no byte of Protocol Buffers, and `{}` in JSON.
      response
        .writeHead(status, { "content-type": contentType || "application/json" })
        .end(contentType.startsWith("application/x-protobuf") ? "" : "{}");
    });
  });
  server.listen(port, host);
  await once(server, "listening");
  const url = `http://${host}:${(server.address() as AddressInfo).port}`;
  return { url, spans, metrics, logs, requests, faults, stop: () => close(server) };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
