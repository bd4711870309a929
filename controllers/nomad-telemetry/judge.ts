import type { ApiError } from "../../clients/errors.ts";
import type { NomadSelf } from "../../clients/nomad.ts";
import type { Condition } from "../../engine/status/status.ts";
import { FILE_NAME, type FileTelemetry } from "./file.ts";
import { differencesOf, disputesOf, joinTelemetry, type Difference, type Dispute } from "./merge.ts";

/** What is known of the agent that runs. */
export type LiveNomad =
  | { readonly state: "unreachable"; readonly error: ApiError }
  | { readonly state: "running"; readonly self: NomadSelf; readonly servesPrometheus: boolean };

export interface TelemetryFacts {
  /** Our file as it stands in the folder. */
  readonly ours: FileTelemetry;
  readonly others: readonly FileTelemetry[];
  /** Other files that can't be read, and why. */
  readonly unreadable: readonly { readonly name: string; readonly why: string }[];
  readonly live: LiveNomad;
  /** Services of this machine whose metrics the Agent reads from Nomad. */
  readonly scraped: readonly string[];
}

export const TELEMETRY_ACTIVE = "TelemetryActive";
export const TELEMETRY_UNDISPUTED = "TelemetryUndisputed";

/** Whether Nomad runs with our file, and whether anything stands against it. Pure. */
export function judgeTelemetry(facts: TelemetryFacts): readonly Condition[] {
  return [active(facts), undisputed(facts)];
}

function active({ ours, others, live }: TelemetryFacts): Condition {
  const say = (status: Condition["status"], reason: string, message: string): Condition => ({
    type: TELEMETRY_ACTIVE,
    status,
    reason,
    message,
  });
  if (live.state === "unreachable") {
    const { message, hint } = live.error;
    return say("Unknown", "AgentUnreachable", hint === undefined ? message : `${message}. ${hint}`);
  }
  const { self, servesPrometheus } = live;
  const effective = joinTelemetry([...others, ours]);
  const differences = differencesOf(ours, effective, self.telemetry);
  const loaded = self.files.find((path) => path === FILE_NAME || path.endsWith(`/${FILE_NAME}`));
  if (differences.length > 0 || loaded === undefined) {
    const why = loaded === undefined ? [`${FILE_NAME} was not there when it started`] : [];
    const changes = differences.length === 0 ? [] : [differences.map(inWords).join(", ")];
    return say(
      "False",
      "RestartRequired",
      `Nomad reads telemetry when it starts, and not again at a reload; restart it: ${[...why, ...changes].join("; ")}`,
    );
  }
  if (effective.get("prometheus_metrics")?.value === true && !servesPrometheus)
    return say(
      "False",
      "NotServed",
      "Nomad says that prometheus_metrics is on, and answers 415 to /v1/metrics?format=prometheus; another agent may answer at NOMAD_ADDR",
    );
  return say("True", "Active", `Nomad ${self.version} runs with ${loaded}`);
}

function inWords({ hcl, live, wanted }: Difference): string {
  return `${hcl}: ${live === undefined || live === null ? "nothing" : JSON.stringify(live)} → ${JSON.stringify(wanted)}`;
}

function undisputed({ ours, others, unreadable, scraped }: TelemetryFacts): Condition {
  const disputes = disputesOf(ours, others);
  const type = TELEMETRY_UNDISPUTED;
  if (disputes.length > 0)
    return { type, status: "False", reason: "OtherFile", message: disputes.map(disputeInWords).join("; ") };
  const effective = joinTelemetry([...others, ours]);
  const address = effective.get("datadog_address");
  if (scraped.length > 0 && address !== undefined && address.value !== "") {
    const who =
      address.from === FILE_NAME ? "telemetry.datadogAddress" : `datadog_address in ${address.from}`;
    const message = `Nomad sends its metrics by itself (${who}), and the Agent reads them for ${scraped.join(", ")}: all is counted twice. Leave one out, or set agent: {source: dogstatsd} there`;
    return { type, status: "False", reason: "SentTwice", message };
  }
  const [first] = unreadable;
  if (first !== undefined)
    return {
      type,
      status: "Unknown",
      reason: "FileUnreadable",
      message: `${first.name} can't be read, so what it says of telemetry isn't known: ${first.why}`,
    };
  return { type, status: "True", reason: "Undisputed", message: "no other file says otherwise" };
}

/** A switch that another file turned on can't be turned off: Nomad takes `false` for "not stated". */
function disputeInWords({ hcl, ours, effective, file }: Dispute): string {
  const [wanted, found] = [JSON.stringify(ours), JSON.stringify(effective)];
  if (ours === false)
    return `${hcl} stays true: ${file} sets it, and Nomad can't set it back to false; take it out there`;
  return `${hcl} comes to ${found} instead of ${wanted}: ${file} says so; take it out there`;
}
