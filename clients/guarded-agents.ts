import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** The right to send, which may end at any time, such as a leader's term. */
export interface Mandate {
  /** Aborts when it is known to be over. */
  readonly signal: AbortSignal;
  /** Throws if it is over, by our own clocks. Must not wait. */
  mustHold(): void;
}

export interface GuardedAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

type Connected = (error: Error | null, socket: Duplex) => void;

const OPTIONS = { keepAlive: true, scheduling: "lifo" } as const;

/**
 * Agents for requests that must not reach anybody once a mandate is over.
 *
 * A new connection is handed out once it stands, and only if the mandate holds then: a process may be stopped while it
 * connects, and when it wakes up, the system reports the connection before any timer runs. When the mandate ends,
 * connections are reset: merely closed, the system would go on sending what it has for a minute, and a network that
 * works again would deliver it. Without a mandate there is nothing to guard.
 */
export function guardedAgents(mandate?: Mandate): GuardedAgents {
  if (mandate === undefined) return { http: new HttpAgent(OPTIONS), https: new HttpsAgent(OPTIONS) };
  return agentsUnder(mandate);
}

function agentsUnder(mandate: Mandate): GuardedAgents {
  const open = new Set<Socket>();
  const dial = (options: unknown): Socket => {
    // Agents pass on what net.connect takes; their types say less.
    const socket = connect(options as NetConnectOpts);
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    return socket;
  };
  class Http extends HttpAgent {
    override createConnection(...[options, connected]: Parameters<HttpAgent["createConnection"]>) {
      return onceItStands(dial(options), "connect", connected as Connected, mandate);
    }
  }
  class Https extends HttpsAgent {
    override createConnection(...[options, connected]: Parameters<HttpsAgent["createConnection"]>) {
      // The connection below is kept, since that of TLS can't be reset.
      const secured = super.createConnection(Object.assign({}, options, { socket: dial(options) }));
      return onceItStands(secured, "secureConnect", connected as Connected, mandate);
    }
  }
  const drop = (): void => {
    for (const socket of open) socket.resetAndDestroy();
  };
  mandate.signal.addEventListener("abort", drop, { once: true });
  return { http: new Http(OPTIONS), https: new Https(OPTIONS) };
}

/** Gives the connection to `connected` instead of returning it, as agents may. */
function onceItStands(
  socket: Duplex | null | undefined,
  event: "connect" | "secureConnect",
  connected: Connected,
  mandate: Mandate,
): undefined {
  if (socket === null || socket === undefined) return undefined;
  const failed = (error: Error): void => connected(error, socket);
  socket.once("error", failed);
  socket.once(event, () => {
    socket.off("error", failed);
    try {
      mandate.mustHold();
    } catch (error) {
      socket.destroy();
      connected(error as Error, socket);
      return;
    }
    connected(null, socket);
  });
  return undefined;
}
