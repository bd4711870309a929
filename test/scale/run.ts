import os from "node:os";
import { parseArgs } from "node:util";

import { consulBinary, NO_CONSUL } from "../servers/consul.ts";
import { renderFindings } from "./report.ts";
import { Simulation, type Expected, type Finding } from "./simulation.ts";

const USAGE = `npm run scale -- [options]

Many simulated machines, each with the real node role, beside one real Consul and controllers
that write to a stand-in for Datadog. Tells what changes cost Consul, the wire and the leader,
and how long it takes until every machine has followed. Needs Linux (/proc) and a Consul:
CONSUL_BIN, or consul on the PATH.

  --nodes 1000        machines in the catalog
  --services 10000    spread over them
  --simulated N       machines with a node role; all if absent
  --documented 1      share of the services with a document; the others wish by tag alone
  --seconds 60        how long nothing happens, to see what that costs
  --changes 20        single changes, a second apart
  --processes 4       that the machines are simulated in
  --controllers 2
  --spread 30         seconds over which the machines start
`;

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "1000" },
    services: { type: "string", default: "10000" },
    simulated: { type: "string" },
    documented: { type: "string", default: "1" },
    seconds: { type: "string", default: "60" },
    changes: { type: "string", default: "20" },
    processes: { type: "string", default: "4" },
    controllers: { type: "string", default: "2" },
    spread: { type: "string", default: "30" },
    help: { type: "boolean", short: "h" },
  },
});

if (values.help === true) console.log(USAGE);
else if (process.platform !== "linux") console.error("skipped: needs /proc");
else if (consulBinary() === undefined) console.error(NO_CONSUL);
else await main();

async function main(): Promise<void> {
  const nodes = Number(values.nodes);
  const simulated = Number(values.simulated ?? nodes);
  const say = (text: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
  const cpus = os.cpus();
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus.length} × ${cpus[0]?.model.trim()}, Node ${process.version}, load before the start ${os.loadavg()[0]!.toFixed(1)}`;
  say(machine);
  const simulation = await Simulation.start({
    nodes,
    services: Number(values.services),
    documented: Number(values.documented),
    simulated,
    processes: Number(values.processes),
    controllers: Number(values.controllers),
    spreadMs: Number(values.spread) * 1_000,
  });
  const findings: Finding[] = [];
  try {
    for await (const finding of steps(simulation)) {
      say(JSON.stringify({ ...finding, convergedMs: finding.convergedMs.length }));
      findings.push(finding);
    }
    const wrong = simulation.wrongFiles();
    say(`files that are not as wished: ${wrong.length}`);
    if (wrong.length > 0) process.exitCode = 1;
  } finally {
    await simulation.stop();
  }
  console.log(
    `${machine}\n${nodes} nodes of which ${simulated} have a node role, ${values.services} services\n\n${renderFindings(findings, simulated)}`,
  );
}

async function* steps(simulation: Simulation): AsyncGenerator<Finding> {
  const { cluster, nodes } = simulation;
  const withRole = new Set(nodes);
  const here = cluster.documented.filter((service) => withRole.has(cluster.nodeOf(service)));
  const allOf = (): Expected => new Map(nodes.map((node) => [node, cluster.servicesOf(node).length]));
  const filesOf = (services: readonly string[]): Expected =>
    new Map(
      [...Map.groupBy(services, (one) => cluster.nodeOf(one))].map(([node, all]) => [node, all.length]),
    );
  const some = (count: number, from: number): readonly string[] =>
    Array.from({ length: count }, (_, at) => here[(from + at * 37) % here.length]!);

  yield await simulation.measure("start of all", async () => allOf(), {
    timeoutMs: 600_000,
    fromStart: true,
  });
  await simulation.untilSettled();
  yield await simulation.measure("nothing happens", async () => new Map(), {
    restMs: Number(values.seconds) * 1_000,
  });
  for (let at = 0; at < Number(values.changes); at++) {
    const one = some(1, at * 101);
    yield await simulation.measure("one document", async () => {
      await cluster.change(one);
      return filesOf(one);
    });
  }
  const many = [...new Set(some(100, 7))];
  yield await simulation.measure(`${many.length} documents at once`, async () => {
    await cluster.change(many);
    return filesOf(many);
  });
  yield await simulation.measure("one service moves", async () => {
    const service = here[3]!;
    const target = nodes[(nodes.indexOf(cluster.nodeOf(service)) + 1) % nodes.length]!;
    await cluster.move(service, target);
    return new Map([[target, 1]]);
  });
  for (const [step, tag] of [
    ["_defaults appear", "a"],
    ["_defaults change", "b"],
  ] as const) {
    yield await simulation.measure(
      step,
      async () => {
        await cluster.put("observability/_defaults", `tags: [tier-of-all:${tag}]\n`);
        return allOf();
      },
      { timeoutMs: 600_000 },
    );
  }
  yield await simulation.measure("Consul is killed and comes back", async () => {
    await cluster.consul.kill();
    await cluster.consul.start();
    await simulation.untilSettled();
    return new Map();
  });
}
