import { EVALUATOR_PART } from "../../crds/evaluator.ts";
import { hashOf } from "../../engine/hash.ts";

/** Begins the name of every evaluator that some dd-observe keeps. */
const PREFIX = "dd-observe";
/** Stands between the parts of a name, of which none holds it. */
const SEPARATOR = "--";

/**
 * An evaluator has no tags and no text that people alone read, so that its name is the mark:
 * `dd-observe--dc1--support--hallucination`. Datadog can't rename one, so that nobody else's ever becomes ours.
 *
 * @param key `<service>/<name>`, both of which can stand in a name.
 */
export function evaluatorNameOf(clusterId: string, key: string): string {
  return [PREFIX, clusterPart(clusterId), ...key.split("/")].join(SEPARATOR);
}

/** The key that a name says, or undefined if it isn't of this cluster. */
export function keyInName(name: string, clusterId: string): string | undefined {
  const [prefix, cluster, service, evaluator, ...more] = name.split(SEPARATOR);
  if (prefix !== PREFIX || cluster !== clusterPart(clusterId) || more.length > 0) return undefined;
  if (service === undefined || evaluator === undefined) return undefined;
  return EVALUATOR_PART.test(service) && EVALUATOR_PART.test(evaluator)
    ? `${service}/${evaluator}`
    : undefined;
}

/** A cluster whose id can't stand in a name is told from others by a part of its hash. */
function clusterPart(clusterId: string): string {
  const id = clusterId.toLowerCase();
  if (EVALUATOR_PART.test(id)) return id;
  const plain = id.replaceAll(/[^a-z0-9]+/g, "_");
  return `${plain}-${hashOf(id).slice(0, 6)}`;
}
