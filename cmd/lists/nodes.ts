import type { ReceiverName } from "../../clients/receivers.ts";
import type { NodeStatus } from "../../controllers/receivers/node-status.ts";
import { RECEIVER_TITLES } from "../../controllers/receivers/switch-on.ts";
import { didYouMean } from "../../crds/suggest.ts";
import { UsageError } from "../print.ts";
import { sinceCell } from "./cells.ts";
import type { Listed, Opened } from "./listing.ts";

const RECEIVERS = Object.keys(RECEIVER_TITLES) as readonly ReceiverName[];

export async function listNodes(opened: Opened, names: readonly string[]): Promise<Listed> {
  const { facts } = await opened.look();
  const byNode = new Map<string, { services: number; wrong: number; since: string | undefined }>();
  for (const { writer, conditions } of [...facts.statuses.values()].flat()) {
    if (writer === "controller") continue;
    const node = byNode.get(writer) ?? { services: 0, wrong: 0, since: undefined };
    byNode.set(writer, node);
    node.services++;
    if (conditions.some(({ status }) => status === "False")) node.wrong++;
    const newest = conditions
      .map(({ lastTransitionTime }) => lastTransitionTime)
      .sort()
      .at(-1);
    if (newest !== undefined && newest > (node.since ?? "")) node.since = newest;
  }
  for (const name of facts.nodes.keys())
    if (!byNode.has(name)) byNode.set(name, { services: 0, wrong: 0, since: undefined });
  const data = [...byNode]
    .map(([name, node]) => ({ name, ...node, receivers: facts.nodes.get(name)?.receivers ?? {} }))
    .filter(({ name }) => names.length === 0 || names.includes(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const unknown = names.find((name) => !byNode.has(name));
  if (unknown !== undefined)
    throw new UsageError(
      `no node role has reported as ${unknown}${didYouMean(unknown, byNode.keys())}`,
      "Start one on that machine with dd-observe run --role node.",
    );
  return {
    facts,
    listing: {
      columns: [
        { head: "NAME" },
        { head: "SERVICES" },
        { head: "NOT AS WISHED" },
        { head: "LAST CHANGE" },
        { head: "THE AGENT LISTENS FOR", isWide: true },
        { head: "AND NOT FOR", isWide: true },
      ],
      rows: data.map(({ name, services, wrong, since, receivers }) => [
        name,
        String(services),
        wrong === 0 ? "0" : { text: String(wrong), style: "red" as const },
        sinceCell(since),
        ...receiverCells(receivers),
      ]),
      data,
      notes: [],
    },
  };
}

function receiverCells(receivers: NodeStatus["receivers"]): readonly [string, string] {
  const known = RECEIVERS.flatMap((name) => {
    const state = receivers[name];
    return state === undefined ? [] : [{ text: `${name} ${state.address}`, isOn: state.isOn }];
  });
  const listed = (isOn: boolean): string =>
    known
      .filter((one) => one.isOn === isOn)
      .map(({ text }) => text)
      .join(", ") || "-";
  return [listed(true), listed(false)];
}
