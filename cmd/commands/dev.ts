import { setTimeout as sleep } from "node:timers/promises";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline/promises";

import { serviceStatus, type ServiceStatus } from "../../engine/status/status.ts";
import type { Call } from "../call.ts";
import { processEnv, readConfig, type Config } from "../config.ts";
import { openConsul } from "../connect.ts";
import { complete, notComplete, ONCE_MS } from "../dev/complete.ts";
import { prepareDemo, type Demo } from "../dev/demo.ts";
import { claimConsul } from "../dev/foreign.ts";
import { invitation } from "../dev/invitation.ts";
import { Narrator } from "../dev/narrator.ts";
import { putSamples, type Samples } from "../dev/samples.ts";
import { inDevDir, openSessionFolder, writeSession, type SessionFolder } from "../dev/session.ts";
import { countsIn, titleIn } from "../dev/titles.ts";
import { openWorld, type Part, type World } from "../dev/world.ts";
import { installation, typed } from "../installation.ts";
import { printError } from "../print.ts";
import { startOperator, type RunHandle } from "../run.ts";
import type { Env } from "../settings.ts";
import type { Terminal } from "../terminal.ts";

/** The last is what a terminal sends when it is closed. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const LOOK_EVERY_MS = 200;
/** After this the servers go, whatever the operator still does. */
const STOP_MS = 1_500;

/** `dd-observe dev`: everything on this machine, until SIGINT or SIGTERM. Writes nothing outside its folder. */
export async function dev({ flags, terminal, env: given }: Call): Promise<number> {
  const env = given ?? processEnv();
  const stop = new AbortController();
  const stopNow = (): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort(new Error("the session was asked to stop"));
  };
  for (const signal of SIGNALS) process.on(signal, stopNow);
  const parent = env["npm_lifecycle_event"] === undefined ? undefined : watchParent(stopNow);
  const stops: (() => Promise<void>)[] = [];
  try {
    const folder = openSessionFolder();
    const usesRealDatadog = await mayUseRealDatadog(env, flags.realDatadog === true, terminal);
    const world = await openWorld({ folder, env, usesRealDatadog, onStarted: (end) => stops.push(end) });
    return await hold(world, folder, {
      terminal,
      once: flags.once === true,
      aiAgent: flags.aiAgent === true ? env : undefined,
      stop,
      onStarted: (end) => stops.push(end),
    });
  } finally {
    clearInterval(parent);
    for (const signal of SIGNALS) process.off(signal, stopNow);
    await stopAll(stops, terminal);
  }
}

/** npm hands a SIGTERM to the shell between us alone, and that dies of it: nobody would end the session. */
function watchParent(onGone: () => void): NodeJS.Timeout {
  const { ppid } = process;
  const looking = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(looking);
    onGone();
  }, LOOK_EVERY_MS);
  return looking;
}

/** Stops what was started, the last first. One that can't be stopped doesn't keep the others. */
async function stopAll(stops: readonly (() => Promise<void>)[], terminal: Terminal): Promise<void> {
  for (const end of stops.toReversed()) {
    try {
      await end();
    } catch (error) {
      printError(error, terminal);
    }
  }
}

interface Session {
  readonly terminal: Terminal;
  readonly once: boolean;
  /** The environment to run an AI agent from; undefined for none. */
  readonly aiAgent: Env | undefined;
  readonly stop: AbortController;
  readonly onStarted: (end: () => Promise<void>) => void;
}

/** One session, from the samples to its end. */
async function hold(
  world: World,
  folder: SessionFolder,
  { terminal, once, aiAgent, stop, onStarted }: Session,
): Promise<number> {
  const { out, paint } = terminal;
  const config = readConfig({}, world.env);
  const consul = openConsul(config);
  if (world.isForeignConsul) onStarted(await claimConsul(consul, config));
  const demo =
    aiAgent === undefined
      ? undefined
      : await prepareDemo({
          dir: folder.dir,
          env: aiAgent,
          world,
          consul,
          config,
          signal: stop.signal,
          out,
          onStarted,
        });
  const samples = await putSamples(consul, config, onStarted);
  if (world.isForeignConsul) onStarted(samples.remove);

  const narrator = new Narrator(terminal, (controller, id) =>
    world.datadog === undefined ? undefined : titleIn(world.datadog, controller, id),
  );
  const operator = await startOperator(config, "all", stop.signal, narrator.openLog());
  onStarted(async () => await ended(operator, stop));
  writeSession(folder, { ...world.shared, DD_OBSERVE_HTTP_ADDR: new URL(operator.url).host });
  onStarted(async () => rmSync(folder.envFile, { force: true }));
  out(head([...world.parts, ...(demo === undefined ? [] : [demo.part])], operator.url, terminal));

  const startedAt = performance.now();
  const isComplete = await watchUntil(stop.signal, operator, narrator, (statuses) => {
    if (once && performance.now() - startedAt > ONCE_MS) throw new Error(notComplete(statuses, samples));
    return complete(statuses, samples, world);
  });
  if (!isComplete) return 0;
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const counts = world.datadog === undefined ? "" : `, ${countsIn(world.datadog)}`;
  out(
    `\n${paint("green", "Complete")} after ${seconds} s: ${samples.services.length} services${counts}; ${samples.broken} waits for a person.\n`,
  );
  if (demo !== undefined && !(await runDemo(demo, { stop, once, operator, narrator }))) return 0;
  if (once) return 0;
  out(
    `\n${paint("bold", "Now change something.")} In another terminal, in ${process.cwd()}:\n\n${invite(world, folder, config, samples, terminal)}\n`,
  );
  out(`${paint("dim", "Ctrl-C ends everything. What happens from here on:")}\n\n`);
  await watchUntil(
    stop.signal,
    operator,
    narrator,
    () => {
      demo?.tell(narrator);
      return false;
    },
    demo?.ended,
  );
  out(`\n${paint("dim", "stopping")}\n`);
  return 0;
}

