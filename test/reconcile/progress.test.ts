import { expect, onTestFinished, test } from "vitest";

import { createConsul } from "../../clients/consul.ts";
import { readConfig } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import { openLog } from "../../engine/log.ts";
import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";
import type { FakeDatadogOptions } from "../fakes/datadog.ts";

const KEY = "dd-observe/state/progress";
const SOON = { timeout: 40_000 };

/** A controller that leads, and the command line of another process. */
async function start(services: number, options: FakeDatadogOptions = {}) {
  const world = await startCommandWorld(options);
  for (let n = 0; n < services; n++) world.register(`web-${n}`, ["dd-observe"]);
  const stop = new AbortController();
  let done = Promise.resolve();
  onTestFinished(async () => {
    stop.abort();
    await done;
    await world[Symbol.asyncDispose]();
  });
  return {
    world,
    run: async (): Promise<string> => {
      const operator = await startOperator(config(world), "controller", stop.signal, SILENT);
      done = operator.done;
      return operator.url;
    },
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}

const SILENT = openLog({ level: "silent", pretty: false });

function config({ consul, datadog }: CommandWorld) {
  return readConfig(
    { resync: "1s" },
    {
      CONSUL_HTTP_ADDR: consul.url,
      DD_API_URL: datadog.url,
      DD_API_KEY: datadog.apiKey,
      DD_APP_KEY: datadog.appKey,
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
    },
  );
}

async function stored({ consul }: CommandWorld): Promise<string | undefined> {
  return (await createConsul({ address: consul.url }).kvGet(KEY))?.text;
}

/** The last line that a command prints. */
async function lastLine(world: CommandWorld, line = "get"): Promise<string> {
  return (await world.run(line)).out.trimEnd().split("\n").at(-1)!;
}

async function gauges(url: string): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = [...text.matchAll(/^dd_observe_datadog_(\S+) (\S+)$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name!, Number(value)]));
}

test("while Datadog is down, every process can say so; then nothing is left of it", async () => {
  const { world, run } = await start(1);
  world.datadog.fault({ kind: "reset", times: 9 });
  const url = await run();

  await expect
    .poll(async () => await lastLine(world), SOON)
    .toMatch(/^Datadog: down since \d\d:\d\d:\d\d, (next try in \d+ s|tried again now)$/);
  const page = (await (await fetch(`${url}/v1/process`)).json()) as { progress?: { text: string } };
  const during = await gauges(url);
  const written = (await world.run("get -o json")).out;

  expect(page.progress?.text).toMatch(/^Datadog: down since/);
  expect(during["down"]).toBe(1);
  expect(() => JSON.parse(written) as unknown).not.toThrow();

  await expect.poll(async () => await stored(world), { timeout: 60_000 }).toBeUndefined();
  expect(await lastLine(world)).not.toContain("Datadog:");
  expect((await gauges(url))["down"]).toBe(0);
}, 90_000);

test("a large change tells how much waits for the rate limit, and about how long", async () => {
  const { world, run, stop } = await start(30, { limit: { limit: 10, periodSeconds: 10 } });
  const url = await run();

  await expect
    .poll(async () => await lastLine(world), SOON)
    .toMatch(/^Datadog: \d+ of \d+ waiting for the rate limit, about \d+ s$/);
  // The next window may just have begun.
  await expect.poll(async () => (await gauges(url))["waiting"], SOON).toBeGreaterThan(0);
  const during = await gauges(url);
  await stop();

  expect(Object.keys(during)).toContain('limit_remaining{limit="createMonitor"}');
  expect(await stored(world)).toBeUndefined();
}, 60_000);
