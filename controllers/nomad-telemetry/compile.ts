import { NOMAD_DOCUMENT, telemetryOf, type NomadWish } from "../../crds/nomad.ts";
import {
  isAtLeast,
  TELEMETRY_NAMES,
  TELEMETRY_SETTINGS,
  type Telemetry,
} from "../../crds/nomad-telemetry.ts";
import type { Problem } from "../../crds/problem.ts";
import { compileAll, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import { allTags } from "../scope.ts";
import { KEY, renderTelemetry, type TelemetryFile } from "./file.ts";

/** What must be known of this machine's Nomad to write a file that it can read. */
export interface TelemetryGround {
  readonly clusterId: string;
  /** Which settings this machine's Nomad reads. Undefined where there is no Nomad, or nobody has looked yet. */
  readonly level: () => { readonly level: string; readonly version: string } | undefined;
}

const NOTHING: Compiled<TelemetryFile> = { objects: [] };

/** Works out the telemetry file of one machine. */
export function compileNomadTelemetry(
  ground: TelemetryGround,
): (snapshot: NodeSnapshot) => Desired<TelemetryFile> {
  return (snapshot) => {
    const resolution = snapshot.services.get(NOMAD_DOCUMENT);
    const services = new Map(resolution === undefined ? [] : [[NOMAD_DOCUMENT, resolution]]);
    // The document alone: no other owner has anything here.
    return compileAll(
      { ...snapshot, services },
      () => NOTHING,
      (wish) => (wish.kind === "nomad" ? compileTelemetry(wish, ground) : undefined),
    );
  };
}

function compileTelemetry(wish: NomadWish, { clusterId, level }: TelemetryGround): Compiled<TelemetryFile> {
  const known = level();
  if (known === undefined)
    return { objects: [], held: new Map([[KEY, "no Nomad was found on this machine"]]) };
  const settings = telemetryOf(wish, (service) => allTags({ ...wish, service }, clusterId));
  const retain = wish.deletion === "retain";
  const body = renderTelemetry({ clusterId, level: known.level, retain, settings });
  return {
    objects: [{ key: KEY, owner: wish.key, body, drift: wish.drift, retain }],
    problems: unknownTo(wish.key, settings, known),
  };
}

/** Says what is left out. What is not switched on anyway is not missed. */
function unknownTo(
  owner: string,
  settings: Telemetry,
  { level, version }: { readonly level: string; readonly version: string },
): readonly Problem[] {
  return TELEMETRY_NAMES.flatMap((name): readonly Problem[] => {
    const { since } = TELEMETRY_SETTINGS[name];
    const value = settings[name];
    if (value === undefined || value === false || isAtLeast(level, since)) return [];
    const path = `telemetry.${name}`;
    const message = `${path} is left out of this machine's file: ${version} doesn't read it, and would not start with it; Nomad ${since} and newer do`;
    return [{ owner, reason: "NotInThisVersion", path, message }];
  });
}
