import type { Condition } from "../../../engine/status/status.ts";
import type { Decision, View } from "./decide.ts";
import type { Progress } from "./progress.ts";

export const NOMAD_RESTARTED = "NomadRestarted";

/** What a person does about a failed restart. */
export const GO_ON = "dd-observe resume _nomad, or a changed document, lets the others go on";

/** What a machine says of its restart. Undefined if there is nothing to say. Pure. */
export function conditionOf(progress: Progress, view: View, decision: Decision): Condition | undefined {
  const say = (status: Condition["status"], reason: string, message: string): Condition => ({
    type: NOMAD_RESTARTED,
    status,
    reason,
    message,
  });
  const isOurs = progress.step !== "idle" && progress.node === view.node;
  if (progress.step === "failed" && (isOurs || view.isWaiting) && decision.do === "release") {
    const who = isOurs ? "" : `${progress.node}: `;
    return say("False", "RestartFailed", `${who}${progress.message}. ${GO_ON}`);
  }
  if (decision.do === "wait") return say("Unknown", decision.reason, decision.message);
  if (isOurs && progress.step !== "turn") return say("Unknown", ...DOING[progress.step]);
  if (!view.isWaiting)
    return view.file === undefined || !view.agent.isUp
      ? undefined
      : say("True", "NotNeeded", "Nomad runs with what its files say");
  if (view.gate !== undefined) return say("Unknown", view.gate.reason, view.gate.message);
  const before =
    progress.step === "idle" || isOurs
      ? "it is about to be said who is first"
      : `${progress.node} is ${progress.step === "turn" ? "next" : "being restarted"}`;
  return say("Unknown", "WaitingForTurn", `one Nomad agent is restarted at a time; ${before}`);
}

const DOING: Readonly<Record<Exclude<Progress["step"], "idle" | "turn">, [reason: string, message: string]>> =
  {
    restarting: ["Restarting", "Nomad is being restarted"],
    settling: ["Settling", "Nomad runs again; what runs on it must come back"],
    rollingBack: ["RollingBack", "Nomad didn't come back, and gets the file that it ran with before"],
    failed: ["RestartFailed", GO_ON],
  };
