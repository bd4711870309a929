import net from "node:net";
import type { AddressInfo } from "node:net";

/** The only way from one operator to one server. */
export interface Wire {
  readonly url: string;
  /** From here on nothing goes through: what the server has taken it does, and nobody hears of it. */
  cut(): void;
}

/** Passes every byte on, until it is cut. */
export async function openWire(target: string): Promise<Wire> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((near) => {
    const far = net.connect({ host: hostname, port: Number(port) });
    join(near, far);
    join(far, near);
    near.pipe(far);
    far.pipe(near);
  });

  function join(one: net.Socket, other: net.Socket): void {
    one.setNoDelay(true);
    sockets.add(one);
    // A reset on one side is one on the other; its reason is of no interest here.
    one.on("error", () => other.resetAndDestroy());
    one.on("close", () => {
      sockets.delete(one);
      other.destroySoon();
    });
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}
