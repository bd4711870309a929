import type { AgentCheck } from "../../clients/agent.ts";
import type { Verdict } from "../../controllers/endpoint-probe/judge.ts";
import { packParts } from "../../controllers/pack-parts.ts";
import type { Wish } from "../../crds/resolve.ts";
import type { StoredCondition } from "../../engine/status/status.ts";
import { ACTIONS } from "../why-actions.ts";
import type { ServiceFacts } from "./gather.ts";
import type { HereFacts } from "./here.ts";
import { counted, listed, none, notLookedAt, unknown, type Finding, type StepState } from "./step.ts";

/** What the steps that happen on nodes rest on. */
export interface NodeGround {
  readonly facts: ServiceFacts;
  /** Undefined if no wish is accepted. */
  readonly wish: Wish | undefined;
  /** Undefined if the service doesn't run on this machine, or another node is asked for. */
  readonly here: HereFacts | undefined;
  /** Only this node counts. */
  readonly only: string | undefined;
}

/** What there is to say of one step on one node. */
interface NodeFinding {
  readonly node: string;
  readonly state: StepState;
  readonly message: string;
  readonly action?: string | undefined;
}

const NO_WISH = "no wish yet";
const NO_NODE_ROLE = "Run dd-observe run --role node on that machine.";

export function file(ground: NodeGround): Finding {
  const { wish, here } = ground;
  if (wish === undefined) return none(NO_WISH);
  if (!packParts(wish, "cluster").hasFile)
    return none(`pack ${wish.pack.name} needs no file: the system sends by itself`);
  return onNodes(ground, "ConfigWritten", (node, condition) => {
    const told = ofCondition(node, condition);
    const place = here?.node === node ? here.file : undefined;
    if (place === undefined) return told;
    if ("error" in place.found) return { ...told, message: `${told.message} (${place.found.error.message})` };
    const action = told.state === "broken" ? told.action : NO_NODE_ROLE;
    const why = told.state === "broken" ? `: ${told.message}` : "";
    const { value } = place.found;
    if (value === undefined)
      return { node, state: "broken", message: `there is no ${place.place}${why}`, action };
    if (value !== place.wanted)
      return { node, state: "broken", message: `${place.place} is not as wished${why}`, action };
    return {
      node,
      state: told.state === "broken" ? "broken" : "well",
      message: `${place.place} is as wished`,
      action: told.action,
    };
  });
}

/** Whether the endpoints answer, as the nodes say. */
export function endpoint(ground: NodeGround): Finding {
  const { wish, here } = ground;
  if (wish === undefined) return none(NO_WISH);
  const { hasFile, probe } = packParts(wish, "cluster");
  if (!hasFile && probe === undefined) return none(`pack ${wish.pack.name} has no endpoint to ask`);
  return onNodes(ground, "EndpointReachable", (node, condition) => {
    const asked = here?.node === node ? here.endpoints : [];
    const told = asked.length > 0 ? ofAnswers(node, asked) : ofCondition(node, condition);
    const action = `dd-observe describe ${wish.service} shows how the system must be set up.`;
    return told.state === "broken" ? { ...told, action: told.action ?? action } : told;
  });
}

export function receivers(ground: NodeGround): Finding {
  const { wish } = ground;
  if (wish === undefined) return none(NO_WISH);
  const needed = packParts(wish, "cluster").receivers;
  if (needed.length === 0) return none(`pack ${wish.pack.name} sends nothing to the Agent by itself`);
  return onNodes(ground, "ReceiversReady", ofCondition);
}

export function agent(ground: NodeGround): Finding {
  const { wish, here } = ground;
  if (wish === undefined) return none(NO_WISH);
  if (!packParts(wish, "cluster").hasFile) return none("the Agent runs no check for it");
  return onNodes(ground, "AgentLoaded", (node, condition) => {
    const told = ofCondition(node, condition);
    if (here?.node !== node) return told;
    if ("error" in here.agent)
      return told.state === "unknown"
        ? { ...told, message: here.agent.error.message, action: here.agent.error.hint }
        : told;
    const { checks, complaints } = here.agent.value;
    if (complaints.length > 0 && checks.length === 0)
      return {
        node,
        state: "broken",
        message: `the Agent refuses the file: ${complaints.join("; ")}`,
        action: "Change the document. datadog-agent configcheck says more.",
      };
    if (checks.length === 0)
      return {
        node,
        state: "broken",
        message: "the Agent has not loaded the file",
        action:
          "Restart the Agent, or let it learn of new files: DD_OBSERVE_AGENT_RELOAD, or autoconf_config_files_poll in datadog.yaml.",
      };
    return ofRuns(node, checks, told);
  });
}

