import { isReserved } from "../../crds/names.ts";
import { toError } from "../../clients/errors.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { NodeDeps } from "../deps.ts";
import { compileAgentConfig } from "./compile.ts";
import { parseReload } from "./reload.ts";
import { agentConfigTarget } from "./target.ts";

const NAME = "agent-config";

/** The Datadog Agent's files on one machine. */
export function agentConfig(deps: NodeDeps): Registration<NodeSnapshot> {
  const target = agentConfigTarget({
    confd: deps.confdDir,
    clusterId: deps.clusterId,
    agent: deps.agentUrl,
    reload: parseReload(deps.agentReload),
    nomad: deps.nomadPlace,
    // The text is in the log and the last good file on the disk: a backup that Consul doesn't take stops nothing here.
    onBackup: ({ key, reason, text }) =>
      void deps.onBackup(NAME, key, reason, text).catch((error: unknown) => {
        deps.log.warn({ controller: NAME, key, error: toError(error).message }, "backup not stored");
      }),
    log: deps.log,
    readOnly: deps.isDryRun,
  });
  return {
    watchTarget: (onChange, signal) => target.watchEdits(onChange, signal),
    controller: {
      name: NAME,
      scope: "node",
      condition: "ConfigWritten",
      noun: "file",
      compile: compileAgentConfig(deps),
      target,
      concerns: (owner) => !isReserved(owner),
      // A retained file makes sense only where the service still runs: elsewhere the Agent would ask a port that nobody serves.
      isRetained: (owner, snapshot) => snapshot.instances.has(owner),
    },
  };
}
