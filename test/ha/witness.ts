import { createServer, request as forward, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** One write, as it came to Datadog. */
export interface WitnessedWrite {
  /** Which process it came from. */
  readonly writer: string;
  readonly what: string;
  /** On the monotonic clock of this process: when all of the request was there. */
  readonly cameAt: number;
  /** When Datadog had made it. Undefined while it is under way. */
  doneAt: number | undefined;
}

export interface Witness {
  readonly port: number;
  /** In the order in which they came. */
  readonly writes: readonly WitnessedWrite[];
  stop(): Promise<void>;
}

/**
 * Stands before the Datadog stand-in and keeps who writes what, and when. Each process has an application key of its
 * own, `<writer>:<the key>`, so that it is the request itself that says where it comes from.
 *
 * A request that is cut off on its way never gets to Datadog; one that is whole is made, whoever still waits for it.
 */
export async function startWitness(target: string, address: string): Promise<Witness> {
  const writes: WitnessedWrite[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const body = await wholeOf(request);
      if (body === undefined) return;
      const { method = "GET", url = "/" } = request;
      const [writer, appKey] = splitKey(request);
      const seen: WitnessedWrite = {
        writer,
        what: `${method} ${url}`,
        cameAt: performance.now(),
        doneAt: undefined,
      };
      if (method !== "GET" && !url.endsWith("/validate")) writes.push(seen);
      const headers = { ...request.headers, "dd-application-key": appKey };
      const onward = forward(`${target}${url}`, { method, headers }, (answer) => {
        answer.once("end", () => (seen.doneAt = performance.now()));
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        // Whoever asked may be gone; the answer is read to its end all the same.
        response.once("close", () => answer.resume());
      });
      onward.on("error", () => response.destroy());
      onward.end(body);
    })();
  });
  // As long as load balancers keep theirs: over a connection that this side has closed nothing would come too late.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    writes,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function splitKey({ headers }: IncomingMessage): [writer: string, appKey: string] {
  const text = String(headers["dd-application-key"] ?? "");
  const at = text.indexOf(":");
  return [text.slice(0, at), text.slice(at + 1)];
}

async function wholeOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  try {
    for await (const part of request) parts.push(part as Buffer);
  } catch {
    return undefined; // Cut off on its way.
  }
  return request.complete ? Buffer.concat(parts) : undefined;
}
