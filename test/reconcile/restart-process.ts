import { readFileSync } from "node:fs";

import { createConsul } from "../../clients/consul.ts";
import { openNomad } from "../../clients/nomad.ts";
import { runRestarts } from "../../controllers/nomad-telemetry/restart/runner.ts";
import type { RestartRules } from "../../controllers/nomad-telemetry/restart/wish.ts";
import { openLog } from "../../engine/log.ts";

/** What a test wishes: read anew at every look, so that it may change while the process runs. */
export interface WishFile {
  readonly generation: number;
  readonly interval: string;
  readonly rules?: Partial<RestartRules>;
  readonly approved?: readonly string[];
  readonly isPaused?: boolean;
}

export interface ProcessOptions {
  readonly consul: string;
  readonly nomad: string;
  readonly node: string;
  readonly wishFile: string;
  /** What the machine's Nomad reads; a rollback writes it. */
  readonly configFile: string;
  readonly command: readonly [string, ...string[]];
}

const RULES: RestartRules = {
  order: "servers-first",
  windows: [],
  approve: false,
  comeBackMs: 1_500,
  settleMs: 3_000,
};

export function telemetryFile(interval: string): string {
  return `telemetry {\n  collection_interval = "${interval}"\n}\n`;
}

/** One machine's part of the rolling restart, as a process that can be killed and stopped. */
async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? "{}") as ProcessOptions;
  const stop = new AbortController();
  process.on("SIGTERM", () => stop.abort());
  const wish = (): WishFile => JSON.parse(readFileSync(options.wishFile, "utf8")) as WishFile;
  let refused: string | undefined;
  await runRestarts(
    {
      consul: createConsul({ address: options.consul }),
      statePrefix: "dd-observe",
      node: options.node,
      holder: `${options.node}/${process.pid}`,
      nomad: openNomad({ address: options.nomad }),
      command: options.command,
      wish: () => {
        const { generation, interval, rules, isPaused } = wish();
        return {
          rules: { ...RULES, ...rules },
          generation,
          approval: "0123456789ab",
          isPaused: isPaused === true,
          file: interval,
          differenceFrom: ({ telemetry }) => {
            const found = String(telemetry["CollectionInterval"]);
            if (found === interval || interval === refused) return undefined;
            return `CollectionInterval is ${found}, and should be ${interval}`;
          },
        };
      },
      approved: () => new Set(wish().approved),
      rollBack: async () => {
        refused = wish().interval;
        const { writeFile } = await import("node:fs/promises");
        await writeFile(options.configFile, telemetryFile("1s"));
      },
      tell: (condition) => process.stdout.write(`${JSON.stringify(condition ?? null)}\n`),
      log: openLog({ level: "warn", pretty: false, out: process.stderr }),
      timings: {
        lookMs: 60,
        waitMs: 100,
        gatherMs: 1_000,
        steadyMs: 100,
        commandMs: 5_000,
        lock: { ttlMs: 1_500, renewEveryMs: 100, lockDelayMs: 40 },
      },
    },
    stop.signal,
  );
}

if (process.argv[1] === import.meta.filename) await main();
