import type { DashboardReader, DashboardWriter } from "../../clients/datadog-dashboards.ts";
import type { CallOptions } from "../../clients/datadog-objects.ts";
import { ApiError } from "../../clients/errors.ts";
import { compareText } from "../../engine/plan/plan.ts";
import type { DatadogKind, KindWriter, RawObject } from "../datadog/kind.ts";
import { ownerOfKey, type Mark } from "../datadog/mark.ts";
import { markLinesIn, readTextMark, withMark } from "../datadog/text-mark.ts";
import { canonicalObserved, toWire, type DashboardBody } from "./canonical.ts";
import { usesOf } from "./uses.ts";

export interface DashboardKindOptions {
  /** A `DashboardReader` makes a kind that can only be observed: for dry runs. */
  readonly dashboards: DashboardReader | DashboardWriter;
  readonly clusterId: string;
}

/** Dashboards read or written at once. The budget waits where Datadog's limit is lower. */
const CONCURRENCY = 4;
/** A description is long enough for any; this keeps it readable. */
const MAX_KEY_LENGTH = 300;
/** When to look again for what is listed and can't be read. */
const LAG_MS = 10_000;

/** Dashboards: marked by the last line of their description, listed as summaries, read in full only when they changed. */
export function dashboardKind({ dashboards, clusterId }: DashboardKindOptions): DatadogKind<DashboardBody> {
  const full = new FullDashboards(dashboards);
  const markOf = (raw: RawObject): Mark | undefined => readTextMark(textOf(raw, "description"), clusterId);

  return {
    name: "dashboards",
    noun: "dashboard",
    maxKeyLength: MAX_KEY_LENGTH,
    concurrency: CONCURRENCY,

    async list(options) {
      const { objects, pages } = await dashboards.list(options);
      const ours = objects.filter((summary) => markOf(summary) !== undefined).toSorted(byAge);
      full.keepOnly(new Set(ours.map(refOf)));
      const read = await full.ofAll(ours, options);
      const found = read.filter((raw) => raw !== undefined);
      // What is listed and can't be read is looked for again before it is made anew.
      return { objects: found, mayHaveMissed: pages > 1 || found.length < ours.length };
    },
    read: async (ref, call) => full.note(await dashboards.get(ref, call)),
    async find(key, call) {
      const { objects } = await dashboards.list(call);
      const ours = objects.filter((summary) => markOf(summary)?.key === key).toSorted(byAge);
      const read = await full.ofAll(ours, call);
      const found = read.filter((raw) => raw !== undefined);
      if (found.length === 0 && ours.length > 0) throw unreadable(refOf(ours[0]!), key);
      return found;
    },
    writer: "create" in dashboards ? writerOf(dashboards, full) : undefined,

    refOf,
    markOf,
    marksOf: (raw) => markLinesIn(textOf(raw, "description")),
    ownerOf: ownerOfKey,
    uses: usesOf,
    titleOf: ({ title }) => title,
    canonical: canonicalObserved,
    toWire,
    markIn: ({ description }) => readTextMark(description, clusterId),
    adopted(raw, mark) {
      const body = canonicalObserved(raw);
      return toWire({ ...body, description: withMark(body.description, { ...mark, clusterId }) });
    },
    cannotBecome(observed, desired) {
      if (observed.layout_type === desired.layout_type) return undefined;
      return {
        answer: `Datadog can't turn its layout from ${observed.layout_type} to ${desired.layout_type}`,
        hint: "Give the dashboard another name in the wish: a new one is made, and this one is deleted.",
      };
    },
    changeOf(raw) {
      const at = modifiedAt(raw);
      return at === undefined ? {} : { at: Math.floor(at) };
    },
  };
}

/**
 * Full dashboards by id. A list has summaries alone; one is read in full only if the summary is newer than
 * what was read or written last.
 */
