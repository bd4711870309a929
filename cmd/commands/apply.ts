import { CONTROL_KEYS } from "../../engine/sources/control.ts";
import { heldProblems, passOnce } from "../../engine/loop/once.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { ensureSentinel } from "../../engine/sources/sources.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { withLock } from "../lock.ts";
import { clusterDuty, nodeDuty, openOnce, type Duty, type Once } from "../once.ts";
import { countsOf, reported, type RolePlan, warningsIn } from "../plan-data.ts";
import { formatPlan } from "../plan-text.ts";
import { printData, UsageError } from "../print.ts";

const WITHOUT_APPLY =
  "Nothing needs to be applied by hand while a controller runs. To take over when it is gone: --wait. For this machine's files alone: --role node.";

/** `dd-observe apply`: one pass of the roles, as the operator makes it, then the end. */
export async function apply({ flags, terminal, env }: Call): Promise<number> {
  const config = readConfig(flags, env);
  const stop = new AbortController();
  const stopNow = (): void => stop.abort(new UsageError("Stopped before the pass was done"));
  process.once("SIGTERM", stopNow);
  process.once("SIGINT", stopNow);
  try {
    const once = await openOnce(config, false, stop.signal);
    const roles: RolePlan[] = [];
    const wait =
      flags.wait === true ? (leader: string) => terminal.err(`waiting for ${leader}\n`) : undefined;
    if (flags.role !== "node") {
      roles.push(
        await withLock({ ...once, wait, hint: WITHOUT_APPLY }, async (term) => {
          await prepareKv(once);
          const led = { ...once, signal: AbortSignal.any([once.signal, term.signal]) };
          return await pass("controller", once.clusterId, await clusterDuty(led, term), led);
        }),
      );
    }
    if (flags.role !== "controller") {
      await prepareKv(once);
      const duty = await nodeDuty(once);
      roles.push(await pass("node", duty.snapshot.node.name, duty, once));
    }
    if (flags.output === "json" || flags.output === "yaml")
      await printData({ summary: countsOf(roles), roles }, flags.output, terminal);
    else terminal.out(formatPlan(roles, "done", terminal));
    return exitOf(roles);
  } finally {
    process.removeListener("SIGTERM", stopNow);
    process.removeListener("SIGINT", stopNow);
  }
}

async function pass<S extends Snapshot>(
  role: RolePlan["role"],
  name: string,
  { options, snapshot, stored }: Duty<S>,
  { signal }: Once,
): Promise<RolePlan> {
  const passed = await passOnce(options, snapshot, signal);
  await stored();
  return {
    role,
    name,
    controllers: passed.map(reported),
    held: heldProblems(snapshot),
    ...warningsIn(role, snapshot),
  };
}

/** Puts the keys that the operator puts when it starts. */
async function prepareKv({ consul, config, signal }: Once): Promise<void> {
  await ensureSentinel({ consul, prefix: config.kvPrefix }, signal);
  await consul.kvPut(CONTROL_KEYS.keep(config.statePrefix), "", { cas: 0 }, signal);
}

function exitOf(roles: readonly RolePlan[]): number {
  const { failed, withheld, problems, waiting } = countsOf(roles);
  if (failed > 0) return 1;
  return withheld + problems + waiting > 0 ? 2 : 0;
}
