import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex } from "node:stream";

export interface GuardedAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

type Connected = (error: Error | null, socket: Duplex) => void;

const OPTIONS = { keepAlive: true, scheduling: "lifo" } as const;

/**
 * Agents that hand out a new connection once it stands, and only if something may still be sent then.
 *
 * A process may be stopped while it connects. When it wakes up, the system reports the connection before any timer
 * runs, and what was to be sent would leave.
 *
 * @param maySend Throws if nothing may be sent any more. Must not wait.
 */
export function guardedAgents(maySend: () => void): GuardedAgents {
  class Http extends HttpAgent {
    override createConnection(...[options, connected]: Parameters<HttpAgent["createConnection"]>) {
      return onceItStands(super.createConnection(options), "connect", connected as Connected, maySend);
    }
  }
  class Https extends HttpsAgent {
    override createConnection(...[options, connected]: Parameters<HttpsAgent["createConnection"]>) {
      return onceItStands(super.createConnection(options), "secureConnect", connected as Connected, maySend);
    }
  }
  return { http: new Http(OPTIONS), https: new Https(OPTIONS) };
}

/** Gives the connection to `connected` instead of returning it, as agents may. */
function onceItStands(
  socket: Duplex | null | undefined,
  event: "connect" | "secureConnect",
  connected: Connected,
  maySend: () => void,
): undefined {
  if (socket === null || socket === undefined) return undefined;
  const failed = (error: Error): void => connected(error, socket);
  socket.once("error", failed);
  socket.once(event, () => {
    socket.off("error", failed);
    try {
      maySend();
    } catch (error) {
      socket.destroy();
      connected(error as Error, socket);
      return;
    }
    connected(null, socket);
  });
  return undefined;
}
