import type { ConditionStatus } from "../../engine/status/status.ts";
import type { ClusterFacts } from "../facts.ts";
import { ago, type Cell } from "../table.ts";
import type { Paint, Style } from "../terminal.ts";

const STATUS_STYLES: Readonly<Record<ConditionStatus, Style>> = {
  True: "green",
  False: "red",
  Unknown: "yellow",
};

export function statusCell(status: ConditionStatus): Cell {
  return { text: status, style: STATUS_STYLES[status] };
}

export function sinceCell(at: string | undefined, now = Date.now()): string {
  return at === undefined ? "" : ago(now - Date.parse(at));
}

const STATE_STYLES: Readonly<Record<string, Style>> = { OK: "green", Alert: "red", Warn: "yellow" };

export function stateCell(state: string | undefined, id: number | undefined, isWanted: boolean): Cell {
  if (id === undefined) return { text: "not made yet", style: "yellow" };
  if (!isWanted) return { text: "to go", style: "dim" };
  return { text: state ?? "?", style: state === undefined ? "dim" : (STATE_STYLES[state] ?? "yellow") };
}

/** Who leads, and since when. */
export function leaderLine({ leader, hasRun }: ClusterFacts, paint: Paint, now = Date.now()): string {
  if (leader !== undefined) {
    const sinceMs = Date.parse(leader.since);
    const since = Number.isNaN(sinceMs) ? "" : ` for ${ago(now - sinceMs)}, since ${leader.since}`;
    return `controller: ${leader.holder} leads${since}`;
  }
  return paint(
    "yellow",
    hasRun
      ? "controller: none runs. What is listed is what the last one said."
      : "controller: none has ever run here. Start one with dd-observe run.",
  );
}
