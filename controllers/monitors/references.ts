import { isSlug } from "../../crds/names.ts";
import { didYouMean } from "../../crds/suggest.ts";
import { reference } from "../../engine/plan/references.ts";
import { problem, type MonitorProblem } from "./comparison.ts";

/** Where a composite stands, so that it may name its neighbours by name alone. */
export interface Neighbours {
  /** The composite's own key. */
  readonly key: string;
  /** Undefined for a monitor of no service. */
  readonly service: string | undefined;
  /** Every monitor that the service wants. */
  readonly names: ReadonlySet<string>;
}

const REFERENCE = /\$\{monitor:([^}]*)\}/g;

/**
 * Makes the keys that the engine replaces by Datadog's ids of the names that people write:
 * `${monitor:queue-too-long}` → `${monitors:ray/queue-too-long}`.
 */
export function withKeys(
  query: string,
  neighbours: Neighbours,
): { readonly query: string; readonly problems: readonly MonitorProblem[] } {
  const problems: MonitorProblem[] = [];
  const replaced = query.replaceAll(REFERENCE, (_all, name: string) => {
    const key = keyOf(name.trim(), neighbours);
    const wrong = wrongReference(name.trim(), key, neighbours);
    if (wrong !== undefined) problems.push(wrong);
    return reference("monitors", key);
  });
  return { query: replaced, problems };
}

function keyOf(name: string, { service }: Neighbours): string {
  return name.includes("/") || service === undefined ? name : `${service}/${name}`;
}

function wrongReference(
  name: string,
  key: string,
  { key: own, service, names }: Neighbours,
): MonitorProblem | undefined {
  const shown = `\${monitor:${name}}`;
  const [owner = "", inner, ...rest] = key.split("/");
  if (inner === undefined && service === undefined)
    return problem(
      "InvalidQuery",
      "query",
      `${shown} belongs to no service; write \${monitor:<service>/${name}} or \${monitor:_monitors/${name}}`,
    );
  if (rest.length > 0 || !isSlug(inner ?? "") || (owner !== "_monitors" && !isSlug(owner)))
    return problem(
      "InvalidQuery",
      "query",
      `${shown} is no name of a monitor; write \${monitor:<name>}, \${monitor:<service>/<name>} or \${monitor:_monitors/<name>}`,
    );
  if (key === own) return problem("InvalidQuery", "query", `${shown} is the composite itself`);
  if (owner !== service || names.has(inner ?? "")) return undefined;
  const hint = didYouMean(inner ?? "", names) || `; there are ${[...names].sort().join(", ")}`;
  return problem("InvalidQuery", "query", `${shown} is no monitor of ${service}${hint}`);
}