class FullDashboards {
  readonly #reader: DashboardReader;
  readonly #byRef = new Map<string, RawObject>();

  constructor(reader: DashboardReader) {
    this.#reader = reader;
  }

  note(raw: RawObject): RawObject {
    this.#byRef.set(refOf(raw), raw);
    return raw;
  }

  forget(ref: string): void {
    this.#byRef.delete(ref);
  }

  keepOnly(refs: ReadonlySet<string>): void {
    for (const ref of this.#byRef.keys()) if (!refs.has(ref)) this.#byRef.delete(ref);
  }

  /** In the same order; undefined for one that can't be read. */
  async ofAll(
    summaries: readonly RawObject[],
    options: CallOptions,
  ): Promise<readonly (RawObject | undefined)[]> {
    const results: (RawObject | undefined)[] = Array.from({ length: summaries.length });
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < summaries.length) {
        const at = next++;
        results[at] = await this.#of(summaries[at]!, options);
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, summaries.length) }, work));
    return results;
  }

  async #of(summary: RawObject, options: CallOptions): Promise<RawObject | undefined> {
    const ref = refOf(summary);
    const before = this.#byRef.get(ref);
    if (before !== undefined && isUpToDate(before, summary)) return before;
    try {
      return this.note(await this.#reader.get(ref, options));
    } catch (error) {
      if (!(error instanceof ApiError) || error.failure !== "notFound") throw error;
      this.forget(ref);
      return undefined;
    }
  }
}

/** A list may lag behind a write of ours: then the summary is the older one. */
function isUpToDate(full: RawObject, summary: RawObject): boolean {
  const [ofFull, ofSummary] = [modifiedAt(full), modifiedAt(summary)];
  return ofFull !== undefined && ofSummary !== undefined && ofSummary <= ofFull;
}

function writerOf(dashboards: DashboardWriter, full: FullDashboards): KindWriter {
  return {
    create: async (wire, call) => full.note(await dashboards.create(wire, call)),
    update: async (ref, wire, call) =>
      full.note(await asRefusal(`update dashboard ${ref}`, dashboards.update(ref, wire, call))),
    async delete(ref, call) {
      await asRefusal(`delete dashboard ${ref}`, dashboards.delete(ref, call));
      full.forget(ref);
    },
  };
}

/**
 * Datadog answers 403 for a dashboard that only some may edit, as it does for a key without rights. The keys
 * are in order then: only this dashboard can't be written.
 */
async function asRefusal<Result>(tried: string, call: Promise<Result>): Promise<Result> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403 || !/read-only/i.test(error.message))
      throw error;
    throw new ApiError(tried, "403 This dashboard is read-only", {
      failure: "rejected",
      status: 403,
      cause: error,
      hint: "Somebody restricted who may edit it. Give the user of DD_APP_KEY the right to, in the dashboard's permissions; then change the wish, or delete the dashboard there.",
    });
  }
}

function unreadable(ref: string, key: string): ApiError {
  return new ApiError(`look for dashboard ${key}`, `${ref} is listed and can't be read yet`, {
    failure: "ambiguous",
    retryAfterMs: LAG_MS,
  });
}

function refOf(raw: RawObject): string {
  return textOf(raw, "id");
}

function textOf(raw: RawObject, field: string): string {
  const value = raw[field];
  return typeof value === "string" ? value : "";
}

/** In milliseconds, with the microseconds that Datadog tells as their fraction. */
function modifiedAt(raw: RawObject): number | undefined {
  const text = textOf(raw, "modified_at");
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  const microseconds = /\.\d{3}(\d{3})/.exec(text)?.[1] ?? "0";
  return at + Number(microseconds) / 1_000;
}

/** Oldest first: of two with the same mark, the younger one is the clone. */
function byAge(a: RawObject, b: RawObject): number {
  return compareText(textOf(a, "created_at"), textOf(b, "created_at")) || compareText(refOf(a), refOf(b));
}
