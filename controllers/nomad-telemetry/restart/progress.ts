import { z } from "zod";

/** Where the rolling restart keeps what its processes must agree on. */
export const RESTART_KEYS = {
  prefix: (statePrefix: string): string => `${statePrefix}/restart/`,
  /** Held by the one process that may restart its Nomad, or say who is next. */
  lock: (statePrefix: string): string => `${statePrefix}/restart/lock`,
  /** How far it has come. Written only by who holds the lock. */
  progress: (statePrefix: string): string => `${statePrefix}/restart/progress`,
  /** The machines whose Nomad waits for a restart; each writes its own. */
  requests: (statePrefix: string): string => `${statePrefix}/restart/nodes/`,
  request: (statePrefix: string, node: string): string =>
    `${statePrefix}/restart/nodes/${encodeURIComponent(node)}`,
} as const;

const turnFields = {
  node: z.string().min(1),
  /** Which version of the wish it is about: grows with every change. */
  generation: z.number(),
  since: z.iso.datetime(),
};

const workFields = {
  ...turnFields,
  /** By when the step must be over. */
  until: z.iso.datetime(),
  /** What Nomad shall have read when it is back: tells two versions of the drop-in apart. */
  file: z.string(),
  /** How often it was begun; more than once if its process died. */
  attempt: z.number(),
};

const progressWire = z.discriminatedUnion("step", [
  z.object({ step: z.literal("idle") }),
  z.object({ step: z.literal("turn"), ...turnFields }),
  z.object({ step: z.literal("restarting"), ...workFields }),
  z.object({ step: z.literal("settling"), ...workFields }),
  z.object({ step: z.literal("rollingBack"), ...workFields, message: z.string() }),
  z.object({ step: z.literal("failed"), ...turnFields, message: z.string() }),
]);

/**
 * How far the rolling restart of a cluster's Nomad agents has come.
 *
 * It names one machine at most, and while it names one that has begun, no other begins:
 * the machine itself goes on with it, or somebody else calls it failed once its time is over.
 *
 * - `turn`: a machine is next, and has changed nothing yet.
 * - `restarting`: its command has been run, or is about to be.
 * - `settling`: its Nomad runs as wished; what runs on it must come back.
 * - `rollingBack`: its Nomad didn't come back, and gets its last good file.
 * - `failed`: nobody goes on until a person says so, or wishes something else.
 */
export type Progress = Readonly<z.output<typeof progressWire>>;
export type Step<Name extends Progress["step"]> = Extract<Progress, { readonly step: Name }>;

export const IDLE: Progress = { step: "idle" };

const requestWire = z.object({
  node: z.string().min(1),
  isServer: z.boolean(),
  isClient: z.boolean(),
  /** Where other servers reach this one, to know the leader by. */
  rpcAddress: z.string().optional(),
  since: z.iso.datetime(),
  /** Allocations that ran here when the restart began, so that it can be told whether they run again. */
  before: z.array(z.string()).optional(),
});

/** One machine's word that its Nomad waits for a restart. */
export type RestartRequest = Readonly<z.output<typeof requestWire>>;

export type ReadProgress =
  | { readonly ok: true; readonly progress: Progress }
  /** A person's hand, or another version's. */
  | { readonly ok: false };

/** @param text Undefined if the key isn't there. */
export function parseProgress(text: string | undefined): ReadProgress {
  if (text === undefined || text === "") return { ok: true, progress: IDLE };
  const parsed = progressWire.safeParse(jsonOf(text));
  return parsed.success ? { ok: true, progress: parsed.data } : { ok: false };
}

export function progressText(progress: Progress): string {
  return JSON.stringify(progress);
}

/** Undefined if it isn't one. */
export function parseRequest(text: string): RestartRequest | undefined {
  return requestWire.safeParse(jsonOf(text)).data;
}

export function requestText(request: RestartRequest): string {
  return JSON.stringify(request);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
