import { didYouMean } from "../../crds/suggest.ts";
import { packsOf } from "../connect.ts";
import { setupText } from "../setup-text.ts";
import { UsageError } from "../print.ts";
import type { Listed, Opened } from "./listing.ts";

export async function listPacks({ config }: Opened, names: readonly string[]): Promise<Listed> {
  const packs = packsOf(config);
  const unknown = names.find((name) => !packs.has(name));
  if (unknown !== undefined) {
    const all = [...packs.keys()];
    throw new UsageError(
      `no pack is named ${unknown}${didYouMean(unknown, all) || `; there are ${all.join(", ")}`}`,
    );
  }
  const data = [...packs.values()]
    .filter(({ name }) => names.length === 0 || names.includes(name))
    .map(({ name, check, title, description, endpoint, monitors, options, minimumAgent, setup }) => ({
      name,
      check,
      title,
      description,
      endpoint,
      monitors: Object.keys(monitors),
      options: Object.keys(options),
      minimumAgent,
      setup: setupText(setup),
    }));
  return {
    facts: undefined,
    listing: {
      columns: [
        { head: "NAME" },
        { head: "CHECK" },
        { head: "MONITORS" },
        { head: "AGENT", isWide: true },
        { head: "DESCRIPTION", flexible: true },
      ],
      rows: data.map((pack) => [
        pack.name,
        pack.check ?? "",
        String(pack.monitors.length),
        pack.minimumAgent ?? "",
        pack.description,
      ]),
      data,
      notes: [],
    },
  };
}
