import { AGENT_PACK, instrumentationOf } from "../../crds/instrumentation.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Resolution, Wish } from "../../crds/resolve.ts";
import { warningsOf } from "./warnings.ts";

/** What of a wish's instrumentation is likely not meant. Holds nothing: it is for people to read. */
export function instrumentationWarnings({ service, instrumentation, pack }: Wish): readonly Problem[] {
  const effective = instrumentationOf(instrumentation, pack.name);
  if (effective === undefined) return [];
  return warningsOf(effective, pack.name === AGENT_PACK).map((warning) => ({ owner: service, ...warning }));
}

/** The same of every service whose wish is accepted, by service. */
export function allInstrumentationWarnings(services: ReadonlyMap<string, Resolution>): readonly Problem[] {
  return [...services.values()].flatMap((one) =>
    one.state === "accepted" ? instrumentationWarnings(one.wish) : [],
  );
}
