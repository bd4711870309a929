import { Memory } from "../../engine/plan/memory.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { ClusterDeps } from "../deps.ts";
import { connect, type Connection } from "./connection.ts";
import type { CreateTiming } from "./create.ts";
import type { DatadogKind } from "./kind.ts";
import { MarkedObjects } from "./target.ts";

/** One kind of Datadog's objects as a controller. */
export interface KindRegistration<Body> {
  readonly name: string;
  readonly condition: string;
  readonly noun: string;
  /** True if Datadog is not asked even once while nobody wishes such an object and none is remembered. */
  readonly needsNoFirstLook?: boolean;
  readonly compile: (snapshot: Snapshot) => Desired<Body>;
  readonly kind: (connection: Connection) => DatadogKind<Body>;
  /** What is remembered of the objects, where the kind itself has to know. */
  readonly memory?: Memory;
}

/** Makes the controller of one kind, or says which key is missing. */
export function registerKind<Body>(
  deps: ClusterDeps,
  {
    name,
    condition,
    noun,
    needsNoFirstLook,
    compile,
    kind: makeKind,
    memory = new Memory(),
  }: KindRegistration<Body>,
): Registration<Snapshot> {
  const connection = connect(deps);
  if (connection === undefined) {
    const missing = deps.datadog.apiKey === undefined ? "DD_API_KEY" : "DD_APP_KEY";
    const message = `waiting: no API key. Set ${missing} for the controller, and ${name} follow`;
    return { waiting: { name, condition, reason: "NoApiKey", message } };
  }
  const kind = makeKind(connection);
  let wanted: ReadonlyMap<string, { readonly body: Body }> = new Map();
  return {
    memory,
    controller: {
      name,
      scope: "cluster",
      condition,
      noun,
      compile: (snapshot) => {
        const desired = compile(snapshot);
        wanted = desired.objects;
        return desired;
      },
      target: new MarkedObjects({
        kind,
        memory,
        organisation: connection.organisation,
        wanted: (key) => wanted.get(key)?.body,
        // A list of monitors names the organisation, and is worth its call.
        hasWishes: name === "monitors" ? undefined : () => wanted.size > 0,
        needsNoFirstLook,
        open: () => deps.openIntents(name),
        isApproved: (_reason, hash) => deps.approved().has(hash),
        onBackup: async (reason, key, json) => await deps.onBackup(name, key, reason, json),
        log: deps.log,
        ...timesOf(deps),
      }),
    },
  };
}

function timesOf({ clock }: ClusterDeps): Pick<CreateTiming, "now" | "sleep"> & { wallMs?: () => number } {
  if (clock === undefined) return {};
  return {
    now: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    sleep: async (ms, signal) => await clock.sleep(ms, signal),
  };
}
