import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { ensureReadable } from "../facts.ts";
import { clusterDuty, nodeDuty, openOnce, type Duty, type Once } from "../once.ts";
import { countsOf, previewed, type RolePlan } from "../plan-data.ts";
import { formatPlan } from "../plan-text.ts";
import { printData } from "../print.ts";
import { heldProblems, previewOnce } from "../../engine/loop/once.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";

/** `dd-observe plan`: what the operator would do now. Writes nothing, anywhere. */
export async function plan({ flags, terminal, env }: Call): Promise<number> {
  const config = readConfig(flags, env);
  const once = await openOnce(config, true, new AbortController().signal);
  const hasRun = await ensureReadable(once.consul, config.kvPrefix);
  const roles: RolePlan[] = [];
  if (flags.role !== "node")
    roles.push(await preview("controller", once.clusterId, await clusterDuty(once), once));
  if (flags.role !== "controller") {
    const duty = await nodeDuty(once);
    roles.push(await preview("node", duty.snapshot.node.name, duty, once));
  }

  if (flags.output === "json" || flags.output === "yaml")
    await printData({ summary: countsOf(roles), roles }, flags.output, terminal);
  else {
    if (!hasRun)
      terminal.err(
        `dd-observe has not run here yet: "${config.kvPrefix}/.keep" is not there. This is what its first run would do.\n\n`,
      );
    terminal.out(formatPlan(roles, "planned", terminal));
  }
  return exitOf(roles);
}

async function preview<S extends Snapshot>(
  role: RolePlan["role"],
  name: string,
  { options, snapshot }: Duty<S>,
  { signal }: Once,
): Promise<RolePlan> {
  const passed = await previewOnce(options, snapshot, signal);
  return { role, name, controllers: passed.map(previewed), held: heldProblems(snapshot) };
}

function exitOf(roles: readonly RolePlan[]): number {
  const { failed, unchanged: _unchanged, waiting: _waiting, ...something } = countsOf(roles);
  if (failed > 0) return 1;
  return Object.values(something).some((count) => count > 0) ? 2 : 0;
}
