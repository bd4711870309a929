import { describe, expect, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import {
  expectCondition,
  expectState,
  expectStays,
  generic,
  hashesToApprove,
  SKIPPED,
  startWorld,
  tuned,
} from "./world.ts";

const THREE = generic("web", "db", "queue");

describe.skipIf(consulBinary() === undefined)(`a Consul that fails, end to end${SKIPPED}`, () => {
  test("nothing is changed while the token may nothing, and all goes on when it may again", async () => {
    const world = await startWorld({ consul: { acls: true } });
    const token = await world.consul.createToken(POLICY);
    const operator = world.run([], { CONSUL_HTTP_TOKEN: token });
    for (const name of ["web", "db", "queue"]) await world.register(name);
    await expectState(world, THREE);
    for (const name of ["web", "db", "queue"]) await expectCondition(world, name, "MonitorsSynced", /^True/);

    const giveBack = await stripToken(world.consul.url, world.consul.rootToken ?? "", token);
    await world.register("web", { port: 9_999 });
    await world.deregister("db");
    await expectStays(world, THREE, 8_000);
    const why = await operator.says("source failing");
    await expect
      .poll(async () => (await operator.get("/readyz")).status, { timeout: 30_000, interval: 200 })
      .toBe(503);
    await expectStays(world, THREE, 500);
    await giveBack();

    await expectState(world, generic(["web", 9_999], "queue"), 60_000);
    expect(why).toMatchObject({ status: "error", reason: "unauthorized" });
    expect(operator.lines.some(({ message }) => message === "source back")).toBe(true);
  });

  test("a Consul that is killed and comes back loses nothing, and later changes are seen", async () => {
    const world = await startWorld();
    world.run();
    for (const name of ["web", "db", "queue"]) await world.register(name);
    await expectState(world, THREE);

    await world.consul.kill();
    await expectStays(world, THREE, 3_000);
    await world.consul.start();
    await world.register("web", { port: 9_999 });
    await world.put("db", { monitors: { "endpoint-down": { critical: 1 } } });

    await expectState(
      world,
      tuned(generic(["web", 9_999], "db", "queue"), { "db/endpoint-down": [1] }),
      60_000,
    );
  });

  test("a running operator deletes nothing when Consul comes back empty, until a person confirms", async () => {
    const world = await startWorld();
    const operator = world.run();
    for (const name of ["web", "db", "queue"]) await world.register(name);
    await expectState(world, THREE);

    await world.consul.start({ keepState: false });
    await expectStays(world, THREE, 8_000);
    const why = await operator.says("source failing");
    await expect
      .poll(() => operator.lines.map(({ error }) => String(error)).join(), { timeout: 20_000 })
      .toContain("Consul lost its state");
    for (const name of ["web", "db"]) await world.register(name, { port: 9_999 });
    await world.register("queue");
    await world.kv.kvPut("observability/.keep", "");

    await expectState(world, generic(["web", 9_999], ["db", 9_999], "queue"), 60_000);
    expect(why.status).toBe("error");
  });

  test("an operator that starts on an empty Consul deletes what it finds only after approval", async () => {
    const world = await startWorld();
    const operator = world.run();
    for (const name of ["web", "db", "queue"]) await world.register(name);
    await expectState(world, THREE);

    await operator.kill();
    await world.consul.start({ keepState: false });
    await world.register("web");
    const restarted = world.run();
    await restarted.says("leading");
    await expectStays(world, THREE, 8_000);
    await expectCondition(world, "db", "MonitorsSynced", /^False BrakeEngaged/);
    await expectCondition(world, "db", "ConfigWritten", /^False BrakeEngaged/);
    const hashes = await hashesToApprove(world);
    const approvals = await Promise.all(hashes.map(async (hash) => await world.command("approve", hash)));

    await expectState(world, generic("web"));
    expect(approvals.map(({ code }) => code)).toEqual([0, 0]);
  });
});

const POLICY = `
  key_prefix "observability/" { policy = "write" }
  key_prefix "dd-observe/" { policy = "write" }
  service_prefix "" { policy = "read" }
  node_prefix "" { policy = "read" }
  agent_prefix "" { policy = "read" }
  session_prefix "" { policy = "write" }
`;

/** Takes all policies off a token. The returned function gives them back. */
async function stripToken(url: string, rootToken: string, token: string): Promise<() => Promise<void>> {
  const headers = { "x-consul-token": rootToken };
  const self = await fetch(`${url}/v1/acl/token/self`, { headers: { "x-consul-token": token } });
  const whole = (await self.json()) as { readonly AccessorID: string };
  const put = async (body: object): Promise<void> => {
    const answer = await fetch(`${url}/v1/acl/token/${whole.AccessorID}`, {
      method: "PUT",
      headers,
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
  };
  await put({ ...whole, Policies: [] });
  return async () => await put(whole);
}
