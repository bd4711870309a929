import { z } from "zod";

import { variablePath } from "../../clients/nomad-variables.ts";

const place = z.object({
  namespace: z.string(),
  /** The job whose tasks may read the Variable: of a dispatched one its parent. */
  job: z.string(),
  wished: z.array(z.string()),
  owned: z.array(z.string()),
  pending: z.record(z.string(), z.string()).optional(),
});

const record = z.object({
  managedBy: z.literal("dd-observe"),
  /** The operator that wrote it. What another one wrote is not ours. */
  owner: z.string(),
  retain: z.boolean(),
  places: z.array(place),
});

/** A service's part of the Variable of one job. */
export type RecordedPlace = z.infer<typeof place>;

/** Where in Nomad a service's environment stands, as it is noted in Consul: a Variable itself can carry no mark. */
export type VariableRecord = z.infer<typeof record>;

/** Undefined if it isn't one: a person's key. */
export function parseRecord(text: string): VariableRecord | undefined {
  try {
    return record.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON, so not ours.
  }
}

/** One Variable, as a key. */
export function placeKey({ namespace, job }: Pick<RecordedPlace, "namespace" | "job">): string {
  return `${namespace}\0${variablePath(job)}`;
}
