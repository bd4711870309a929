import { hostInUrl, refusedAddress } from "../crds/address.ts";
import type { Problem } from "../crds/problem.ts";
import type { Wish } from "../crds/resolve.ts";
import { readTags } from "../crds/tags.ts";
import type { RawInstance } from "../engine/sources/sources.ts";

/** Where one instance exposes its metrics. */
export interface Endpoint {
  /** Scheme, host and port: `http://10.0.0.5:8080`. */
  readonly base: string;
  /** The whole URL. */
  readonly endpoint: string;
  /** The port that the instance registered, where the pack's usual one was taken in its place. */
  readonly passedOver?: number;
}

/**
 * Where one instance exposes its metrics: its own address always, the port and path as wished, tagged, or usual for the pack.
 *
 * @param allowedHosts Names that may stand for an address: the node's own, and those of the operator's policy.
 */
export function endpointOf(
  wish: Wish,
  instance: RawInstance,
  allowedHosts: readonly string[],
  tagName: string,
): Endpoint | Problem {
  const { service, pack } = wish;
  const wrong = refusedAddress(instance.address, allowedHosts);
  if (wrong !== undefined) {
    return {
      owner: service,
      reason: "AddressRefused",
      message: `instance ${instance.id} cannot be observed: ${wrong}`,
    };
  }
  const tagged = readTags(service, instance.tags, tagName).layer.endpoint ?? {};
  const stated = wish.endpoint.port ?? tagged.port;
  const port = stated ?? pack.endpoint.port ?? instance.port;
  if (port < 1) {
    const message = `instance ${instance.id} registered no port; set endpoint.port or the tag ${tagName}.port=<port>`;
    return { owner: service, reason: "NoPort", message };
  }
  const scheme = wish.endpoint.scheme ?? tagged.scheme ?? pack.endpoint.scheme;
  const base = `${scheme}://${hostInUrl(instance.address)}:${port}`;
  const isPassedOver = stated === undefined && instance.port > 0 && instance.port !== port;
  return {
    base,
    endpoint: base + (wish.endpoint.path ?? tagged.path ?? pack.endpoint.path),
    ...(isPassedOver ? { passedOver: instance.port } : {}),
  };
}
