import { z } from "zod";

import type { Consul, KvEntry } from "../../../clients/consul.ts";
import { ApiError } from "../../../clients/errors.ts";
import type { Target } from "../../../engine/loop/controller.ts";
import type { Action, ObservedObject } from "../../../engine/plan/plan.ts";
import type { Entry } from "./compile.ts";

const stored = z.object({
  managedBy: z.literal("dd-observe"),
  /** The operator that wrote it. What another one wrote is not ours. */
  owner: z.string(),
  retain: z.boolean(),
  team: z.string(),
  env: z.string(),
});

const PREFIX = "directory/";
/** An empty list may be a denied one; with this key in it, it is not. */
const SENTINEL = `${PREFIX}.keep`;

/** The directory in Consul's KV: one key for each service. */
export function directoryTarget(consul: Consul, clusterId: string): Target<Entry> {
  return {
    async observe(signal) {
      signal.throwIfAborted();
      const entries = await consul.kvList(PREFIX, {}, signal);
      if (!entries.some(({ key }) => key === SENTINEL))
        throw new ApiError("read the directory", `"${SENTINEL}" is not in it`, {
          failure: "unauthorized",
          hint: `Give the token key_prefix "${PREFIX}" { policy = "write" }, and once: consul kv put ${SENTINEL}`,
        });
      return entries.flatMap((entry) => observed(entry, clusterId) ?? []);
    },

    async apply(action, signal) {
      signal.throwIfAborted();
      const service = serviceOf(action);
      const key = PREFIX + service;
      const tried = `${action.type} the entry of ${service}`;
      const standing = await consul.kvGet(key, { consistent: true }, signal);
      if (standing !== undefined && observed(standing, clusterId) === undefined)
        throw new ApiError(tried, "somebody else wrote it", { failure: "conflict" });

      if (action.type === "delete") {
        if (standing !== undefined)
          expect(await consul.kvDelete(key, { cas: standing.modifyIndex }, signal), tried);
        return undefined;
      }
      const { body, retain } = action.desired;
      const text = JSON.stringify({ managedBy: "dd-observe", owner: clusterId, retain, ...body });
      // Only over what we have just seen, so that nothing of others is lost; 0 stands for nothing.
      expect(await consul.kvPut(key, text, { cas: standing?.modifyIndex ?? 0 }, signal), tried);
      return { key: action.desired.key, owner: service, body, ref: key, retain };
    },
  };
}

function observed({ key, text }: KvEntry, clusterId: string): ObservedObject<Entry> | undefined {
  const value = parse(text);
  if (value?.owner !== clusterId) return undefined;
  const service = key.slice(PREFIX.length);
  const { team, env, retain } = value;
  return { key: `${service}/entry`, owner: service, body: { team, env }, ref: key, retain };
}

function parse(text: string): z.infer<typeof stored> | undefined {
  try {
    return stored.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON, so not ours.
  }
}

function serviceOf(action: Action<Entry>): string {
  return action.type === "delete" ? action.observed.owner : action.desired.owner;
}

function expect(done: boolean, tried: string): void {
  if (!done) throw new ApiError(tried, "it changed at the same moment", { failure: "unavailable" });
}
