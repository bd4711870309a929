import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

import { expect, onTestFinished, test } from "vitest";

import type { TxnOp } from "../../clients/consul.ts";
import { parseNodeStatus } from "../../controllers/receivers/node-status.ts";
import { watchReceivers } from "../../controllers/receivers/index.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { loadPacks } from "../../engine/sources/packs.ts";
import { Resolver } from "../../engine/sources/snapshot.ts";
import { Board } from "../../engine/status/board.ts";
import { SILENT } from "../builders/engine-world.ts";
import { packFolder } from "../builders/pack-folder.ts";

const SENDER = {
  "pack.yaml": `name: sender
title: Sender
description: A toy that sends by itself.
receivers:
  - { receiver: dogstatsd }
  - { receiver: otlp-grpc, needs: traces }
options:
  traces: { type: boolean, default: false, description: Whether it sends traces. }
setup: None.
sources: [https://example.com]
`,
};
const SILENT_PACK = {
  "pack.yaml": SENDER["pack.yaml"].replace("sender", "quiet").replace(/receivers:[^]*options/, "options"),
};

async function dogstatsd(port = 0): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  socket.close();
  await once(socket, "close");
}

/** One machine with a service that sends, one that doesn't, and an Agent that listens at `port`, or not. */
function machine(port: number, document = "") {
  const resolver = new Resolver({
    packs: loadPacks([packFolder({ sender: SENDER, quiet: SILENT_PACK })]),
    policy: STRICT_POLICY,
    tagName: "dd-observe",
  });
  const board = new Board("node-1");
  const instance = { id: "x", address: "127.0.0.1", port: 80, tags: ["dd-observe"], meta: {} };
  const snapshot = resolver.ofNode({
    node: { name: "node-1", address: "127.0.0.1" },
    instances: new Map(["sender", "quiet"].map((service) => [service, [{ ...instance, service }]])),
    documents: new Map([["sender", { name: "sender", text: document, generation: 3 }]]),
  });
  const stored = new Map<string, string>();
  const closedPort = { host: "127.0.0.1", port: 1 };
  const over = new AbortController();
  const watching = watchReceivers(
    {
      addresses: {
        dogstatsd: { host: "127.0.0.1", port },
        otlpGrpc: closedPort,
        otlpHttp: closedPort,
        apm: closedPort,
      },
      clusterId: "dc1",
      statePrefix: "dd-observe",
      node: "node-1",
      snapshot: () => snapshot,
      board,
      store: async (ops: readonly TxnOp[]) => {
        for (const op of ops) if (op.verb === "set") stored.set(op.key, op.text);
      },
      log: SILENT,
      intervalMs: 200,
    },
    over.signal,
  );
  onTestFinished(async () => {
    over.abort();
    await watching;
  });
  const of = (service: string) =>
    board.get(service)?.conditions.find(({ type }) => type === "ReceiversReady");
  return {
    of,
    isOn: () =>
      parseNodeStatus(stored.get("dd-observe/status/nodes/node-1/_node") ?? "")?.receivers.dogstatsd?.isOn,
  };
}

test("a service that sends is told whether the local Agent listens, and so is the node", async () => {
  const socket = await dogstatsd();
  const { port } = socket.address();
  const { of, isOn } = machine(port);

  await expect.poll(() => of("sender")?.status, { timeout: 5_000 }).toBe("True");
  expect(isOn()).toBe(true);
  expect(of("sender")?.message).toBe(`the local Agent listens for DogStatsD (127.0.0.1:${port})`);
  expect(of("quiet")).toBeUndefined();

  await closed(socket);
  await expect.poll(() => of("sender")?.status, { timeout: 10_000 }).toBe("False");

  expect(of("sender")).toMatchObject({
    reason: "ReceiverOff",
    message: `the local Agent doesn't take DogStatsD at 127.0.0.1:${port}: nobody listens there. In its environment: DD_USE_DOGSTATSD=true DD_DOGSTATSD_PORT=${port}`,
  });
  await expect.poll(isOn).toBe(false);
});

test("a receiver is needed only where the pack's condition holds", async () => {
  const socket = await dogstatsd();
  onTestFinished(() => void socket.close());
  const { of } = machine(socket.address().port, "agent: {traces: true}\n");

  await expect.poll(() => of("sender")?.status, { timeout: 5_000 }).toBe("False");

  expect(of("sender")?.message).toMatch(
    /^the local Agent doesn't take OTLP by gRPC at 127\.0\.0\.1:1: nobody listens/,
  );
});
