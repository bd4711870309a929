import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect, onTestFinished, test, vi } from "vitest";

import { RESTART_KEYS, type Progress } from "../../controllers/nomad-telemetry/restart/progress.ts";
import type { Condition } from "../../engine/status/status.ts";
import { startFakeConsul, type FakeConsul } from "../fakes/consul.ts";
import { startFakeNomad, type FakeNomad } from "../fakes/nomad.ts";
import { startFront, type Front } from "../e2e/front.ts";
import { telemetryFile, type ProcessOptions, type WishFile } from "./restart-process.ts";

/** Each of them starts as many processes as there are machines. */
vi.setConfig({ testTimeout: 120_000 });

const BAD = "nonsense";
/** Takes so long to start. */
const DOWN_MS = 150;

interface Machine {
  readonly name: string;
  readonly nomad: FakeNomad;
  /** The last condition that it told. */
  condition: Condition | undefined;
  restarts: number;
  child: ChildProcess | undefined;
  readonly said: string[];
}

interface World {
  readonly consul: FakeConsul;
  readonly machines: readonly Machine[];
  /** Restarts as they began, by machine. */
  readonly order: readonly string[];
  /** The most Nomads that were away at the same time. */
  readonly mostDown: () => number;
  readonly wish: (wish: WishFile) => void;
  readonly start: (machine: Machine) => void;
  readonly progress: () => Progress;
  readonly intervals: () => readonly unknown[];
  /** The connection of a machine's process to Consul. */
  readonly cut: (machine: Machine, isCut: boolean) => void;
}

async function world({ servers = 1, clients = 2 } = {}): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "dd-observe-restart-"));
  const consul = await startFakeConsul({ sessionTtlMinMs: 1 });
  const wishFile = join(dir, "wish.json");
  const order: string[] = [];
  let down = 0;
  let mostDown = 0;
  const machines: Machine[] = [];
  const fronts = new Map<string, Front>();

  const control = http.createServer((request, response) => {
    const machine = machines.find(({ name }) => request.url === `/${name}`);
    if (machine === undefined) response.writeHead(404).end();
    else
      void restart(machine).then(
        () => response.end(),
        () => response.writeHead(500).end(),
      );
  });
  async function restart(machine: Machine): Promise<void> {
    order.push(machine.name);
    machine.restarts++;
    if (machine.nomad.isRunning) mostDown = Math.max(mostDown, ++down);
    await machine.nomad.stop();
    await sleep(DOWN_MS);
    if ((await machine.nomad.restart()) === undefined) down--;
  }
  await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
  const controlUrl = `http://127.0.0.1:${(control.address() as AddressInfo).port}`;

  for (let index = 0; index < servers + clients; index++) {
    const name = `node-${index}`;
    const configDir = join(dir, name);
    mkdirSync(configDir);
    writeFileSync(join(configDir, "zz-dd-observe.hcl"), telemetryFile("1s"));
    const nomad = await startFakeNomad({ nodeName: name, configDir, isServer: index < servers });
    nomad.state.addAllocation({ id: `0000000${index}-0000-0000-0000-000000000000`, taskNames: ["web"] });
    machines.push({ name, nomad, condition: undefined, restarts: 0, child: undefined, said: [] });
    fronts.set(name, await startFront(consul.url));
  }

  onTestFinished(async () => {
    for (const { child } of machines) child?.kill("SIGKILL");
    control.close();
    await Promise.all([...fronts.values()].map(async (front) => await front.stop()));
    await Promise.all(machines.map(async ({ nomad }) => await nomad.stop()));
    await consul.stop();
    rmSync(dir, { recursive: true });
  });

  return {
    consul,
    machines,
    order,
    mostDown: () => mostDown,
    wish(wish) {
      for (const { name } of machines)
        writeFileSync(join(dir, name, "zz-dd-observe.hcl"), telemetryFile(wish.interval));
      writeFileSync(`${wishFile}.tmp`, JSON.stringify(wish));
      renameSync(`${wishFile}.tmp`, wishFile);
    },
    start(machine) {
      const options: ProcessOptions = {
        consul: fronts.get(machine.name)!.url,
        nomad: machine.nomad.url,
        node: machine.name,
        wishFile,
        configFile: join(dir, machine.name, "zz-dd-observe.hcl"),
        command: [
          process.execPath,
          "-e",
          `fetch("${controlUrl}/${machine.name}").then((r) => process.exit(r.ok ? 0 : 1))`,
        ],
      };
      const child = spawn(process.execPath, [PROCESS, JSON.stringify(options)], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      machine.child = child;
      let rest = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) machine.condition = (JSON.parse(line) as Condition | null) ?? undefined;
      });
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => machine.said.push(chunk));
    },
    progress() {
      const row = consul.state.keys.get(RESTART_KEYS.progress("dd-observe"));
      return row === undefined
        ? { step: "idle" }
        : (JSON.parse(Buffer.from(row.Value ?? "", "base64").toString("utf8")) as Progress);
    },
    intervals: () => machines.map(({ nomad }) => nomad.state.telemetry["CollectionInterval"]),
    cut(machine, isCut) {
      const front = fronts.get(machine.name)!;
      if (isCut) front.mode = "hang";
      else front.release();
    },
  };
}

