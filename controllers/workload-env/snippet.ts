import type { Instrumentation } from "../../crds/instrumentation.ts";
import { templateText } from "./template.ts";

/** The archive of the preload, which a job fetches. */
export interface PreloadArchive {
  /** Version of this program: the archive of another one may not have what the environment asks for. */
  readonly version: string;
  /** Where it is kept, as Nomad's `artifact` takes it. Undefined: a person fills it in. */
  readonly source?: string | undefined;
  /** `sha256:…`. Undefined: a person fills it in. */
  readonly checksum?: string | undefined;
}

export interface SnippetOptions {
  readonly service: string;
  readonly statePrefix: string;
  readonly instrumentation: Instrumentation;
  readonly preload: PreloadArchive;
}

/** Up to this long later does each of a job's tasks restart, so that not all do at once. */
const SPLAY = "30s";

/** What a person pastes into a job's `task`, in HCL. */
export function jobSnippet({ service, statePrefix, instrumentation, preload }: SnippetOptions): string {
  const blocks = [
    ...(instrumentation.inject ? [artifactBlock(preload)] : []),
    templateBlock({ service, statePrefix, instrumentation }),
  ];
  const notes = notesOn(instrumentation).map((note) => `# ${note}\n`);
  return `# For the task of ${service}. What the task sets itself in env { } is never overridden.\n${notes.join("")}${blocks.join("\n")}`;
}

function artifactBlock({ version, source, checksum }: PreloadArchive): string {
  const name = `dd-observe-preload-${version}.tar.gz`;
  const yours = (value: string | undefined, what: string): string =>
    value === undefined ? ` # ${what}` : "";
  return `# The preload. A task whose artifact can't be fetched doesn't start: keep the archive near.
artifact {
  source      = ${inHcl(source ?? `https://artifacts.example.com/${name}`)}${yours(source, "where you keep it")}
  destination = "local/dd-observe"
  options {
    checksum = ${inHcl(checksum ?? "sha256:…")}${yours(checksum, "from SHA256SUMS of the release")}
  }
}
`;
}

function templateBlock({
  service,
  statePrefix,
  instrumentation,
}: Pick<SnippetOptions, "service" | "statePrefix" | "instrumentation">): string {
  const { change, whenMissing, langfuse, nomadVariable } = instrumentation;
  const restart = change === "restart" ? `\n  splay       = "${SPLAY}"` : "";
  const missing =
    whenMissing === "insist"
      ? `The task waits until ${nomadVariable ? "the job's Nomad Variable is there" : "the environment is published"}`
      : "While nothing is published, the task starts without it";
  const changed =
    change === "restart" ? "a change restarts it" : "a change is taken up at the next deployment";
  const needs = langfuse?.keys === undefined && !nomadVariable ? "" : " Needs Nomad 1.4.";
  return `# ${missing}; ${changed}.${needs}
# Keep it before other templates with env = true: the last one wins.
template {
  destination = "secrets/dd-observe.env"
  env         = true
  change_mode = "${change}"${restart}
  data        = <<-EOT
${templateText({ service, statePrefix, instrumentation }).replaceAll(/^(?=.)/gm, "    ")}    EOT
}
`;
}

/** What else the task needs, which a template can't give. */
function notesOn({ mode, inject, language }: Instrumentation): readonly string[] {
  const notes: string[] = [];
  if (mode === "local")
    notes.push(
      "In a network of its own (bridge, none) a task's 127.0.0.1 is not the machine's: say mode: hostip.",
    );
  if (mode === "hostip")
    notes.push("The Agent must take what comes from outside of 127.0.0.1: dd-observe explain receivers.");
  if (mode === "socket")
    notes.push('With Docker, mount the Agent\'s sockets: volumes = ["/var/run/datadog:/var/run/datadog"].');
  if (inject && language !== undefined) {
    const name = language === "node" ? "NODE_OPTIONS" : "PYTHONPATH";
    notes.push(
      `Nomad doesn't know ${name} of an image's own ENV: repeat it in env { }, and both are joined.`,
    );
  }
  return notes;
}

function inHcl(text: string): string {
  return JSON.stringify(text).replaceAll(/[$%](?=\{)/g, "$&$&");
}
