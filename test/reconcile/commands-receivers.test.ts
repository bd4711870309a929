import { afterEach, expect, test } from "vitest";

import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

async function startWorld(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  return world;
}

const STATES = {
  dogstatsd: { isOn: true, address: "127.0.0.1:8125", found: "it listens" },
  "otlp-http": { isOn: false, address: "127.0.0.1:4318", found: "nobody listens there" },
};

test("get nodes -o wide shows which receivers of each Agent listen", async () => {
  const world = await startWorld();
  world.register("ray", ["dd-observe"]);
  await world.run("apply");
  world.consul.put(
    "dd-observe/status/nodes/node-2/_node",
    JSON.stringify({ node: "node-2", receivers: STATES }),
  );

  const { out } = await world.run("get nodes -o wide");
  const listed = JSON.parse((await world.run("get nodes -o json")).out) as readonly object[];

  expect(out).toMatch(/^node-2 +0 +0 +dogstatsd 127\.0\.0\.1:8125 +otlp-http 127\.0\.0\.1:4318/m);
  expect(out).toMatch(/^node-1 .* - +-\s*$/m);
  expect(listed).toMatchObject([{ name: "node-1" }, { name: "node-2", services: 0, receivers: STATES }]);
});

test("what a node says of itself is no service", async () => {
  const world = await startWorld();
  world.consul.put(
    "dd-observe/status/nodes/node-2/_node",
    JSON.stringify({ node: "node-2", receivers: STATES }),
  );

  expect((await world.run("get -o json")).out.trim()).toBe("[]");
});

test("explain receivers prints what switches each on, at the addresses of the settings", async () => {
  const world = await startWorld();

  const all = await world.run("explain receivers");
  const one = await world.run("explain receivers otlp-grpc --otlp-grpc 127.0.0.1:14317");
  const none = await world.run("explain receivers otlp");

  for (const title of ["DogStatsD (dogstatsd)", "OTLP by gRPC", "OTLP by HTTP", "traces (APM)"])
    expect(all.out).toContain(title);
  expect(one.out).toContain('Environment="DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT=localhost:14317"');
  expect(one.out).not.toContain("DogStatsD (");
  expect(none).toMatchObject({
    exit: 1,
    err: expect.stringContaining("the Agent has no receiver otlp; there are"),
  });
});

test("apply writes what only one machine may do where the leader has placed it", async () => {
  const world = await startWorld();
  world.register("consul", ["dd-observe"]);
  world.consul.put("observability/consul", "agent: {singleNodeInstall: true}\n");
  const file = async (): Promise<string> => {
    await world.run("apply");
    return (await world.files()).get("consul.d/dd-observe-consul.yaml") ?? "";
  };

  const before = await file();
  world.consul.put("dd-observe/control/placed/consul/node-1", "");
  const here = await file();
  world.consul.state.deleteTree("dd-observe/control/placed/");
  world.consul.put("dd-observe/control/placed/consul/node-2", "");
  const elsewhere = await file();

  expect(before).not.toContain("single_node_install");
  expect(here).toContain("single_node_install: true");
  expect(elsewhere).toBe(before);
});
