import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { describe, expect, onTestFinished, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import { canCut } from "../ha/network.ts";
import { startFront } from "./front.ts";
import { expectState, generic, SKIPPED, startWorld, tuned } from "./world.ts";

const RUN = fileURLToPath(new URL("../ha/run.ts", import.meta.url));
/** One play beside the others for each line; the long ones wait for Consul twenty seconds each. */
const ACCIDENTS = ["sigterm,sigkill,sigterm", "sigstop,short-stop,sigterm", "consul-leader,sigterm,sigkill"];
const CUTS = ["all-cut", "consul-cut", "sigterm"];

describe.skipIf(consulBinary() === undefined)(`leaders and spares, end to end${SKIPPED}`, () => {
  test("a spare is ready, shows who leads, and shows what the leader keeps", async () => {
    const world = await startWorld();
    const leader = world.run(["--role", "controller"]);
    await leader.says("leading");
    const spare = world.run(["--role", "controller"]);
    await spare.says("standing by");
    await world.register("web");
    await expect.poll(async () => (await world.conditions("web"))["MonitorsSynced"]).toMatch(/^True/);

    const ready = await spare.get("/readyz");
    const metrics = await spare.get("/metrics");
    const process = JSON.parse((await spare.get("/v1/process")).text) as Record<string, unknown>;
    const [web] = JSON.parse((await spare.get("/v1/services?service=web")).text) as { service: string }[];
    const led = JSON.parse((await leader.get("/v1/process")).text) as Record<string, unknown>;
    const listed = await world.command("get");

    expect(ready.status).toBe(200);
    expect(metrics.text).toMatch(/^dd_observe_leader 0$/m);
    expect((await leader.get("/metrics")).text).toMatch(/^dd_observe_leader 1$/m);
    expect(process).toMatchObject({ standing: { role: "spare" }, leader: { holder: led["holder"] } });
    expect(process["holder"]).not.toBe(led["holder"]);
    expect(web?.service).toBe("web");
    expect(listed.stdout).toContain(`controller: ${String(led["holder"])} leads`);
  });

  test("a leader that is stopped in the middle of a write wakes up and writes nothing more", async () => {
    const world = await startWorld();
    const [front, spareFront] = [await startFront(world.datadog.url), await startFront(world.datadog.url)];
    onTestFinished(async () => void (await Promise.all([front.stop(), spareFront.stop()])));
    world.run(["--role", "node"]);
    const leader = world.run(["--role", "controller"], { DD_API_URL: front.url });
    await leader.says("leading");
    const spare = world.run(["--role", "controller"], { DD_API_URL: spareFront.url });
    await spare.says("standing by");
    const names = ["a", "b", "c", "d", "e", "f"];
    for (const name of names) await world.register(name);
    await expectState(world, generic(...names));

    // All of them are under way or wait for their turn when it stops.
    front.mode = "hang";
    for (const name of names) await world.put(name, { monitors: { "endpoint-down": { critical: 1 } } });
    await expect.poll(() => front.hanging).toBeGreaterThan(0);
    const before = front.writes.length;
    process.kill(leader.pid ?? 0, "SIGSTOP");
    await spare.says("leading");
    const wanted = tuned(
      generic(...names),
      Object.fromEntries(names.map((n) => [`${n}/endpoint-down`, [1]])),
    );
    await expectState(world, wanted);
    front.release();
    process.kill(leader.pid ?? 0, "SIGCONT");
    await leader.says("standing by");

    await expectState(world, wanted);
    expect(front.writes.length).toBe(before);
    expect(spareFront.writes.length).toBeGreaterThanOrEqual(names.length);
  });

  test(
    "nobody writes after its term, and no change is lost, whatever happens to the leader",
    { timeout: 400_000 },
    async ({ annotate }) => {
      const lanes = canCut() ? [...ACCIDENTS, CUTS.join(",")] : ACCIDENTS;
      const kinds = lanes.map((lane) => lane.split(","));
      // Dealt out in turns, so that each line is a play of its own.
      const dealt = [0, 1, 2].flatMap((at) => kinds.map((lane) => lane[at]));

      const { stdout } = await promisify(execFile)(process.execPath, [
        RUN,
        "--lanes",
        String(lanes.length),
        "--only",
        dealt.join(","),
      ]);

      await annotate(stdout);
      expect(stdout).toMatch(/^12 accidents|^9 accidents/m);
      expect(stdout).not.toContain("WRONG");
    },
  );
});