const PROCESS = new URL("restart-process.ts", import.meta.url).pathname;
const SOON = { timeout: 60_000, interval: 20 };

test("one machine after the other, servers first", async () => {
  const { machines, wish, start, intervals, order, mostDown, progress, consul } = await world();
  wish({ generation: 1, interval: "7s" });

  for (const machine of machines.toReversed()) start(machine);

  await expect.poll(intervals, SOON).toEqual(["7s", "7s", "7s"]);
  await expect.poll(progress, SOON).toEqual({ step: "idle" });
  expect(order).toEqual(["node-0", "node-1", "node-2"]);
  expect(mostDown()).toBe(1);
  await expect
    .poll(() => machines.map(({ condition }) => condition?.reason), SOON)
    .toEqual(["NotNeeded", "NotNeeded", "NotNeeded"]);
  expect([...consul.state.keys.keys()].filter((key) => key.includes("/restart/nodes/"))).toEqual([]);
});

test("a Nomad that doesn't come back gets its old file, and nobody goes on until a person says so", async () => {
  const { machines, wish, start, intervals, order, progress, consul } = await world();
  wish({ generation: 1, interval: BAD });
  for (const machine of machines) start(machine);

  await expect.poll(progress, SOON).toMatchObject({ step: "failed", node: "node-0" });
  await sleep(1_000);

  expect(order).toEqual(["node-0", "node-0"]);
  expect(intervals()).toEqual(["1s", "1s", "1s"]);
  expect(machines[0]!.nomad.isRunning).toBe(true);
  await expect
    .poll(() => machines.map(({ condition }) => condition?.reason), SOON)
    .toEqual(["RestartFailed", "RestartFailed", "RestartFailed"]);
  expect(machines[1]!.condition?.message).toMatch(/node-0: .*stands again, and Nomad runs/);

  // Somebody wishes what works.
  wish({ generation: 2, interval: "9s" });

  await expect.poll(intervals, SOON).toEqual(["9s", "9s", "9s"]);
  await expect.poll(progress, SOON).toEqual({ step: "idle" });
  expect(consul.state.keys.has(RESTART_KEYS.progress("dd-observe"))).toBe(true);
});

test("allocations that don't run again stop it", async () => {
  const { machines, wish, start, order, progress } = await world();
  wish({ generation: 1, interval: "7s" });
  const [first] = machines;
  for (const machine of machines) start(machine);
  await expect.poll(() => first!.restarts, SOON).toBe(1);
  for (const allocation of first!.nomad.state.allocations.values()) allocation.clientStatus = "failed";

  await expect.poll(progress, SOON).toMatchObject({
    step: "failed",
    node: "node-0",
    message: expect.stringContaining(
      "of 1 allocations that ran here, 1 don't: ray.head[0] (failed)",
    ) as string,
  });
  await sleep(500);
  expect(order).toEqual(["node-0"]);
});

