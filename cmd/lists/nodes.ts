import { didYouMean } from "../../crds/suggest.ts";
import { UsageError } from "../print.ts";
import { sinceCell } from "./cells.ts";
import type { Listed, Opened } from "./listing.ts";

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
  const data = [...byNode]
    .map(([name, node]) => ({ name, ...node }))
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
      columns: [{ head: "NAME" }, { head: "SERVICES" }, { head: "NOT AS WISHED" }, { head: "LAST CHANGE" }],
      rows: data.map(({ name, services, wrong, since }) => [
        name,
        String(services),
        wrong === 0 ? "0" : { text: String(wrong), style: "red" as const },
        sinceCell(since),
      ]),
      data,
      notes: [],
    },
  };
}
