import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

import { processEnv } from "./config.ts";

/** How this program came to the machine. */
export interface Installation {
  /** Where `dd-observe dev` keeps its files. Nobody else can plant one there. */
  readonly devDir: string;
  /** What a person types to start it. */
  readonly command: string;
}

/** Set by the build of the release file: it stands alone, without sources beside it. */
declare const DD_OBSERVE_RELEASE: boolean | undefined;

export const installation: Installation = typeof DD_OBSERVE_RELEASE === "undefined" ? checkout() : release();

function checkout(): Installation {
  const root = path.join(import.meta.dirname, "..");
  return {
    devDir: path.join(root, ".dev"),
    command: `${nodeCommand()} ${typed(path.join(root, "cmd", "dd-observe.ts"))}`,
  };
}

function release(): Installation {
  const state = processEnv()["XDG_STATE_HOME"] ?? path.join(homedir(), ".local", "state");
  const [, script = ""] = process.argv;
  // Of a single executable both are the same file.
  const isAlone = script === process.execPath || !script.endsWith("js");
  return {
    devDir: path.join(state, "dd-observe", "dev"),
    command: isAlone ? program(process.execPath) : `node ${typed(script)}`,
  };
}

/** Without a folder a shell would look for it on the PATH. */
function program(file: string): string {
  const name = typed(file);
  return name.includes(path.sep) ? name : `.${path.sep}${name}`;
}

/** A path as it can be typed in the folder that the program was started in. */
export function typed(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith("..") ? file : relative;
}

/** Node as a person can type it: this project's own if that runs us, since the machine's may be too old. */
function nodeCommand(): string {
  const own = path.join("node_modules", ".bin", "node");
  return process.execPath.includes("node_modules") && existsSync(own) ? own : "node";
}
