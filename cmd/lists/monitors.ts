import { isReserved } from "../../crds/names.ts";
import { isGlobalMonitorName } from "../../crds/reserved.ts";
import { ownerOfKey } from "../../controllers/monitors/mark.ts";
import { knownServices } from "../facts.ts";
import { viewMonitors } from "../monitors-view.ts";
import { noSuchService } from "../names.ts";
import { stateCell } from "./cells.ts";
import type { Listed, Opened } from "./listing.ts";

export async function listMonitors(opened: Opened, names: readonly string[]): Promise<Listed> {
  const look = await opened.look();
  const known = knownServices(look.facts);
  const services = names.map(ownerOfKey);
  const unknown = services.find((name) => !known.includes(name));
  if (unknown !== undefined) throw noSuchService(unknown, known);
  const { monitors, held, notAsked } = await viewMonitors(look);
  const wanted = monitors.filter(
    ({ key, service }) => names.length === 0 || names.includes(service) || names.includes(key),
  );
  return {
    facts: look.facts,
    listing: {
      columns: [
        { head: "KEY" },
        { head: "ID" },
        { head: "STATE" },
        { head: "NAME", flexible: true },
        { head: "LINK", isWide: true },
      ],
      rows: wanted.map(({ key, id, state, name, isWanted, link }) => [
        key,
        id === undefined ? "" : String(id),
        stateCell(state, id, isWanted),
        name ?? "",
        link ?? "",
      ]),
      data: wanted,
      notes: [
        ...[...held]
          .filter(
            ([key]) =>
              (isReserved(key) ? isGlobalMonitorName(key) : key.includes("/")) &&
              (names.length === 0 || names.includes(key) || names.includes(ownerOfKey(key))),
          )
          .map(([key, why]) => `${key} cannot be made: ${why}`),
        ...(notAsked === undefined ? [] : [`The state is not known: ${notAsked}.`]),
      ],
    },
  };
}
