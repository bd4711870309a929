import { z } from "zod";

import type { ReceiverName, ReceiverState } from "../../clients/receivers.ts";
import { STATUS_KEYS } from "../../engine/status/status.ts";

export type ReceiverStates = ReadonlyMap<ReceiverName, ReceiverState>;

const state = z.object({ isOn: z.boolean(), address: z.string(), found: z.string() });
const nodeStatus = z.object({
  node: z.string(),
  receivers: z.partialRecord(z.enum(["dogstatsd", "otlp-grpc", "otlp-http", "apm"]), state),
});
/** What a node says of itself, beside what it says of its services. */
export type NodeStatus = z.infer<typeof nodeStatus>;

/** No service has this name: reserved ones begin with `_`, and no document has this one. */
export function nodeStatusKey(statePrefix: string, node: string): string {
  return `${STATUS_KEYS.ofNode(statePrefix, node)}_node`;
}

export function nodeStatusText(node: string, receivers: ReceiverStates): string {
  return JSON.stringify({ node, receivers: Object.fromEntries(receivers) } satisfies NodeStatus);
}

/** Undefined if it isn't one: a service's status, another version's, or a person's. */
export function parseNodeStatus(text: string): NodeStatus | undefined {
  try {
    return nodeStatus.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
