import { createSocket } from "node:dgram";
import { stat } from "node:fs/promises";

import fetch from "node-fetch";

import {
  addressText,
  type DogstatsdAddress,
  type ReceiverAddresses,
  type SocketAddress,
} from "./receiver-address.ts";

/** What the local Agent can take of systems that send by themselves. */
export type ReceiverName = "dogstatsd" | "otlp-grpc" | "otlp-http" | "apm";

export interface ReceiverState {
  readonly isOn: boolean;
  /** As in the settings: `127.0.0.1:8125`. */
  readonly address: string;
  /** What was found, in words that don't change from look to look: `nobody listens there`. */
  readonly found: string;
}

const TIMEOUT_MS = 2_000;
/** How long a closed UDP port of this machine takes to say so. */
const UDP_MS = 300;

/** Looks whether one of the Agent's receivers listens. Sends nothing that leaves a trace in Datadog. */
export async function lookAtReceiver(
  name: ReceiverName,
  addresses: ReceiverAddresses,
  signal: AbortSignal,
): Promise<ReceiverState> {
  switch (name) {
    case "dogstatsd":
      return state(addresses.dogstatsd, await lookAtDogstatsd(addresses.dogstatsd, signal));
    case "otlp-grpc":
      return state(addresses.otlpGrpc, await lookAtGrpc(addresses.otlpGrpc, signal));
    case "otlp-http":
      return state(addresses.otlpHttp, await lookAtOtlpHttp(addresses.otlpHttp, signal));
    case "apm":
      return state(addresses.apm, await lookAtApm(addresses.apm, signal));
    default:
      return name satisfies never;
  }
}

/** Undefined if all is well, else why not. */
type Trouble = string | undefined;

function state(address: DogstatsdAddress, trouble: Trouble): ReceiverState {
  return { isOn: trouble === undefined, address: addressText(address), found: trouble ?? "it listens" };
}

const NOBODY = "nobody listens there";

async function lookAtDogstatsd(address: DogstatsdAddress, signal: AbortSignal): Promise<Trouble> {
  return "path" in address ? await lookAtSocketFile(address.path) : await lookAtUdp(address, signal);
}

async function lookAtSocketFile(path: string): Promise<Trouble> {
  try {
    return (await stat(path)).isSocket() ? undefined : "what stands there is no socket";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? "there is no such socket" : `it can't be looked at (${code ?? String(error)})`;
  }
}

/**
 * An empty datagram: an open port takes it and has nothing to count, a closed one is refused by the kernel. A port behind
 * a forwarding that swallows the refusal passes for open.
 */
async function lookAtUdp({ host, port }: SocketAddress, signal: AbortSignal): Promise<Trouble> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const refused = Promise.withResolvers<Trouble>();
  const timer = setTimeout(() => refused.resolve(undefined), UDP_MS);
  const onAbort = (): void => refused.resolve("the look was given up");
  signal.addEventListener("abort", onAbort, { once: true });
  socket.on("error", (error) => refused.resolve(wordsOf(error)));
  try {
    socket.connect(port, host, () => socket.send(Buffer.alloc(0)));
    return await refused.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.close();
  }
}

/** The beginning of an HTTP/2 connection: whoever speaks gRPC answers it with its settings. */
async function lookAtGrpc(address: SocketAddress, signal: AbortSignal): Promise<Trouble> {
  // Takes a tenth of a process's start, and nobody needs it that early.
  const { connect } = await import("node:http2");
  const found = Promise.withResolvers<Trouble>();
  const session = connect(`http://${addressText(address)}`);
  const timer = setTimeout(() => found.resolve("what listens there doesn't speak gRPC"), TIMEOUT_MS);
  const onAbort = (): void => found.resolve("the look was given up");
  signal.addEventListener("abort", onAbort, { once: true });
  session.on("remoteSettings", () => found.resolve(undefined));
  session.on("error", (error: Error) => found.resolve(wordsOf(error)));
  session.on("close", () => found.resolve("what listens there doesn't speak gRPC"));
  try {
    return await found.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    session.destroy();
  }
}

/** An export of nothing, which is a valid one. What of OTLP is switched off there answers 404. */
async function lookAtOtlpHttp(address: SocketAddress, signal: AbortSignal): Promise<Trouble> {
  const answer = await ask(`http://${addressText(address)}/v1/metrics`, signal, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: Buffer.alloc(0),
  });
  if (typeof answer === "string") return answer;
  if (answer.status === 200) return undefined;
  return answer.status === 404
    ? "what listens there takes no metrics (404)"
    : `what listens there is no OTLP receiver (${answer.status})`;
}

async function lookAtApm(address: SocketAddress, signal: AbortSignal): Promise<Trouble> {
  const answer = await ask(`http://${addressText(address)}/info`, signal, {});
  if (typeof answer === "string") return answer;
  const isAgent = answer.status === 200 && /"(?:endpoints|version)"\s*:/.test(answer.text);
  return isAgent ? undefined : `what listens there is no Datadog Agent (${answer.status})`;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** @returns the answer, or why there was none. */
async function ask(
  url: string,
  signal: AbortSignal,
  request: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: Buffer },
): Promise<Answer | string> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const response = await fetch(url, { ...request, signal: limited, redirect: "manual", size: 1024 * 1024 });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return limited.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : wordsOf(error as Error);
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: NOBODY,
  ECONNRESET: "what listens there closed the connection",
  ENOTFOUND: "the host's name is not known",
  EHOSTUNREACH: "no route to the host",
  ERR_HTTP2_ERROR: "what listens there doesn't speak gRPC",
};

function wordsOf(error: Error): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    (code === undefined ? undefined : WORDS[code]) ?? message.replace(/^request to \S+ failed, reason: /, "")
  );
}
