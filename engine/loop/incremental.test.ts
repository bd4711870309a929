import fc from "fast-check";
import { expect, test } from "vitest";

import { STRICT_POLICY } from "../../crds/policy.ts";
import { compileAgentConfig } from "../../controllers/agent-config/compile.ts";
import { compileMonitors } from "../../controllers/monitors/compile.ts";
import { loadPacks } from "../sources/packs.ts";
import { patched } from "../plan/patch.ts";
import { Resolver } from "../sources/snapshot.ts";
import type { ClusterState, NodeState, RawInstance } from "../sources/sources.ts";
import type { RawDocument } from "../sources/documents.ts";

const packs = loadPacks();
const ground = { packs, policy: STRICT_POLICY, tagName: "dd-observe" };
const compileGround = { clusterId: "dc1", ...ground };

const TEXTS = [
  undefined,
  "",
  "team: ml",
  "paused: true",
  "pack: nats",
  "pack: [",
  "monitors: {slow: {query: 'nonsense'}}",
  "monitors: {endpoint-down: false}",
];
const PORTS = [undefined, 0, 9_100, 9_200];

/** One document or one service at a time changes, as in the world. */
const steps = fc.array(
  fc.record({
    name: fc.constantFrom("web", "api", "nats", "_defaults", "_monitors/disk"),
    text: fc.constantFrom(...TEXTS),
    port: fc.constantFrom(...PORTS),
    isPatched: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

function* statesOf(
  all: readonly (typeof steps extends fc.Arbitrary<(infer Step)[]> ? Step : never)[],
): Generator<ClusterState & NodeState> {
  let documents: ReadonlyMap<string, RawDocument> = new Map();
  let instances: ReadonlyMap<string, readonly RawInstance[]> = new Map();
  let generation = 0;
  for (const { name, text, port, isPatched } of all) {
    generation++;
    const document = text === undefined ? undefined : { name, text, generation };
    documents = patched(documents, new Map([[name, document]]));
    if (!name.startsWith("_")) {
      const tags = ["dd-observe"];
      const one: RawInstance = {
        id: name,
        service: name,
        address: "127.0.0.1",
        port: port ?? 0,
        tags,
        meta: {},
      };
      instances = patched(instances, new Map([[name, port === undefined ? undefined : [one]]]));
    }
    // A map that was read afresh has no history.
    if (!isPatched) documents = new Map(documents);
    const catalog = new Map([...instances.keys()].map((service) => [service, ["dd-observe"]]));
    yield { catalog, documents, instances, node: { name: "node-1", address: "127.0.0.1" } };
  }
}

test("what is patched for a node equals what is made anew, whatever came before", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const resolver = new Resolver(ground);
      const compile = compileAgentConfig(compileGround);
      for (const state of statesOf(all)) {
        const snapshot = resolver.ofNode(state);
        const anew = new Resolver(ground).ofNode(state);

        expect(snapshot).toEqual(anew);
        expect(compile(snapshot)).toEqual(compileAgentConfig(compileGround)(anew));
      }
    }),
  );
});

test("what is patched for a cluster equals what is made anew, whatever came before", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const resolver = new Resolver(ground);
      const compile = compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" });
      for (const state of statesOf(all)) {
        const snapshot = resolver.ofCluster(state);
        const anew = new Resolver(ground).ofCluster(state);

        expect(snapshot).toEqual(anew);
        expect(sorted(compile(snapshot))).toEqual(
          sorted(compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" })(anew)),
        );
      }
    }),
  );
});

/** Problems come in the order of the services, which is nobody's concern. */
function sorted<Desired extends { readonly problems: readonly { readonly message: string }[] }>(
  desired: Desired,
) {
  const problems = desired.problems.toSorted((a, b) => (a.message < b.message ? -1 : 1));
  return { ...desired, problems };
}
