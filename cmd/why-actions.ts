import { isReserved } from "../crds/names.ts";
import type { Problem } from "../crds/problem.ts";

/** Reasons of what comes by itself. */
export const WAITING: ReadonlySet<string> = new Set([
  "WaitingForData",
  "InGrace",
  "RateLimited",
  "Unavailable",
  "Ambiguous",
  "Waiting",
  "DriftTolerated",
  "Frozen",
  "WaitingForReference",
  "WaitingForMetric",
  "WaitingForDelete",
  "HandingOver",
  "ChoosingMachine",
  "NoJob",
]);

/** Reasons of what is as wished and yet good to know. */
export const NOTED: ReadonlySet<string> = new Set(["JobOverrides", "TakenInPart", "TakenAtNextDeploy"]);

const VERIFY = "dd-observe verify shows where it gets lost on its way to Datadog.";

/** By reason: what helps where the message doesn't say it itself. */
export const ACTIONS: Readonly<Record<string, string>> = {
  NoApiKey: "Set DD_API_KEY and DD_APP_KEY where the controller runs.",
  Unauthorized: "Check the keys and their scopes where the controller runs, then restart it.",
  Rejected: "The same is not sent again: change the document.",
  DriftReported: "Set drift: correct to have it put right, or put the wish in line with it.",
  DriftTolerated: "Put the wish in line with it to keep it.",
  InUse: "It goes by itself when nothing uses it any more.",
  UnknownReference: "Correct the name, or wish the object of that name.",
  InGrace: "Bring the wish back to keep its objects.",
  RolledBack: "The Agent refused the file; the last good one stands. Change the document.",
  NoData: VERIFY,
  Partial: VERIFY,
  TagsMissing: "Somebody else sends it, or sends it otherwise. dd-observe verify shows the tags that it has.",
  Unavailable: "It is tried again by itself.",
  RateLimited: "It is tried again by itself.",
  EndpointUnreachable: "It is asked again by itself. By hand, on that machine: curl -i '<the address above>'",
  UnexpectedMetrics:
    "Point the service's endpoint at its own metrics, or give it the pack that fits what answers there.",
  ReceiverOff: "dd-observe explain receivers prints what to paste; datadog.yaml is left alone.",
  ChoosingMachine: "It comes once the node role has reported from a machine that runs the service.",
  JobOverrides: "That is the job's right. To have what is published, take them out of the task's env.",
  TakenInPart: "dd-observe env -o nomad prints a template that takes all of them.",
  TakenAtNextDeploy: "Deploy the job, or restart its tasks. change: restart has Nomad do that by itself.",
  NotLooked: "DD_OBSERVE_NOMAD_JOBS=off where the controller runs, if jobs are not to be looked into.",
  HandingOver: "If the machine is gone for good, nothing has to be done.",
};

/** What helps against a problem of a document. */
export function actionFor({ owner, reason, path }: Problem, key: string): string {
  if (reason === "NotAllowed")
    return "The operator's policy file decides what may be wished; ask who runs it.";
  if (reason === "DefaultsInvalid") return "Put _defaults right: every service inherits it.";
  if (isReserved(owner) && (reason === "UnknownName" || reason === "InvalidName" || reason === "NotKept"))
    return `Nothing reads it. Put it under its right name, or: consul kv delete ${key}`;
  if (path === undefined) return `Until it is right, what stands there stays as it is.`;
  return `Until ${key} is right, what stands there stays as it is. dd-observe explain ${isReserved(owner) ? `${owner.split("/", 1)[0]!}.` : ""}${explained(path)}`;
}

/** Names below `agent` and `monitors` are a pack's; their parents can always be explained. */
function explained(path: string): string {
  return /^(agent|monitors)\./.exec(path)?.[1] ?? path.split(".")[0]!;
}
