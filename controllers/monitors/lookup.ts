import type { DatadogReader, RawMonitor } from "../../clients/datadog.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Json } from "./canonical.ts";
import { keyTag, MANAGED_BY, ownerTag, readMark, type Mark } from "./mark.ts";

/** Finds monitors one by one, and tells whose they are. */
export class MonitorLookup {
  readonly #datadog: DatadogReader;
  readonly #clusterId: string;
  /** Ids of monitors that a person cloned from ours, mark and all, as far as we have seen. */
  readonly clones = new Set<number>();

  constructor(datadog: DatadogReader, clusterId: string) {
    this.#datadog = datadog;
    this.#clusterId = clusterId;
  }

  /** Our mark on a monitor. Never on the monitor of a synthetic test, which keeps that one itself. */
  markOf(raw: RawMonitor): Mark | undefined {
    return raw["type"] === "synthetics alert" ? undefined : readMark(tagsOf(raw), this.#clusterId);
  }

  isOurs(raw: RawMonitor, key: string): boolean {
    return this.markOf(raw)?.key === key;
  }

  /** @returns undefined if there is no such monitor. */
  async read(id: number, signal: AbortSignal): Promise<RawMonitor | undefined> {
    try {
      return await this.#datadog.getMonitor(id, { signal });
    } catch (error) {
      if (error instanceof ApiError && error.failure === "notFound") return undefined;
      throw error;
    }
  }

  /** True if there is no such monitor, or if it is no longer ours. */
  async isGone(id: number, signal: AbortSignal): Promise<boolean> {
    const raw = await this.read(id, signal);
    return raw === undefined || this.markOf(raw) === undefined;
  }

  /** The one monitor that has this key's mark; the oldest if we don't know which one is the clone. */
  async byKey(key: string, signal: AbortSignal): Promise<RawMonitor | undefined> {
    const tags = [MANAGED_BY, ownerTag(this.#clusterId), keyTag(key)];
    const { monitors } = await this.#datadog.listMonitors(tags, { signal, priority: "change" });
    return monitors.find((raw) => this.isOurs(raw, key) && !this.clones.has(raw.id));
  }
}

export function tagsOf(raw: Json): readonly string[] {
  const tags = raw["tags"];
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
}

/** What is said instead of touching a monitor that isn't ours. */
export function foreignError(tried: string, raw: RawMonitor): ApiError {
  const whose = tagsOf(raw).filter((tag) => /^(?:managed-by:|dd-observe-)/.test(tag));
  const answer =
    whose.length === 0 ? "it no longer carries our mark" : `it carries the mark ${whose.join(", ")}`;
  return new ApiError(tried, answer, { failure: "conflict" });
}
