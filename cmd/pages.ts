import type { Board } from "../engine/board.ts";
import type { Standing } from "../engine/lease.ts";
import type { Page } from "../engine/server.ts";
import type { Role } from "./config.ts";

interface PagesOptions {
  readonly role: Role;
  readonly clusterId: string;
  readonly boards: ReadonlyMap<string, Board>;
  readonly standing: () => Standing | undefined;
}

/** The read-only pages of a running process, as JSON. */
export function pagesOf({
  role,
  clusterId,
  boards,
  standing,
}: PagesOptions): Readonly<Record<string, () => Page>> {
  return {
    "/v1/process": () => json({ role, clusterId, standing: standingOf(standing()) }),
    "/v1/services": () => json([...boards.values()].flatMap((board) => board.all())),
  };
}

function standingOf(standing: Standing | undefined): unknown {
  return standing?.role === "unknown" ? { role: "unknown", error: standing.error.message } : standing;
}

function json(value: unknown): Page {
  return { type: "application/json", body: `${JSON.stringify(value, undefined, 2)}\n` };
}
