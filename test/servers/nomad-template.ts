import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

import { binary } from "./binary.ts";

/** What renders a job's templates as a Nomad client does: `NOMAD_TEMPLATE_BIN`, built from the folder beside this file. */
export function nomadTemplateBinary(): string | undefined {
  return binary("NOMAD_TEMPLATE_BIN", "nomad-template");
}

/** Why a test that renders templates is left out. */
export const NO_NOMAD_TEMPLATE =
  "skipped: no nomad-template (set NOMAD_TEMPLATE_BIN; go build in test/servers/nomad-template makes it)";

export interface Rendering {
  /** Consul's address, such as `http://127.0.0.1:8500`. */
  readonly consul: string;
  /** For Consul, where it has ACLs. */
  readonly token?: string;
  /** Nomad's address, for `nomadVar`. */
  readonly nomad?: string;
  /** What the task has before, and `attr.…` of the machine. */
  readonly env: Readonly<Record<string, string>>;
  /** A part of a job's task, in HCL. */
  readonly hcl: string;
  /** How long to wait for what is missing; 20 s if absent. */
  readonly timeoutMs?: number;
}

export interface Rendered {
  /** What Nomad reads from the rendered files. `null` while something is missing. */
  readonly env: Readonly<Record<string, string>> | null;
  readonly missing: readonly string[];
  /** What HCL makes of the text: `template`, `artifact`, with its fields as text; `options.checksum` stands in a block within. */
  readonly blocks: readonly {
    readonly type: string;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
}

/** Reads HCL, renders its templates by consul-template, and reads the files as Nomad does. */
export async function renderTemplates({
  nomad = "",
  timeoutMs = 20_000,
  ...rest
}: Rendering): Promise<Rendered> {
  const program = nomadTemplateBinary();
  if (program === undefined) throw new Error(NO_NOMAD_TEMPLATE);
  // Nothing of this machine's own Consul and Nomad.
  const child = spawn(program, { env: { PATH: process.env["PATH"] ?? "" }, stdio: "pipe" });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.stdin.end(JSON.stringify({ nomad, timeoutMs, ...rest }));
  const [output, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const code = await ended;
  if (code !== 0) throw new Error(`nomad-template ended with code ${code}: ${said}`);
  return JSON.parse(output) as Rendered;
}