/** Starts the AI agent, and waits until one of everything has arrived. False if the session is stopped before. */
async function runDemo(
  demo: Demo,
  {
    stop,
    once,
    operator,
    narrator,
  }: Pick<Session, "stop" | "once"> & { readonly operator: RunHandle; readonly narrator: Narrator },
): Promise<boolean> {
  await demo.start();
  const startedAt = performance.now();
  return await watchUntil(
    stop.signal,
    operator,
    narrator,
    () => {
      demo.tell(narrator);
      if (once && performance.now() - startedAt > ONCE_MS)
        throw new Error(
          "not everything of the AI agent has arrived within 30 s; the line above says what has",
        );
      return demo.isComplete();
    },
    demo.ended,
  );
}

/** Never writes to a real Datadog that nobody agreed to. */
async function mayUseRealDatadog(env: Env, isAgreed: boolean, terminal: Terminal): Promise<boolean> {
  const hasKeys = (env["DD_API_KEY"] ?? "") !== "" && (env["DD_APP_KEY"] ?? "") !== "";
  if (!hasKeys) return false;
  if (isAgreed) return true;
  const { url } = readConfig({}, env).datadog;
  if (terminal.width !== undefined && process.stdin.isTTY) {
    const asking = createInterface({ input: process.stdin, output: process.stdout });
    const answer = await asking.question(
      `DD_API_KEY and DD_APP_KEY are set. Create sample monitors, SLOs, dashboards and more at ${url}? [y/N] `,
    );
    asking.close();
    if (/^y(es)?$/i.test(answer.trim())) return true;
  }
  terminal.out(
    `DD_API_KEY and DD_APP_KEY are set, but dev writes to its stand-in; --real-datadog makes it write to ${url}.\n`,
  );
  return false;
}

function head(parts: readonly Part[], url: string, { paint }: Terminal): string {
  const rows = [...parts, { name: "Page", what: "status page, /metrics, /v1", where: url }];
  const width = Math.max(...rows.map(({ where }) => where.length));
  const lines = rows.map(
    ({ name, what, where }) => `  ${name.padEnd(8)} ${where.padEnd(width)}  ${paint("dim", what)}\n`,
  );
  return `${paint("bold", "dd-observe dev")}: everything on this machine, nothing written outside ${inDevDir()}/\n\n${lines.join("")}\n`;
}

function invite(
  world: World,
  folder: SessionFolder,
  config: Config,
  samples: Samples,
  { paint }: Terminal,
): string {
  return invitation({
    world,
    samples,
    kvPrefix: config.kvPrefix,
    tagName: config.tagName,
    command: installation.command,
    confd: typed(folder.confd),
    envFile: typed(folder.envFile),
    paint,
  });
}

/** Tells the narrator what the page says until `isDone`. False if the session is stopped before. */
async function watchUntil(
  stop: AbortSignal,
  operator: RunHandle,
  narrator: Narrator,
  isDone: (statuses: readonly ServiceStatus[]) => boolean,
  failed?: Promise<never>,
): Promise<boolean> {
  while (!stop.aborted) {
    const statuses = await readStatuses(operator.url).catch((error: unknown) => {
      if (stop.aborted) return [];
      throw error;
    });
    narrator.seeStatuses(statuses);
    if (isDone(statuses)) return true;
    await Promise.race([
      sleep(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined),
      operator.done,
      ...(failed === undefined ? [] : [failed]),
    ]);
  }
  return false;
}

async function readStatuses(url: string): Promise<readonly ServiceStatus[]> {
  const answer = await fetch(`${url}/v1/services`, { signal: AbortSignal.timeout(5_000) });
  return serviceStatus.array().parse(await answer.json());
}

/** Stops the operator and waits for it, but not for long. */
async function ended(operator: RunHandle, stop: AbortController): Promise<void> {
  stop.abort(new Error("the session ends"));
  await Promise.race([operator.done, sleep(STOP_MS, undefined, { ref: false })]);
}
