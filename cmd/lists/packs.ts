import path from "node:path";

import type { PackOrigin } from "../../crds/pack.ts";
import { didYouMean } from "../../crds/suggest.ts";
import { BUILT_IN_PACKS } from "../../engine/sources/packs.ts";
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
    .map(({ name, origin, check, title, description, endpoint, monitors, options, minimumAgent, setup }) => ({
      name,
      origin,
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
        { head: "FROM" },
        { head: "DESCRIPTION", flexible: true },
      ],
      rows: data.map((pack) => [
        pack.name,
        pack.check ?? "",
        String(pack.monitors.length),
        pack.minimumAgent ?? "",
        whereFrom(pack.origin),
        pack.description,
      ]),
      data,
      notes: [],
    },
  };
}

/** `built-in`, the folder of one's own, or that and what it extends. */
function whereFrom(origin: PackOrigin | undefined): string {
  const [own, ...extended] = (origin?.folders ?? []).toReversed().map(calledSo);
  return extended.length === 0 ? (own ?? "") : `${own ?? ""}, extends ${extended.join(", ")}`;
}

function calledSo(folder: string): string {
  return path.dirname(folder) === BUILT_IN_PACKS ? "built-in" : folder;
}
