import type { DriftedField } from "../plan/drift.ts";
import type { Remembered } from "../plan/memory.ts";
import type { StoredDrift, StoredObject } from "./status.ts";

/** @param now Nothing was noticed later than that, in milliseconds as from `Date.now()`. */
export function rememberedOf(
  owner: string,
  { ref, applied, rewritten, drift, retain, createdAt }: StoredObject,
  now: number,
): Remembered {
  const drifted = drift?.flatMap((field) => driftedOf(field, now)) ?? [];
  return {
    owner,
    ref,
    applied,
    ...(rewritten === undefined ? {} : { rewritten }),
    ...(drifted.length === 0 ? {} : { drift: drifted }),
    ...(retain === true ? { retain } : {}),
    ...(createdAt === undefined ? {} : { createdAt: Date.parse(createdAt) }),
  };
}

/** What is left of a service's status for the values of changed fields. */
interface Room {
  values: number;
}

/** A remembered object as it is stored. Bounded, whatever people changed in it. */
export function storedOf(
  controller: string,
  key: string,
  { ref, applied, rewritten = [], drift = [], retain, createdAt }: Remembered,
  room: Room,
): StoredObject {
  return {
    controller,
    key,
    ref,
    applied,
    ...(rewritten.length === 0 ? {} : { rewritten: [...rewritten] }),
    ...(drift.length === 0
      ? {}
      : { drift: drift.slice(0, MAX_DRIFTED).map((field) => storedDriftOf(field, room)) }),
    ...(retain === true ? { retain } : {}),
    ...(createdAt === undefined ? {} : { createdAt: new Date(createdAt).toISOString() }),
  };
}

/** A time that is none is left out: then the edit is noticed anew. One that lies ahead would never end. */
function driftedOf({ since, until, by, wanted, ...field }: StoredDrift, now: number): DriftedField[] {
  const sinceMs = Date.parse(since);
  const untilMs = until === NEVER ? Infinity : Date.parse(until ?? "");
  if (Number.isNaN(sinceMs)) return [];
  return [
    {
      ...field,
      wanted,
      found: field.found,
      since: Math.min(sinceMs, now),
      ...(Number.isNaN(untilMs) ? {} : { until: untilMs }),
      ...(by === undefined ? {} : { by }),
    },
  ];
}

const NEVER = "never";

/** Values are for people: long ones are cut, and of very many only the first are stored. */
function storedDriftOf(
  { path, wanted, found, wish, since, until, by }: DriftedField,
  room: Room,
): StoredDrift {
  const hasRoom = room.values-- > 0;
  return {
    path,
    wanted: hasRoom ? shortened(wanted) : undefined,
    found: hasRoom ? shortened(found) : undefined,
    wish,
    since: new Date(since).toISOString(),
    ...(until === undefined ? {} : { until: until === Infinity ? NEVER : new Date(until).toISOString() }),
    ...(by === undefined ? {} : { by }),
  };
}

/** Changed fields of one object that are stored, and those of one service whose values are. */
const MAX_DRIFTED = 20;
export const MAX_VALUES = 50;
const MAX_VALUE = 300;

function shortened(value: unknown): unknown {
  if (typeof value === "string")
    return value.length <= MAX_VALUE ? value : `${value.slice(0, MAX_VALUE - 1)}…`;
  const text = JSON.stringify(value);
  return text === undefined || text.length <= MAX_VALUE ? value : `${text.slice(0, MAX_VALUE - 1)}…`;
}
