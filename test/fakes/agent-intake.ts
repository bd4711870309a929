import { createSocket } from "node:dgram";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { llmSpansOf, llmSpansWith, type LlmSpan } from "./llm-spans.ts";
import { decodeMsgpack } from "./msgpack.ts";
import { readTraces, type TraceSpan } from "./trace-spans.ts";

export type { TraceSpan } from "./trace-spans.ts";

/** One metric as a workload sent it. */
export interface MetricLine {
  readonly name: string;
  /** `c` count, `d` distribution, `g` gauge. */
  readonly type: string;
  readonly values: readonly number[];
  readonly tags: readonly string[];
}

export type { LlmSpan } from "./llm-spans.ts";

export interface AgentIntake {
  /** Of traces and all else by HTTP. */
  readonly url: string;
  readonly dogstatsdPort: number;
  readonly spans: readonly TraceSpan[];
  readonly llmSpans: readonly LlmSpan[];
  readonly metrics: readonly MetricLine[];
  /** `PUT /v0.4/traces`, in the order of arrival. */
  readonly requests: readonly string[];
  /** What could not be read, and why. Empty unless a client is broken. */
  readonly faults: readonly string[];
  /** Waits until what was sent before is read, of datagrams too. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

export interface AgentIntakeOptions {
  /** Any of loopback's, such as 127.3.1.4. */
  readonly host?: string;
  /** Of HTTP; a free one if absent. */
  readonly port?: number;
  /** Of UDP; a free one if absent. */
  readonly dogstatsdPort?: number;
  /** True for an Agent that takes connections and never answers. */
  readonly hangs?: boolean;
  /** False for an Agent that is too old for LLM Observability. */
  readonly evpProxy?: boolean;
  /** Told of every metric as it arrives. */
  readonly onMetric?: (line: MetricLine) => void;
}

/** Sent by the stand-in to itself: datagrams of loopback come in the order in which they were sent. */
const SETTLED = "_settled";
/** Behind which the Agent passes on what it doesn't read. */
const PROXIES = ["/telemetry/proxy/", "/debugger/v1/input", "/debugger/v1/diagnostics", "/debugger/v2/input"];
const LLMOBS = "/evp_proxy/v2/api/v2/llmobs";

/**
 * A stand-in for what of the Agent faces workloads: traces, LLM Observability, DogStatsD by UDP and by its proxy.
 *
 * @see https://github.com/DataDog/datadog-agent (pkg/trace/api/endpoints.go)
 */
export async function startAgentIntake({
  host = "127.0.0.1",
  port = 0,
  dogstatsdPort = 0,
  hangs = false,
  evpProxy = true,
  onMetric,
}: AgentIntakeOptions = {}): Promise<AgentIntake> {
  const spans: TraceSpan[] = [];
  const llmSpans: LlmSpan[] = [];
  const metrics: MetricLine[] = [];
  const requests: string[] = [];
  const faults: string[] = [];
  const settled = new EventEmitter();
  const hear = (text: string): void => {
    for (const line of text.split("\n")) {
      if (line === SETTLED) {
        settled.emit(SETTLED);
        continue;
      }
      const metric = line === "" ? undefined : parseMetric(line);
      if (metric !== undefined) {
        metrics.push(metric);
        onMetric?.(metric);
      } else if (line !== "") faults.push(`not DogStatsD: ${line}`);
    }
  };
  /** The tracer asks with a trailing slash for what it finds here. */
  const endpoints = ["/v0.4/traces", "/v0.5/traces", "/v0.7/config", "/dogstatsd/v2/proxy", ...PROXIES];
  if (evpProxy) endpoints.push("/evp_proxy/v2/");

  const answer = (path: string, body: Buffer): { readonly status: number; readonly json: unknown } => {
    if (path === "/info") return { status: 200, json: { version: "7.70.0", endpoints } };
    if (path === "/v0.4/traces" || path === "/v0.5/traces") {
      const told = readTraces(path, decodeMsgpack(body));
      spans.push(...told);
      llmSpans.push(...llmSpansWith(told));
      return { status: 200, json: { rate_by_service: { "service:,env:": 1 } } };
    }
    if (evpProxy && path.startsWith("/evp_proxy/v2/")) {
      if (path === LLMOBS) llmSpans.push(...llmSpansOf(body));
      return { status: 202, json: {} };
    }
    if (path === "/dogstatsd/v2/proxy") hear(body.toString("utf8"));
    else if (path !== "/v0.7/config" && !PROXIES.some((proxy) => path.startsWith(proxy)))
      return { status: 404, json: { error: "not found" } };
    return { status: 200, json: {} };
  };

  const serve = async (request: IncomingMessage): Promise<ReturnType<typeof answer>> => {
    const body = await bodyOf(request);
    const path = (request.url ?? "").replace(/\?.*$/, "");
    requests.push(`${request.method} ${path}`);
    try {
      return answer(path, body);
    } catch (error) {
      faults.push(`${path}: ${String(error)}`);
      return { status: 400, json: { error: String(error) } };
    }
  };
  const server = createServer((request, response) => {
    void serve(request).then(({ status, json }) =>
      hangs
        ? undefined
        : response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json)),
    );
  });
  server.listen(port, host);
  await once(server, "listening");
  const socket = createSocket("udp4");
  socket.on("message", (packet) => hear(packet.toString("utf8")));
  socket.bind(dogstatsdPort, host);
  await once(socket, "listening");

  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    dogstatsdPort: socket.address().port,
    spans,
    llmSpans,
    metrics,
    requests,
    faults,
    async settle() {
      const read = once(settled, SETTLED);
      socket.send(SETTLED, socket.address().port, host);
      await read;
    },
    async stop() {
      socket.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `ai.agent.tokens:150:90|d|#agent:support`. Undefined if it isn't one. */
export function parseMetric(line: string): MetricLine | undefined {
  const [, name, values, type, rest = ""] = /^([^:|]+):([^|]+)\|([a-z]+)((?:\|.*)?)$/.exec(line) ?? [];
  if (name === undefined || values === undefined || type === undefined) return undefined;
  const numbers = values.split(":").map(Number);
  if (numbers.some(Number.isNaN)) return undefined;
  const tags = rest.split("|").find((part) => part.startsWith("#"));
  return { name, type, values: numbers, tags: tags?.slice(1).split(",") ?? [] };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