/** What the Agent counts of the instances of one file. */
function ofRuns(node: string, checks: readonly AgentCheck[], told: NodeFinding): NodeFinding {
  const failing = checks.find(({ lastError }) => lastError !== "");
  const sum = (count: (check: AgentCheck) => number): number =>
    checks.reduce((total, check) => total + count(check), 0);
  const counts = [
    counted(
      sum(({ runs }) => runs),
      "run",
    ),
    counted(
      sum(({ errors }) => errors),
      "error",
    ),
    `${counted(
      sum(({ metricSamples }) => metricSamples),
      "sample",
    )} in the last run`,
  ].join(", ");
  if (failing !== undefined)
    return {
      node,
      state: "broken",
      message: `${failing.lastError.split("\n")[0]!} (${counts})`,
      action: told.action ?? "Look at the step before: mostly the endpoint doesn't answer.",
    };
  if (checks.some(({ runs }) => runs === 0))
    return { node, state: "unknown", message: "the check has not run yet", action: "It takes some 15 s." };
  return { node, state: told.state === "broken" ? "broken" : "well", message: counts, action: told.action };
}

/** One finding of all nodes: the gravest says what is so. */
function onNodes(
  { facts, only }: NodeGround,
  type: string,
  judge: (node: string, condition: StoredCondition | "silent" | undefined) => NodeFinding,
): Finding {
  const findings: NodeFinding[] = [];
  for (const [node, status] of facts.nodes) {
    if (only !== undefined && node !== only) continue;
    if ("error" in status) {
      const { message, action } = notLookedAt(status.error);
      findings.push({ node, state: "unknown", message, action });
      continue;
    }
    const condition =
      status.value === undefined ? "silent" : status.value.conditions.find((one) => one.type === type);
    findings.push(judge(node, condition));
  }
  if (findings.length === 0)
    return unknown(only === undefined ? "no node runs it" : `${only} doesn't run it`);
  for (const state of ["broken", "unknown"] as const) {
    const [first, ...others] = findings.filter((one) => one.state === state);
    if (first === undefined) continue;
    const share = findings.length === 1 ? "" : `${others.length + 1} of ${findings.length} nodes: `;
    const details = findings.length === 1 ? [] : findings.map(({ node, message }) => `${node}: ${message}`);
    const where = findings.length === 1 ? `${first.node}: ` : "";
    return { state, message: `${share}${where}${first.message}`, details, action: first.action };
  }
  const details = findings.map(({ node, message }) => `${node}: ${message}`);
  return details.length === 1
    ? { state: "well", message: details[0]! }
    : { state: "well", message: `on ${listed(findings.map(({ node }) => node))}`, details };
}

/** What the endpoints answered just now: the gravest says what is so. */
function ofAnswers(node: string, verdicts: readonly Verdict[]): NodeFinding {
  const wrong = verdicts.find(({ reason }) => reason !== "Answers");
  const message = (wrong ?? verdicts[0]!).message;
  return { node, state: wrong === undefined ? "well" : "broken", message: `${message} (asked now)` };
}

/** What a node's condition comes to. */
function ofCondition(node: string, condition: StoredCondition | "silent" | undefined): NodeFinding {
  if (condition === "silent")
    return { node, state: "broken", message: "no node role has reported from there", action: NO_NODE_ROLE };
  if (condition === undefined) return { node, state: "unknown", message: "its node role has not said yet" };
  const { status, reason, message } = condition;
  const state = status === "True" ? "well" : status === "False" ? "broken" : "unknown";
  return { node, state, message, action: status === "True" ? undefined : ACTIONS[reason] };
}
