import { describe, expect, onTestFinished, test } from "vitest";

import { Simulation, type Expected, type Finding } from "../scale/simulation.ts";
import { answersOf } from "../scale/traffic.ts";
import { consulBinary } from "../servers/consul.ts";
import { SKIPPED } from "./world.ts";

const NODES = 20;
/** Most of an answer without a body, or with one document: headers, base64 and all. */
const ANSWER_BYTES = 1_000;
/** The shortest pause between two looks at a node's documents. */
const LOOK_MS = 4_500;
/** The least of a blocking read that nothing ends. */
const WAIT_MS = 60_000;

async function open(servicesOfEach: number): Promise<Simulation> {
  const catalog = 60;
  const simulation = await Simulation.start({
    nodes: catalog,
    services: catalog * servicesOfEach,
    documented: 1,
    simulated: NODES,
    processes: 1,
    controllers: 1,
    spreadMs: 0,
  });
  onTestFinished(async () => await simulation.stop());
  await simulation.measure("start", async () => await Promise.resolve(all(simulation)), { fromStart: true });
  await simulation.untilSettled();
  return simulation;
}

function all({ nodes, cluster }: Simulation): Expected {
  return new Map(nodes.map((node) => [node, cluster.servicesOf(node).length]));
}

/** Changes one service's document, and looks what that cost until nothing more happens. */
async function changeOne(simulation: Simulation): Promise<Finding> {
  const { cluster, nodes } = simulation;
  const service = cluster.servicesOf(nodes[0]!)[0]!;
  return await simulation.measure("one document", async () => {
    await cluster.change([service]);
    return new Map([[nodes[0]!, 1]]);
  });
}

async function changeDefaults(simulation: Simulation): Promise<Finding> {
  return await simulation.measure("_defaults", async () => {
    await simulation.cluster.put("observability/_defaults", "tags: [of:all]\n");
    return all(simulation);
  });
}

/** So many times something that comes once in `everyMs` can come while a step goes on, for each node. */
function timesIn({ tookMs }: Finding, everyMs: number): number {
  return NODES * (Math.floor(tookMs / everyMs) + 1);
}

describe.skipIf(consulBinary() === undefined)(`many nodes beside one Consul${SKIPPED}`, () => {
  test("with few services each, a change is told to those whom it concerns", async () => {
    const simulation = await open(5);

    const one = await changeOne(simulation);
    const defaults = await changeDefaults(simulation);

    for (const { nodes, tookMs, files, ...step } of [one, defaults]) {
      expect(nodes.answers["all documents"]).toBeUndefined();
      expect(nodes.connections).toBeLessThanOrEqual(NODES * 16);
      expect(nodes.bytesIn).toBeLessThanOrEqual(answersOf(nodes) * ANSWER_BYTES);
      expect(nodes.answers["orders"] ?? 0).toBeLessThanOrEqual(
        timesIn({ ...step, nodes, tookMs, files }, WAIT_MS),
      );
    }
    // The document itself, and on each node the two reserved keys that are not there: its neighbours.
    expect(one.files).toBe(1);
    expect(one.nodes.answers["document"]).toBeLessThanOrEqual(1 + 2 * NODES + timesIn(one, WAIT_MS) * 8);
    // One of each node: its files' statuses; and once more what is said later.
    expect(defaults.files).toBe(NODES * 5);
    expect(defaults.nodes.answers["transaction"]).toBeLessThanOrEqual(2 * NODES);
    expect(simulation.wrongFiles(() => "of:all")).toEqual([]);
  });

  test("with many services each, nobody is sent the documents of others", async () => {
    const simulation = await open(10);

    const one = await changeOne(simulation);
    const defaults = await changeDefaults(simulation);

    for (const step of [one, defaults]) {
      expect(step.nodes.answers["all documents"]).toBeUndefined();
      expect(step.nodes.answers["document"]).toBeUndefined();
      // Looks have the ten documents of a node, of some 600 bytes in an answer.
      expect(step.nodes.bytesIn).toBeLessThanOrEqual(answersOf(step.nodes) * 10 * ANSWER_BYTES);
      const looks = timesIn(step, LOOK_MS);
      const statuses = 2 * (step === one ? 1 : NODES);
      // A look that finds another key there than it believed is made once more.
      expect(step.nodes.answers["transaction"]).toBeLessThanOrEqual(looks + statuses + NODES);
    }
    expect([one.files, defaults.files]).toEqual([1, NODES * 10]);
    expect(Math.max(...one.convergedMs)).toBeGreaterThan(0);
    expect(simulation.wrongFiles(() => "of:all")).toEqual([]);
  });
});
