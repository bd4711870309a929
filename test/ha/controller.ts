import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { TermOf } from "./judge.ts";
import type { Place } from "./network.ts";

const ENTRY = fileURLToPath(new URL("../../cmd/dd-observe.ts", import.meta.url));

/** One process of the controller role. */
export interface ControllerProcess {
  /** Unlike that of any other process of this play. */
  readonly name: string;
  readonly place: Place | undefined;
  readonly isRunning: boolean;
  /** What it said of itself last. */
  readonly standing: "leader" | "spare" | "unknown";
  /** The terms that it has had, and when each began on the monotonic clock of this process. */
  readonly terms: readonly (TermOf & { readonly at: number })[];
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  signal(name: NodeJS.Signals): void;
  /** Ends once it has ended. */
  readonly ended: Promise<void>;
}

const STANDINGS: Readonly<Record<string, ControllerProcess["standing"]>> = {
  leading: "leader",
  "standing by": "spare",
  "leadership unknown": "unknown",
};

const KEPT_LINES = 2_000;

export function startController(
  name: string,
  env: Readonly<Record<string, string>>,
  place: Place | undefined,
): ControllerProcess {
  const command = [...(place?.enter ?? []), process.execPath, ENTRY, "run"];
  const [program = "", ...args] = command;
  const child = spawn(program, [...args, "--role", "controller"], {
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Record<string, unknown>[] = [];
  const terms: (TermOf & { at: number })[] = [];
  let standing: ControllerProcess["standing"] = "unknown";
  let isRunning = true;
  let rest = "";
  const take = (line: Record<string, unknown>): void => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    const now = STANDINGS[String(line["message"])];
    if (now === undefined) return;
    standing = now;
    if (now === "leader") terms.push({ writer: name, epoch: Number(line["epoch"]), at: performance.now() });
  };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part.startsWith("{")) take(JSON.parse(part) as Record<string, unknown>);
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      isRunning = false;
      resolve();
    });
  });
  return {
    name,
    place,
    get isRunning() {
      return isRunning;
    },
    get standing() {
      return isRunning ? standing : "unknown";
    },
    terms,
    lines,
    signal: (signal) => void child.kill(signal),
    ended,
  };
}