test("a cluster that is not well is waited for", async () => {
  const { machines, wish, start, order, intervals } = await world();
  const [first] = machines;
  first!.nomad.state.sickServers.add("node-0.global");
  wish({ generation: 1, interval: "7s" });
  for (const machine of machines) start(machine);

  await expect
    .poll(() => first!.condition, SOON)
    .toMatchObject({
      reason: "WaitingForHealth",
      message: "node-0.global not healthy",
    });
  expect(order).toEqual([]);
  first!.nomad.state.sickServers.clear();

  await expect.poll(intervals, SOON).toEqual(["7s", "7s", "7s"]);
});

test("nothing begins before a person approves it, while it is paused, or outside its window", async () => {
  const { machines, wish, start, order, intervals } = await world();
  const year = new Date().getUTCFullYear();
  const windows = [{ from: `${year + 1}-01-01T00:00:00Z`, to: `${year + 1}-01-02T00:00:00Z` }];
  wish({ generation: 1, interval: "7s", rules: { approve: true } });
  for (const machine of machines) start(machine);
  const reasons = (): unknown => machines.map(({ condition }) => condition?.reason);

  await expect.poll(reasons, SOON).toEqual(machines.map(() => "WaitingForApproval"));
  expect(machines[0]!.condition?.message).toContain("dd-observe approve 0123456789ab");
  wish({ generation: 1, interval: "7s", rules: { windows } });
  await expect.poll(reasons, SOON).toEqual(machines.map(() => "WaitingForWindow"));
  wish({ generation: 1, interval: "7s", isPaused: true });
  await expect.poll(reasons, SOON).toEqual(machines.map(() => "Paused"));
  await sleep(1_200);
  expect(order).toEqual([]);

  wish({ generation: 1, interval: "7s", rules: { approve: true }, approved: ["0123456789ab"] });
  await expect.poll(intervals, SOON).toEqual(["7s", "7s", "7s"]);
});

test.for([0, 250, 600])(
  "a process that is killed %i ms after its turn came goes on when it is back",
  async (afterMs) => {
    const { machines, wish, start, intervals, mostDown, progress } = await world();
    wish({ generation: 1, interval: "7s", rules: { comeBackMs: 20_000, settleMs: 20_000 } });
    const [first] = machines;
    for (const machine of machines) start(machine);
    await expect.poll(progress, { timeout: 60_000, interval: 5 }).toMatchObject({ node: "node-0" });

    await sleep(afterMs);
    first!.child!.kill("SIGKILL");
    await sleep(700);
    start(first!);

    await expect.poll(intervals, SOON).toEqual(["7s", "7s", "7s"]);
    await expect.poll(progress, SOON).toEqual({ step: "idle" });
    expect(mostDown()).toBe(1);
  },
);

test("whoever holds the lock and is cut off from Consul stops all others until it is back", async () => {
  const { machines, wish, start, cut, intervals, mostDown, progress, order } = await world();
  wish({ generation: 1, interval: "7s", rules: { comeBackMs: 20_000, settleMs: 20_000 } });
  const [first] = machines;
  for (const machine of machines) start(machine);
  await expect.poll(progress, { timeout: 60_000, interval: 5 }).toMatchObject({ step: "restarting" });

  cut(first!, true);
  // Its session ends meanwhile.
  await sleep(4_000);
  expect(order.filter((name) => name !== "node-0")).toEqual([]);
  cut(first!, false);

  await expect.poll(intervals, SOON).toEqual(["7s", "7s", "7s"]);
  expect(mostDown()).toBe(1);
  expect([...new Set(order)]).toEqual(["node-0", "node-1", "node-2"]);
});

test("a process that was stopped before it began finds that the lock is another's, and begins nothing", async () => {
  const { machines, wish, start, intervals, mostDown, progress } = await world();
  wish({ generation: 1, interval: "7s" });
  const [first] = machines;
  for (const machine of machines) start(machine);
  await expect
    .poll(progress, { timeout: 60_000, interval: 5 })
    .toMatchObject({ step: "turn", node: "node-0" });

  first!.child!.kill("SIGSTOP");
  await sleep(4_000);
  first!.child!.kill("SIGCONT");

  await expect.poll(intervals, SOON).toEqual(["7s", "7s", "7s"]);
  expect(mostDown()).toBe(1);
});
