import { frozenUntil, type FreezeWindow } from "../../../crds/freeze.ts";
import type { NomadSelf } from "../../../clients/nomad.ts";
import type { RestartOrder } from "./choose.ts";
import type { Gate } from "./decide.ts";

export interface RestartRules {
  readonly order: RestartOrder;
  readonly windows: readonly FreezeWindow[];
  readonly approve: boolean;
  readonly comeBackMs: number;
  readonly settleMs: number;
}

/** What is wished of a machine's Nomad, as far as a restart is concerned. */
export interface RestartWish {
  readonly rules: RestartRules;
  /** Grows with each change of the document. */
  readonly generation: number;
  /** What a person approves: the same on all machines. */
  readonly approval: string;
  readonly isPaused: boolean;
  /** Tells two versions of this machine's file apart. */
  readonly file: string;
  /** In which way Nomad doesn't run with what its files say. Undefined if it does. */
  differenceFrom(self: NomadSelf): string | undefined;
}

/** What keeps all machines from beginning. Every machine comes to the same answer. */
export function gateOf(
  { rules, isPaused, approval }: Pick<RestartWish, "rules" | "isPaused" | "approval">,
  approved: ReadonlySet<string>,
  nowMs: number,
): Gate | undefined {
  if (isPaused) return { reason: "Paused", message: "Nomad's telemetry is paused; dd-observe resume _nomad" };
  if (rules.approve && !approved.has(approval))
    return {
      reason: "WaitingForApproval",
      message: `no Nomad agent is restarted until a person says so: dd-observe approve ${approval}`,
    };
  const { windows } = rules;
  if (windows.length > 0 && frozenUntil(windows, nowMs) === undefined)
    return { reason: "WaitingForWindow", message: `restarts begin ${windows.map(inWords).join(", or ")}` };
  return undefined;
}

function inWords({ from, to, days, timezone }: RestartRules["windows"][number]): string {
  if (from.length > 5) return `from ${from} to ${to}`;
  const when = days === undefined ? "daily" : days.join(", ");
  return `${when} from ${from} to ${to} (${timezone ?? "UTC"})`;
}
