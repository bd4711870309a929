import type { DriftByKey } from "../engine/plan/drift.ts";
import { compareText } from "../engine/plan/plan.ts";
import type { ServiceStatus } from "../engine/status/status.ts";
import { ahead } from "./table.ts";

/** One field that a person changed by hand. */
export interface DriftView {
  readonly controller: string;
  readonly key: string;
  /** Empty for the object as a whole, which somebody deleted. */
  readonly path: string;
  readonly wanted?: unknown;
  readonly found?: unknown;
  /** ISO 8601 */
  readonly since: string;
  /** When it is set right, ISO 8601; `never` where it is only reported; absent if at the next pass. */
  readonly until?: string | undefined;
  /** Who did it, if Datadog says so. */
  readonly by?: string | undefined;
}

/** What the operator has noticed, as it is stored. */
export function storedDrift(statuses: readonly Pick<ServiceStatus, "objects">[]): readonly DriftView[] {
  return statuses
    .flatMap(({ objects }) => objects)
    .flatMap(({ controller, key, drift = [] }) =>
      drift.map(({ wish: _wish, ...field }) => ({ controller, key, ...field })),
    )
    .sort(byPlace);
}

/** What a plan has found. */
export function plannedDrift(controller: string, drift: DriftByKey): readonly DriftView[] {
  return [...drift]
    .flatMap(([key, fields]) =>
      fields.map(({ wish: _wish, since, until, ...field }) => ({
        controller,
        key,
        ...field,
        since: new Date(since).toISOString(),
        ...(until === undefined
          ? {}
          : { until: until === Infinity ? "never" : new Date(until).toISOString() }),
      })),
    )
    .sort(byPlace);
}

function byPlace(a: DriftView, b: DriftView): number {
  return compareText(a.controller, b.controller) || compareText(a.key, b.key) || compareText(a.path, b.path);
}

/** `set right at the next pass`, `set right in 3h59m`, `only reported` */
export function untilInWords({ until }: Pick<DriftView, "until">, now: number): string {
  if (until === undefined) return "set right at the next pass";
  if (until === "never") return "only reported";
  const left = Date.parse(until) - now;
  return left <= 0 ? "set right at the next pass" : `set right in ${ahead(left)}`;
}
