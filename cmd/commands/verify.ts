import { setTimeout as sleep } from "node:timers/promises";

import { readOnlyConsul } from "../../clients/consul-read-only.ts";
import { isReserved } from "../../crds/names.ts";
import type { Call } from "../call.ts";
import { durationOf, readConfig } from "../config.ts";
import { openConsul, packsOf } from "../connect.ts";
import { printData, UsageError } from "../print.ts";
import type { Step } from "../verify/step.ts";
import { firstBreak, formatStep, formatWalk } from "../verify/text.ts";
import { walk, type WalkOptions } from "../verify/walk.ts";

const AGAIN_MS = 2_000;

/** `dd-observe verify`: walks the way from Consul to Datadog and says where it breaks. */
export async function verify(call: Call): Promise<number> {
  const { args, flags, terminal, env } = call;
  const service = args[0] ?? "";
  if (isReserved(service))
    throw new UsageError(
      `${service} is no service`,
      `What belongs to no service has no way to walk: dd-observe describe ${service}`,
    );
  const waitMs = typeof flags.wait === "string" ? waitOf(flags.wait) : 0;
  const config = readConfig(flags, env);
  const options: WalkOptions = {
    config,
    consul: readOnlyConsul(openConsul(config)),
    packs: packsOf(config),
    service,
    only: flags.node,
    asksEndpoints: flags.here === true,
  };
  const isForPrograms = flags.output === "json" || flags.output === "yaml";
  const steps = await walkPatiently(call, options, waitMs, isForPrograms);
  const broken = firstBreak(steps);
  const exit = broken !== undefined ? 2 : steps.some(({ state }) => state === "unknown") ? 1 : 0;
  if (flags.output === "json" || flags.output === "yaml") {
    await printData({ service, isWell: exit === 0, breaksAt: broken?.step, steps }, flags.output, terminal);
    return exit;
  }
  const { width, paint } = terminal;
  terminal.out(formatWalk(service, steps, { width, paint, isWide: flags.output === "wide" }));
  return exit;
}

/** Walks again and again until all is well or the time is over, and shows each step as it changes. */
async function walkPatiently(
  { terminal }: Call,
  options: WalkOptions,
  waitMs: number,
  isQuiet: boolean,
): Promise<readonly Step[]> {
  const endMs = performance.now() + waitMs;
  const look = { width: terminal.width, paint: terminal.paint, isWide: false };
  let told: ReadonlyMap<string, string> | undefined;
  for (;;) {
    const steps = await walk(options);
    const isWell = steps.every(({ state }) => state === "well" || state === "none");
    if (isWell || performance.now() + AGAIN_MS > endMs) {
      if (told !== undefined && !isQuiet) terminal.out("\n");
      return steps;
    }
    if (!isQuiet) {
      if (told === undefined)
        terminal.out(
          `${terminal.paint("dim", `waiting for ${options.service} to be well; Ctrl-C ends it`)}\n`,
        );
      const first = firstBreak(steps);
      // Of what changes only in its numbers there is nothing to say.
      for (const step of steps)
        if (told?.get(step.step) !== step.state)
          terminal.out(formatStep({ ...step, details: [] }, look, step === first));
    }
    told = new Map(steps.map(({ step, state }) => [step, state]));
    await sleep(AGAIN_MS);
  }
}

function waitOf(text: string): number {
  const ms = durationOf(text);
  if (ms !== undefined) return ms;
  throw new UsageError(`--wait is ${JSON.stringify(text)}, but must be a duration such as 90s, 5m or 1h30m`);
}
