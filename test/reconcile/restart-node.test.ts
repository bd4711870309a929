import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { createConsul } from "../../clients/consul.ts";
import { parseStatus } from "../../engine/status/status.ts";
import { runCommand, startOperator, type Env } from "../e2e/operator.ts";
import { startFakeConsul } from "../fakes/consul.ts";
import { startFakeNomad } from "../fakes/nomad.ts";

const FILE = "zz-dd-observe.hcl";
/** With this interval Nomad does not start, for a reason that nobody can know before. */
const FATAL = "7s";

interface World {
  readonly dir: string;
  readonly env: Env;
  /** How often Nomad was restarted. */
  readonly restarts: () => number;
  /** As Nomad runs with it. */
  readonly interval: () => unknown;
  readonly isRunning: () => boolean;
  readonly put: (document: unknown) => Promise<void>;
  readonly reason: (type: string) => Promise<string | undefined>;
}

/** One machine with a Nomad and a node process, and the command that restarts that Nomad. */
async function startMachine(): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "dd-observe-restart-node-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "00-base.hcl"), 'data_dir = "/tmp/x"\n');
  const consul = await startFakeConsul({ sessionTtlMinMs: 1 });
  onTestFinished(async () => await consul.stop());
  const nomad = await startFakeNomad({ configDir: dir, version: "2.0.5" });
  onTestFinished(async () => await nomad.stop());
  let restarts = 0;
  const control = http.createServer((_request, response) => {
    restarts++;
    const text = existsSync(join(dir, FILE)) ? readFileSync(join(dir, FILE), "utf8") : "";
    const outcome = text.includes(`"${FATAL}"`) ? nomad.stop() : nomad.restart();
    void outcome.then(() => response.end());
  });
  await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void control.close());
  const { port } = control.address() as AddressInfo;
  const script = join(dir, "restart.mjs");
  writeFileSync(script, `await fetch("http://127.0.0.1:${port}/");\n`);
  const kv = createConsul({ address: consul.url });
  return {
    dir,
    env: {
      CONSUL_HTTP_ADDR: consul.url,
      NOMAD_ADDR: nomad.url,
      DD_OBSERVE_NOMAD_CONFIG_DIR: dir,
      DD_OBSERVE_NOMAD_BIN: "off",
      DD_OBSERVE_NOMAD_RESTART: `command:${process.execPath} ${script}`,
      DD_OBSERVE_CONFD_DIR: join(dir, "conf.d"),
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      DD_OBSERVE_RESYNC: "2s",
      DD_OBSERVE_PROBE_INTERVAL: "0",
    },
    restarts: () => restarts,
    interval: () => nomad.state.telemetry["CollectionInterval"],
    isRunning: () => nomad.isRunning,
    async put(document) {
      await kv.kvPut("observability/_nomad", JSON.stringify(document));
    },
    async reason(type) {
      const entry = await kv.kvGet("dd-observe/status/nodes/node-1/_nomad");
      if (entry === undefined) return undefined;
      const status = parseStatus(entry.text);
      return status?.conditions.find((condition) => condition.type === type)?.reason;
    },
  };
}

/** The first machine waits for half a minute for others that want their turn. */
const SLOWLY = { timeout: 90_000, interval: 200 };

test("the node process restarts its Nomad as wished, and goes back from a file with which it does not start", async () => {
  const world = await startMachine();
  const restart = { comeBack: "6s", settle: "60s" };
  await world.put({ telemetry: { collectionInterval: "5s" }, restart });
  const node = startOperator(["--role", "node"], world.env);
  await node.says("started");

  await expect.poll(world.interval, SLOWLY).toBe("5s");
  await expect.poll(async () => await world.reason("TelemetryActive"), SLOWLY).toBe("Active");
  expect(world.restarts()).toBe(1);
  const good = readFileSync(join(world.dir, FILE), "utf8");

  await world.put({ telemetry: { collectionInterval: FATAL }, restart });
  await expect.poll(world.restarts, SLOWLY).toBe(3);
  await expect.poll(world.isRunning, SLOWLY).toBe(true);
  await expect.poll(async () => await world.reason("NomadRestarted"), SLOWLY).toBe("RestartFailed");

  expect(world.interval()).toBe("5s");
  expect(readFileSync(join(world.dir, FILE), "utf8")).toBe(good);
  expect(readFileSync(join(world.dir, `${FILE}.refused`), "utf8")).toContain(`"${FATAL}"`);
  // The next passes don't write it again.
  await expect.poll(async () => await world.reason("TelemetryWritten"), SLOWLY).toBe("RolledBack");
  expect(readFileSync(join(world.dir, FILE), "utf8")).toBe(good);
  expect(world.restarts()).toBe(3);
  const { stdout } = await runCommand(["describe", "_nomad"], world.env);
  expect(stdout).toContain("RolledBack");
  expect(await node.stop()).toBe(0);
}, 240_000);
