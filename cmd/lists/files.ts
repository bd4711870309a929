import { knownServices } from "../facts.ts";
import { observedServices } from "../look.ts";
import { noSuchService } from "../names.ts";
import { filesOf } from "../service-view.ts";
import { sinceCell, statusCell } from "./cells.ts";
import type { Listed, Opened } from "./listing.ts";

export async function listFiles(opened: Opened, names: readonly string[]): Promise<Listed> {
  const look = await opened.look();
  const known = knownServices(look.facts);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw noSuchService(unknown, known);
  const data = observedServices(look)
    .filter(({ service }) => names.length === 0 || names.includes(service))
    .flatMap((view) => {
      const { resolution, service } = view;
      const check = resolution?.state === "accepted" ? resolution.wish.pack.check : undefined;
      const file = check === undefined ? undefined : `${check}.d/dd-observe-${service}.yaml`;
      return filesOf(view)
        .filter(({ written }) => written !== undefined && written.reason !== "NothingWanted")
        .map(({ node, written, loaded }) => ({ service, node, file, written, loaded }));
    });
  return {
    facts: look.facts,
    listing: {
      columns: [
        { head: "SERVICE" },
        { head: "NODE" },
        { head: "FILE", flexible: true },
        { head: "WRITTEN" },
        { head: "LOADED" },
        { head: "SINCE" },
        { head: "MESSAGE", flexible: true },
      ],
      rows: data.map(({ service, node, file, written, loaded }) => {
        const wrong = [written, loaded].find((one) => one !== undefined && one.status !== "True");
        return [
          service,
          node,
          file ?? "",
          written === undefined ? "" : statusCell(written.status),
          loaded === undefined ? { text: "not checked", style: "dim" as const } : statusCell(loaded.status),
          sinceCell(written?.lastTransitionTime),
          wrong?.message ?? "",
        ];
      }),
      data,
      notes: [],
    },
  };
}
