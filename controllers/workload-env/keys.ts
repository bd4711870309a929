import { z } from "zod";

import { isSlug } from "../../crds/names.ts";

/** Where the environments stand in Consul's KV store. */
export const ENV_KEYS = {
  /** All of them, one key for each variable: what a job's template reads. */
  all: (statePrefix: string): string => `${statePrefix}/env/`,
  of: (statePrefix: string, service: string): string => `${statePrefix}/env/${service}/`,
  /** Which of these are ours. Beside them, since a template takes every key that it finds for a variable. No service is named so. */
  owned: (statePrefix: string): string => `${statePrefix}/env/.owned/`,
  ownedOf: (statePrefix: string, service: string): string => `${statePrefix}/env/.owned/${service}`,
  /** Which items of Nomad's Variables are ours, by service. */
  inNomad: (statePrefix: string): string => `${statePrefix}/env/.in-nomad/`,
  inNomadOf: (statePrefix: string, service: string): string => `${statePrefix}/env/.in-nomad/${service}`,
} as const;

const ownership = z.object({
  managedBy: z.literal("dd-observe"),
  /** The operator that wrote it. What another one wrote is not ours. */
  owner: z.string(),
  retain: z.boolean(),
  /** Names of the variables that we wrote. */
  names: z.array(z.string()),
  /** When one of them was changed last, ISO 8601. Absent in what an older version wrote. */
  changedAt: z.string().optional(),
});

/** Which variables of a service are ours, as it stands in the KV store. */
export type Ownership = z.infer<typeof ownership>;

/** Undefined if it isn't one: a person's key, or an older version's. */
export function parseOwnership(text: string): Ownership | undefined {
  try {
    return ownership.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON, so not ours.
  }
}

/** The service and the variable of a key below `env/`. Undefined for what a template doesn't read either. */
export function readEnvKey(
  key: string,
  statePrefix: string,
): { readonly service: string; readonly name: string } | undefined {
  const [service = "", name = "", ...rest] = key.slice(ENV_KEYS.all(statePrefix).length).split("/");
  return isSlug(service) && name !== "" && rest.length === 0 ? { service, name } : undefined;
}
