import type { DowntimeReader, DowntimeWriter } from "../../clients/datadog-downtimes.ts";
import { ApiError } from "../../clients/errors.ts";
import { isSame } from "../../engine/plan/plan.ts";
import type { DatadogKind, KindWriter, RawObject } from "../datadog/kind.ts";
import { MAX_KEY_LENGTH, ownerOfKey } from "../datadog/mark.ts";
import { readTextMark, withMark, withoutMark } from "../datadog/text-mark.ts";
import { isObject } from "../monitors/canonical.ts";
import {
  canonicalDesired,
  canonicalObserved,
  isOver,
  isThere,
  toPatch,
  toWire,
  type DowntimeBody,
} from "./canonical.ts";

export interface DowntimeKindOptions {
  /** A `DowntimeReader` makes a kind that can only be observed: for dry runs. */
  readonly datadog: DowntimeReader | DowntimeWriter;
  readonly clusterId: string;
  /** Milliseconds, as `Date.now()`, which stands for it if absent. */
  readonly nowMs?: (() => number) | undefined;
}

/** Downtimes written at once. */
const CONCURRENCY = 4;

/** Downtimes: marked by the last line of their message, listed in full whoever made them. */
export function downtimeKind(options: DowntimeKindOptions): DatadogKind<DowntimeBody> {
  const { datadog, clusterId } = options;
  return {
    name: "downtimes",
    noun: "downtime",
    maxKeyLength: MAX_KEY_LENGTH,
    concurrency: CONCURRENCY,

    // The list has neither a filter nor an order that lasts: what moves between two pages may be missed.
    async list({ signal, priority }) {
      const { objects, pages } = await datadog.list({ signal, priority });
      return { objects, mayHaveMissed: pages > 1 };
    },
    async read(ref, call) {
      const raw = await datadog.get(ref, call);
      if (isThere(raw)) return raw;
      throw new ApiError(`read downtime ${ref}`, "it was canceled or has ended", { failure: "notFound" });
    },
    async find(key, call) {
      const { objects } = await datadog.list(call);
      return objects.filter((raw) => markOf(raw, clusterId)?.key === key).sort(byAge);
    },
    writer: "create" in datadog ? writerOf(datadog, options) : undefined,

    refOf: (raw) => String(raw["id"]),
    markOf: (raw) => (isThere(raw) ? markOf(raw, clusterId) : undefined),
    marksOf: (raw) => marksIn(messageOf(raw)),
    ownerOf: ownerOfKey,
    titleOf: ({ scope, message }) => withoutMark(message).split("\n")[0] || scope,
    canonical: canonicalObserved,
    toWire: (body) => toWire(body),
    markIn: ({ message }) => readTextMark(message, clusterId),
    adopted(raw, mark) {
      const body = canonicalObserved(raw);
      return toWire({ ...body, message: withMark(body.message, { ...mark, clusterId }) });
    },
    notAdoptable: (raw) => (isThere(raw) ? undefined : "it was canceled or has ended"),
    changeOf(raw) {
      const at = Date.parse(attributeOf(raw, "modified"));
      return Number.isNaN(at) ? {} : { at };
    },
    together: [["schedule"], ["monitor_identifier"]],
    isOver,
  };
}

function writerOf(datadog: DowntimeWriter, { clusterId, nowMs = Date.now }: DowntimeKindOptions): KindWriter {
  return {
    async create(wire, call) {
      const body = canonicalDesired({ ...wire });
      try {
        return await datadog.create(toWire(body, nowMs()), call);
      } catch (error) {
        if (!(error instanceof ApiError) || !isDuplicate(error)) throw error;
        return twinOf(body, (await datadog.list(call)).objects, { clusterId, error });
      }
    },
    async update(ref, wire, call) {
      const before = await datadog.get(ref, call);
      const patch = toPatch(canonicalDesired({ ...wire }), before);
      // Nothing differs, such as where only a start is left to Datadog from now on.
      if (Object.keys(patch["attributes"] as object).length === 0) return before;
      return await datadog.update(ref, patch, call);
    },
    delete: async (ref, call) => await datadog.delete(ref, call),
  };
}

/** Datadog refuses a downtime that equals another one. It doesn't say which. */
function isDuplicate({ failure, message }: ApiError): boolean {
  return failure === "rejected" && /downtime being created is a duplicate/i.test(message);
}

/** @throws {ApiError} `conflict` if the one that stands in the way isn't ours. */
function twinOf(
  body: DowntimeBody,
  standing: readonly RawObject[],
  { clusterId, error }: { readonly clusterId: string; readonly error: ApiError },
): RawObject {
  const key = readTextMark(body.message, clusterId)?.key;
  const ours = standing.filter((raw) => markOf(raw, clusterId)?.key === key).sort(byAge)[0];
  if (ours !== undefined) return ours;
  const tried = `create a downtime of "${body.scope}"`;
  const twin = standing.find((raw) => isSame(withoutText(canonicalObserved(raw, body)), withoutText(body)));
  if (twin === undefined) throw error;
  const ref = String(twin["id"]);
  throw new ApiError(tried, `downtime ${ref}, which isn't ours, silences the same at the same time`, {
    failure: "conflict",
    cause: error,
    hint: `Cancel it in Datadog, or make it ours: dd-observe adopt downtime ${ref} ${key ?? "SERVICE/NAME"}`,
  });
}

function withoutText({ message: _message, ...rest }: DowntimeBody): object {
  return rest;
}

function markOf(raw: RawObject, clusterId: string) {
  return readTextMark(messageOf(raw), clusterId);
}

/** The lines of a message that say who keeps a downtime, ours or another's. */
function marksIn(message: string): readonly string[] {
  const plain = withoutMark(message);
  return message
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !plain.includes(line));
}

function byAge(a: RawObject, b: RawObject): number {
  return Date.parse(attributeOf(a, "created")) - Date.parse(attributeOf(b, "created")) || 0;
}

function messageOf(raw: RawObject): string {
  return attributeOf(raw, "message");
}

function attributeOf({ attributes }: RawObject, name: string): string {
  const value = isObject(attributes) ? attributes[name] : undefined;
  return typeof value === "string" ? value : "";
}
