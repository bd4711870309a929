import { evaluatorReader, evaluatorWriter } from "../../clients/datadog-evaluators.ts";
import type { Resolution } from "../../crds/resolve.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import { Memory } from "../../engine/plan/memory.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { registerKind } from "../datadog/registration.ts";
import type { ClusterDeps } from "../deps.ts";
import type { EvaluatorBody } from "./canonical.ts";
import { compileEvaluators } from "./compile.ts";
import { evaluatorKind } from "./kind.ts";

const NAME = "evaluators";
const CONDITION = "EvaluatorsSynced";

/** The LLM Observability evaluators that services wish. Datadog marks their API as unstable, so that there is a switch. */
export function evaluators(deps: ClusterDeps): Registration<Snapshot> {
  const { clusterId, isDryRun } = deps;
  if (deps.evaluators !== true)
    return {
      waiting: {
        name: NAME,
        condition: CONDITION,
        reason: "SwitchedOff",
        message:
          "evaluators are not kept, since Datadog may still change their API. Set DD_OBSERVE_EVALUATORS=on for the controller, and they follow",
        isSaidOf: wishesEvaluators,
      },
    };
  const memory = new Memory();
  const compile = compileEvaluators(clusterId);
  let wished: ReadonlyMap<string, DesiredObject<EvaluatorBody>> = new Map();
  return registerKind(deps, {
    name: NAME,
    condition: CONDITION,
    noun: "evaluator",
    needsNoFirstLook: true,
    memory,
    compile(snapshot) {
      const desired = compile(snapshot);
      wished = desired.objects;
      for (const [key, { owner, retain }] of wished) memory.move(key, { owner, retain });
      return desired;
    },
    kind: ({ transport }) =>
      evaluatorKind({
        datadog: isDryRun ? evaluatorReader(transport) : evaluatorWriter(transport),
        clusterId,
        memory,
        wished: () => wished,
      }),
  });
}

function wishesEvaluators(resolution: Resolution): boolean {
  return resolution.state === "accepted" && Object.keys(resolution.wish.evaluators).length > 0;
}
