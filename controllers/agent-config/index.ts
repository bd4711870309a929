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
    onBackup: ({ key, reason, text }) => deps.onBackup(NAME, key, reason, text),
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
      // A retained file makes sense only where the service still runs: elsewhere the Agent would ask a port that nobody serves.
      isRetained: (owner, snapshot) => snapshot.instances.has(owner),
    },
  };
}
