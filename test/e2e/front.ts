import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a front treats requests: lets them through, never answers, lets writes through without their answers, or answers itself. */
export type FrontMode =
  | "pass"
  | "hang"
  | "swallow"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> };

export interface FrontedRequest {
  readonly method: string;
  readonly path: string;
  readonly startedAt: number;
  /** Undefined while it is under way. */
  endedAt?: number;
}

/** A way to a server that can be closed, and that keeps who went through it and when. */
export interface Front {
  url: string;
  mode: FrontMode;
  readonly requests: readonly FrontedRequest[];
  /** Requests that are held up at the moment. */
  readonly hanging: number;
  /** POST, PUT and DELETE that went through, validations not counted. */
  readonly writes: readonly FrontedRequest[];
  /** Lets everything through again. What hung is cut off. */
  release(): void;
  stop(): Promise<void>;
}

/** Stands in front of the server at `target`, on a free port of loopback. */
export async function startFront(target: string): Promise<Front> {
  const requests: FrontedRequest[] = [];
  const hanging = new Set<ServerResponse>();
  const front: Front = {
    url: "",
    mode: "pass",
    requests,
    get hanging() {
      return hanging.size;
    },
    get writes() {
      return requests.filter(({ method, path }) => method !== "GET" && !path.endsWith("/validate"));
    },
    release() {
      front.mode = "pass";
      for (const response of hanging) response.destroy();
      hanging.clear();
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request, response) => {
    if (front.mode === "hang") {
      hanging.add(response);
      return;
    }
    if (front.mode !== "pass" && front.mode !== "swallow") {
      response.writeHead(front.mode.status, {
        "content-type": "application/json",
        ...front.mode.headers,
      });
      response.end('{"errors":["not now"]}');
      return;
    }
    const seen: FrontedRequest = {
      method: request.method ?? "GET",
      path: request.url ?? "/",
      startedAt: performance.now(),
    };
    requests.push(seen);
    response.once("close", () => (seen.endedAt = performance.now()));
    const isSwallowed = front.mode === "swallow" && request.method !== "GET";
    if (isSwallowed) hanging.add(response);
    pass(target, request, isSwallowed ? undefined : response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  front.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return front;
}

/** @param response Undefined if nobody is to hear the answer. */
function pass(target: string, request: IncomingMessage, response: ServerResponse | undefined): void {
  const { method, headers, url = "/" } = request;
  const onward = forward(`${target}${url}`, { method, headers }, (answer) => {
    if (response === undefined) {
      answer.resume();
      return;
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response?.destroy());
  request.pipe(onward);
}
