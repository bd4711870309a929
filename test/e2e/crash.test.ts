import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import {
  endSessions,
  expectNoTemps,
  expectState,
  expectStays,
  fileOf,
  SKIPPED,
  startWorld,
  type State,
  type World,
} from "./world.ts";

/** Another number gives another history. The one that failed is in the failure's message. */
const SEED = Number(process.env["DD_OBSERVE_TEST_SEED"] ?? Date.now() % 1_000_000);
const KILLS = 50;
const NAMES = Array.from({ length: 24 }, (_, at) => `s${String(at).padStart(2, "0")}`);

/** What people wish of one service at the moment. */
interface Wished {
  readonly port: number | undefined;
  readonly isTagged: boolean;
  readonly document: { readonly critical: number; readonly own: number | undefined } | undefined;
}

const NOTHING: Wished = { port: undefined, isTagged: false, document: undefined };

type Random = (below: number) => number;

/** Small, fast, and the same on every machine (mulberry32). */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Changes one wish, or does by hand what people do to files and monitors. */
async function change(world: World, wishes: Map<string, Wished>, random: Random): Promise<void> {
  const name = NAMES[random(NAMES.length)] ?? "";
  const now = wishes.get(name) ?? NOTHING;
  const set = (next: Partial<Wished>): void => void wishes.set(name, { ...now, ...next });
  const kind = random(100);
  if (kind < 30) {
    const [port, isTagged] = [9_000 + random(5), random(4) > 0];
    await world.register(name, { port, tags: isTagged ? ["dd-observe"] : [] });
    set({ port, isTagged });
  } else if (kind < 45) {
    if (now.port === undefined) return;
    await world.deregister(name);
    set({ port: undefined, isTagged: false });
  } else if (kind < 75) {
    const document = { critical: 1 + random(2), own: random(2) === 0 ? undefined : 1 + random(9) };
    await world.put(name, documentOf(document));
    set({ document });
  } else if (kind < 90) {
    await world.kv.kvDelete(`observability/${name}`);
    set({ document: undefined });
  } else if (kind < 95) await meddleWithMonitors(world, random);
  else await meddleWithFile(join(world.confd, fileOf(name)), random);
}

function documentOf({ critical, own }: NonNullable<Wished["document"]>): object {
  const query = "avg(last_5m):avg:web.queue{${scope}} > ${critical}";
  const ownMonitor = { type: "query alert", name: "Too many", query, message: "look", critical: own };
  return { monitors: { "endpoint-down": { critical }, ...(own === undefined ? {} : { own: ownMonitor }) } };
}

async function meddleWithMonitors({ datadog }: World, random: Random): Promise<void> {
  const ids = datadog.monitors().map(({ id }) => Number(id));
  const id = ids[random(Math.max(1, ids.length))];
  if (id === undefined) return;
  if (random(2) === 0) datadog.remove(id);
  else datadog.edit(id, { options: { thresholds: { critical: 99 } } });
}

async function meddleWithFile(file: string, random: Random): Promise<void> {
  if (random(2) === 0) await rm(file, { force: true });
  else {
    // Never makes a file: that would be a person's own.
    const opened = await open(file, constants.O_WRONLY | constants.O_APPEND).catch(() => undefined);
    await opened?.write("# by hand\n");
    await opened?.close();
  }
}

function stateOf(wishes: ReadonlyMap<string, Wished>): State {
  const files: Record<string, readonly string[]> = {};
  const monitors: Record<string, readonly number[]> = {};
  for (const [name, { port, isTagged, document }] of wishes) {
    if (!isTagged && document === undefined) continue;
    if (port !== undefined) files[fileOf(name)] = [`http://127.0.0.1:${port}/metrics`];
    monitors[`${name}/endpoint-down`] = [document?.critical ?? 3];
    if (document?.own !== undefined) monitors[`${name}/own`] = [document.own];
  }
  return { files, monitors };
}

describe.skipIf(consulBinary() === undefined)(`crashes, end to end${SKIPPED}`, () => {
  test(
    `an operator killed ${KILLS} times while wishes change ends with exactly the right world (seed ${SEED})`,
    { timeout: 300_000 },
    async ({ annotate }) => {
      const world = await startWorld({ env: { DD_OBSERVE_GRACE: "1s", DD_OBSERVE_MAX_DELETES: "1000" } });
      const random = randomFrom(SEED);
      const wishes = new Map<string, Wished>();
      const over = new AbortController();
      let changes = 0;
      const changing = (async () => {
        while (!over.signal.aborted) {
          await change(world, wishes, random);
          changes++;
          await sleep(20 + random(40));
        }
      })();

      let killedWhileLeading = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const operator = world.run();
        await operator.says("started");
        await sleep(random(2_200));
        await operator.kill();
        if (
          operator.lines.some(
            ({ controller, message }) => controller === "monitors" && message === "action applied",
          )
        )
          killedWhileLeading++;
        await endSessions(world);
      }
      over.abort();
      await changing;
      world.run();

      await annotate(
        `${changes} changes; ${killedWhileLeading} of ${KILLS} operators had written to Datadog`,
      );
      const wanted = stateOf(wishes);
      await expectState(world, wanted, 90_000);
      await expectStays(world, wanted, 3_000);
      await expectNoTemps(world);
      expect(killedWhileLeading).toBeGreaterThan(KILLS / 4);
    },
  );
});
