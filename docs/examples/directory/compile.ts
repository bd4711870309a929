import type { Wish } from "../../../crds/resolve.ts";
import { compileAll, remember, type Compiled } from "../../../engine/plan/compile.ts";
import type { Desired } from "../../../engine/plan/plan.ts";
import type { Snapshot } from "../../../engine/sources/snapshot.ts";

/** What the directory says of one service. */
export interface Entry {
  readonly team: string;
  readonly env: string;
}

/** Works out the entries of all services. Pure; one changed document costs one compile. */
export function compileDirectory(): (snapshot: Snapshot) => Desired<Entry> {
  const compileOne = remember(compileWish);
  return (snapshot) => compileAll(snapshot, compileOne);
}

function compileWish({ service, team, env, drift, deletion }: Wish): Compiled<Entry> {
  if (team === undefined) return { objects: [] };
  const body = { team, env: env ?? "unknown" };
  return {
    objects: [{ key: `${service}/entry`, owner: service, body, drift, retain: deletion === "retain" }],
  };
}
