import { ApiError } from "../../clients/errors.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Preview } from "../../engine/loop/loop-options.ts";
import { keyOf, ownerOf } from "../../engine/plan/plan.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { ensureReadable } from "../facts.ts";
import { clusterDuty, nodeDuty, openOnce, type Duty, type Once } from "../once.ts";
import { countsOf, previewed, type RolePlan, warningsIn } from "../plan-data.ts";
import { formatPlan } from "../plan-text.ts";
import { printData } from "../print.ts";
import { heldProblems, previewOnce } from "../../engine/loop/once.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";

/** `dd-observe plan`: what the operator would do now. Writes nothing, anywhere. */
export async function plan({ flags, terminal, env }: Call): Promise<number> {
  const config = readConfig(flags, env);
  const once = await openOnce(config, true, new AbortController().signal);
  const hasRun = await ensureReadable(once.consul, config.kvPrefix);
  const isValidated = flags.validate === true;
  const roles: RolePlan[] = [];
  if (flags.role !== "node")
    roles.push(await preview("controller", once.clusterId, await clusterDuty(once), once, isValidated));
  if (flags.role !== "controller") {
    const duty = await nodeDuty(once);
    roles.push(await preview("node", duty.snapshot.node.name, duty, once, isValidated));
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
  isValidated: boolean,
): Promise<RolePlan> {
  const passed = await previewOnce(options, snapshot, signal);
  const controllers = await Promise.all(
    passed.map(async (one) => {
      const planned = previewed(one);
      if (!isValidated || !("result" in one)) return planned;
      const refused = await refusals(options, one.controller, one.result, signal);
      return { ...planned, problems: [...planned.problems, ...refused] };
    }),
  );
  return { role, name, controllers, held: heldProblems(snapshot), ...warningsIn(role, snapshot) };
}

/** What the other system says that it would refuse. */
async function refusals<S extends Snapshot>(
  { registrations }: Duty<S>["options"],
  name: string,
  { plan: { actions } }: Preview<unknown>,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const target = registrations.flatMap((one) =>
    "controller" in one && one.controller.name === name ? [one.controller.target] : [],
  )[0];
  const problems: Problem[] = [];
  for (const action of actions) {
    try {
      await target?.validate?.(action, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.failure !== "rejected") throw error;
      problems.push({
        owner: ownerOf(action),
        reason: "Rejected",
        message: `${keyOf(action)}: ${error.message}`,
      });
    }
  }
  return problems;
}

function exitOf(roles: readonly RolePlan[]): number {
  const { failed, unchanged: _unchanged, waiting: _waiting, ...something } = countsOf(roles);
  if (failed > 0) return 1;
  return Object.values(something).some((count) => count > 0) ? 2 : 0;
}
