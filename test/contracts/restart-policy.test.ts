import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { createConsul, type Consul } from "../../clients/consul.ts";
import { openNomad } from "../../clients/nomad.ts";
import { runRestarts } from "../../controllers/nomad-telemetry/restart/runner.ts";
import { openLog } from "../../engine/log.ts";
import type { Condition } from "../../engine/status/status.ts";
import { startFakeNomad } from "../fakes/nomad.ts";
import { consulBinary, NO_CONSUL, startConsul, type ConsulServer } from "../servers/consul.ts";

/** What goes wrong, in the log, without a rule. Every rule has an entry. */
const SEEN: Readonly<Record<string, string>> = {
  'key_prefix "dd-observe/restart/"': "restart not looked at",
  'session_prefix ""': "restart not looked at",
};

describe.skipIf(consulBinary() === undefined)(
  `the policy of a node that may restart Nomad${consulBinary() === undefined ? ` (${NO_CONSUL})` : ""}`,
  () => {
    let server: ConsulServer;
    let root: Consul;
    beforeAll(async () => {
      server = await startConsul({ acls: true });
      root = createConsul({ address: server.url, token: server.rootToken });
    }, 60_000);
    afterAll(async () => await server[Symbol.asyncDispose]());

    test("it is enough to restart", async () => {
      const world = await start(server, root, await policy());

      await expect.poll(() => world.conditions.at(-1)?.reason, { timeout: 25_000 }).toBe("NotNeeded");

      expect(world.hasRestarted()).toBe(true);
      expect(world.said).toEqual([]);
    });

    test.for(Object.entries(SEEN))(
      "without %s the log says: %s",
      { timeout: 60_000 },
      async ([rule, message]) => {
        const whole = await policy();
        const without = whole
          .split("\n")
          .filter((line) => !line.startsWith(`${rule} {`))
          .join("\n");
        const world = await start(server, root, without);

        await expect.poll(() => world.said, { timeout: 45_000 }).toContain(message);

        expect(without).not.toBe(whole);
        expect(world.hasRestarted()).toBe(false);
      },
    );

    test("and there is no rule besides", async () => {
      const rules = [...(await policy()).matchAll(/^(\w+ "[^"]*") \{/gm)].map(([, rule]) => rule);

      expect(rules).toEqual(Object.keys(SEEN));
    });
  },
);

async function policy(): Promise<string> {
  return await readFile(new URL("../../deploy/policies/consul-node-restart.hcl", import.meta.url), "utf8");
}

/** One machine whose Nomad waits for a restart, with a token of these rules. */
async function start(
  server: ConsulServer,
  root: Consul,
  rules: string,
): Promise<{
  readonly conditions: readonly (Condition | undefined)[];
  readonly said: readonly string[];
  hasRestarted(): boolean;
}> {
  await root.kvDelete("dd-observe/restart/", { recurse: true });
  const dir = mkdtempSync(join(tmpdir(), "dd-observe-restart-"));
  const nomad = await startFakeNomad({ configDir: dir });
  writeFileSync(join(dir, "zz.hcl"), 'telemetry {\n  collection_interval = "7s"\n}\n');
  const mark = join(dir, "restarted");
  const conditions: (Condition | undefined)[] = [];
  const said: string[] = [];
  const stop = new AbortController();
  const client = openNomad({ address: nomad.url });
  const running = runRestarts(
    {
      consul: createConsul({ address: server.url, token: await server.createToken(rules) }),
      statePrefix: "dd-observe",
      node: "node-1",
      holder: "node-1/1",
      nomad: client,
      command: ["touch", mark],
      wish: () => ({
        rules: { order: "servers-first", windows: [], approve: false, comeBackMs: 20_000, settleMs: 20_000 },
        generation: 1,
        approval: "0123456789ab",
        isPaused: false,
        file: "7s",
        differenceFrom: ({ telemetry }) =>
          telemetry["CollectionInterval"] === "7s" ? undefined : "CollectionInterval differs",
      }),
      approved: () => new Set(),
      rollBack: async () => await Promise.reject(new Error("nothing to go back to")),
      tell: (condition) => conditions.push(condition),
      log: openLog({
        level: "warn",
        pretty: false,
        out: { write: (line) => said.push((JSON.parse(line) as { message: string }).message) },
      }),
      timings: { lookMs: 100, waitMs: 200, gatherMs: 200, steadyMs: 100 },
    },
    stop.signal,
  );
  // The command leaves a mark, and what starts Nomad sees it.
  const watching = setInterval(() => {
    if (!existsSync(mark) || nomad.state.telemetry["CollectionInterval"] === "7s") return;
    void nomad.restart();
  }, 50);
  onTestFinished(async () => {
    clearInterval(watching);
    stop.abort();
    await running;
    await nomad.stop();
    rmSync(dir, { recursive: true });
  });
  return { conditions, said, hasRestarted: () => existsSync(mark) };
}
