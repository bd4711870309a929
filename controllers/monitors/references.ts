import { isSlug } from "../../crds/names.ts";
import { didYouMean } from "../../crds/suggest.ts";
import { reference } from "../../engine/plan/tokens.ts";
import { problem, type MonitorProblem } from "./comparison.ts";

/** Where a monitor stands, so that it may name its neighbours by name alone. */
export interface Neighbours {
  /** The monitor's own key. */
  readonly key: string;
  /** Undefined for a monitor of no service. */
  readonly service: string | undefined;
  /** Every monitor that the service wants. */
  readonly names: ReadonlySet<string>;
  /** Every SLO that it may have. */
  readonly slos: ReadonlySet<string>;
}

/** What a query may name: a composite monitors, an SLO's alert the SLO. */
const KINDS = {
  monitor: { controller: "monitors", noun: "a monitor", own: "monitor" },
  slo: { controller: "slos", noun: "an SLO", own: "SLO" },
} as const;
type KindName = keyof typeof KINDS;

const REFERENCE = /\$\{(monitor|slo):([^}]*)\}/g;

/**
 * Makes the keys that the engine replaces by Datadog's ids of the names that people write:
 * `${monitor:queue-too-long}` → `${monitors:ray/queue-too-long}`, `${slo:latency}` → `${slos:ray/latency}`.
 */
export function withKeys(
  query: string,
  neighbours: Neighbours,
): { readonly query: string; readonly problems: readonly MonitorProblem[] } {
  const problems: MonitorProblem[] = [];
  const replaced = query.replaceAll(REFERENCE, (_all, kind: KindName, written: string) => {
    const name = written.trim();
    const key = keyOf(name, neighbours);
    const wrong = wrongReference({ kind, name, key }, neighbours);
    if (wrong !== undefined) problems.push(wrong);
    return reference(KINDS[kind].controller, key);
  });
  return { query: replaced, problems };
}

function keyOf(name: string, { service }: Neighbours): string {
  return name.includes("/") || service === undefined ? name : `${service}/${name}`;
}

function wrongReference(
  { kind, name, key }: { readonly kind: KindName; readonly name: string; readonly key: string },
  { key: self, service, names, slos }: Neighbours,
): MonitorProblem | undefined {
  const { controller, noun, own } = KINDS[kind];
  const shown = `\${${kind}:${name}}`;
  const invalid = (message: string): MonitorProblem =>
    problem("InvalidQuery", "query", `${shown} ${message}`);
  const [owner = "", inner, ...rest] = key.split("/");
  const folder = `_${controller}`;
  if (inner === undefined && service === undefined)
    return invalid(
      `belongs to no service; write \${${kind}:<service>/${name}} or \${${kind}:${folder}/${name}}`,
    );
  if (rest.length > 0 || !isSlug(inner ?? "") || (owner !== folder && !isSlug(owner)))
    return invalid(
      `is no name of ${noun}; write \${${kind}:<name>}, \${${kind}:<service>/<name>} or \${${kind}:${folder}/<name>}`,
    );
  if (kind === "monitor" && key === self) return invalid("is the composite itself");
  const known = kind === "monitor" ? names : slos;
  if (owner !== service || known.has(inner ?? "")) return undefined;
  const hint =
    didYouMean(inner ?? "", known) || (known.size === 0 ? "" : `; there are ${[...known].sort().join(", ")}`);
  return invalid(`is no ${own} of ${service}${hint}`);
}
