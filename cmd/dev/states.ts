import type { StoredMonitor } from "../../test/fakes/datadog-api.ts";
import type { FakeDatadog } from "../../test/fakes/datadog.ts";

/** So old may the newest point be. */
const FRESH_S = 300;

const SERIES = /([A-Za-z]\w*(?:\.\w+)+)\{([^}]*)\}/g;
const CHECK = /^"([^"]+)"\.over\(([^)]*)\)/;

/**
 * Gives the monitors of the stand-in Datadog the state that follows from what arrives: `OK` with data, `No Data` without.
 * Thresholds are not looked at, and what has no metric, such as a composite, follows from the monitors that it names.
 *
 * @param checks Tags of each run of a service check that went well lately, by the check's name.
 */
export function judgeMonitors(
  { monitors, metrics }: Pick<FakeDatadog, "monitors" | "metrics">,
  checks: ReadonlyMap<string, readonly (readonly string[])[]>,
): void {
  const now = Date.now() / 1_000;
  const arrives = (metric: string, scope: readonly string[]): boolean =>
    (metrics.get(metric) ?? []).some(({ at, tags = [] }) => at > now - FRESH_S && isInScope(tags, scope));
  const hasData = ({ type, query }: StoredMonitor): boolean => {
    if (type === "composite")
      return [...query.matchAll(/\d+/g)].every(([id]) => {
        const part = monitors.get(Number(id));
        return part !== undefined && part.type !== "composite" && hasData(part);
      });
    const check = CHECK.exec(query);
    if (check !== null)
      return (checks.get(check[1]!) ?? []).some((tags) => isInScope(tags, listIn(check[2]!)));
    return [...query.matchAll(SERIES)].every(([, metric, scope]) => arrives(metric!, listIn(scope!)));
  };
  for (const [id, monitor] of monitors) {
    const state = hasData(monitor) ? "OK" : "No Data";
    if (monitor["overall_state"] !== state) monitors.set(id, { ...monitor, overall_state: state });
  }
}

function listIn(text: string): readonly string[] {
  return text.split(",").map((tag) => tag.trim().replaceAll('"', ""));
}

/** Only plain tags count. */
function isInScope(tags: readonly string[], scope: readonly string[]): boolean {
  return scope.every((tag) => tags.includes(tag) || !/^[\w.-]+:[^*]*$/.test(tag));
}
