import type { Instrumentation } from "../../crds/instrumentation.ts";
import { variablePath } from "../../clients/nomad-variables.ts";
import { TEMPLATE_VARIABLES } from "./effective.ts";
import { ENV_KEYS } from "./keys.ts";
import { JOINED, PLACEHOLDERS } from "./variable.ts";

export interface TemplateOptions {
  readonly service: string;
  readonly statePrefix: string;
  readonly instrumentation: Pick<Instrumentation, "profile" | "whenMissing" | "langfuse" | "nomadVariable">;
}

/** How a template walks through what is published, and what it calls name and value of each. */
interface Walk {
  readonly before: readonly string[];
  readonly each: string;
  readonly name: ".Key" | ".K";
  readonly value: ".Value" | ".V";
  readonly after: string;
}

/**
 * The text of a job's template, in consul-template's language: lines for `env = true`, as `effectiveEnvironment` has them.
 *
 * The function `env` gives what the task has without this template, and what the machine has as `attr.…`; where Nomad
 * starts the task's templates once more, also what this one gave before. A key that is no name of a variable would fail
 * the task, so it is left out. Values are quoted as JSON, which is what Nomad reads.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/template
 */
export function templateText({ service, statePrefix, instrumentation }: TemplateOptions): string {
  const { profile, whenMissing, langfuse } = instrumentation;
  const { before, each, name, value, after } = walk({ service, statePrefix, instrumentation });
  const nodeIp = 'env "attr.unique.network.ip-address"';
  const lines = [
    `{{- $given := env ${quoted(TEMPLATE_VARIABLES.given)} }}{{ $names := "," }}`,
    `{{- $preload := or (env "DD_OBSERVE_PRELOAD") (printf "%s/dd-observe" (env "NOMAD_TASK_DIR")) }}`,
    ...before,
    each,
    `{{- $own := env ${name} }}{{ if in $given (printf ",%s," ${name}) }}{{ $own = env (printf ${quoted(TEMPLATE_VARIABLES.own("%s"))} ${name}) }}{{ end }}`,
    `{{- $value := ${value} | replaceAll ${quoted(PLACEHOLDERS.nodeIp)} (${nodeIp}) | replaceAll ${quoted(PLACEHOLDERS.preload)} $preload }}`,
    `{{- if not $own }}{{ $names = printf "%s%s," $names ${name} }}`,
    `{{ ${name} }}={{ $value | toJSON }}`,
    ...Object.keys(JOINED).flatMap((joined) => joinedLines(joined, name)),
    `{{- end }}{{ end }}{{ end }}${after}`,
    ...(langfuse?.keys === undefined || profile === "otel" ? [] : keysLines(langfuse.keys, whenMissing)),
    `{{- if ne $names "," }}`,
    `${TEMPLATE_VARIABLES.given}={{ $names | toJSON }}`,
    "{{- end }}",
  ];
  return `${lines.join("\n")}\n`;
}

/** @param key What the template calls the variable's name. */
function joinedLines(name: string, key: Walk["name"]): readonly string[] {
  const { separator, oursFirst } = JOINED[name]!;
  const both = oursFirst ? "$value $own" : "$own $value";
  return [
    `{{- else if eq ${key} ${quoted(name)} }}{{ $names = printf "%s%s," $names ${key} }}`,
    `${name}={{ printf "%s${separator}%s" ${both} | toJSON }}`,
    `${TEMPLATE_VARIABLES.own(name)}={{ $own | toJSON }}`,
  ];
}

/**
 * Walks through what is published: the items of the job's Variable where that is wished, else Consul's keys. A Variable
 * has items of others as well: only names that are published by rule are taken, and none of a key.
 */
function walk({ service, statePrefix, instrumentation }: TemplateOptions): Walk {
  const { whenMissing, nomadVariable } = instrumentation;
  if (!nomadVariable) {
    const list = whenMissing === "insist" ? "safeLs" : "ls";
    const each = `{{- range ${list} ${quoted(ENV_KEYS.of(statePrefix, service))} }}{{ if .Key | regexMatch "^[A-Za-z_][A-Za-z0-9_]*$" }}`;
    return { before: [], each, name: ".Key", value: ".Value", after: "" };
  }
  const path = `{{- $path := printf ${quoted(variablePath("%s"))} (or (env "NOMAD_JOB_PARENT_ID") (env "NOMAD_JOB_ID")) }}`;
  const mayLack = whenMissing === "ignore";
  const isOurs = `and (.K | regexMatch "^((DD|OTEL|LANGFUSE)_[A-Z0-9_]*|NODE_OPTIONS|PYTHONPATH)$") (not (.K | regexMatch "(_KEY|SECRET|TOKEN|PASSWORD)$"))`;
  return {
    before: [path],
    each: `${mayLack ? "{{- if nomadVarExists $path }}" : ""}{{- range (nomadVar $path).Tuples }}{{ if ${isOurs} }}`,
    name: ".K",
    value: ".V",
    after: mayLack ? "{{ end }}" : "",
  };
}

/** Langfuse's keys, from the Nomad Variable. The tasks of the job itself may read that of its own path. */
function keysLines(path: string, whenMissing: Instrumentation["whenMissing"]): readonly string[] {
  const items = `{{ range (nomadVar ${quoted(path)}).Tuples }}{{ if .K | regexMatch "^LANGFUSE_(PUBLIC|SECRET)_KEY$" }}`;
  const mayLack = whenMissing === "ignore";
  return [
    mayLack ? `{{- if nomadVarExists ${quoted(path)} }}${items}` : items.replace("{{", "{{-"),
    `{{- if or (not (env .K)) (in $given (printf ",%s," .K)) }}{{ $names = printf "%s%s," $names .K }}`,
    "{{ .K }}={{ .V | toJSON }}",
    `{{- end }}{{ end }}{{ end }}${mayLack ? "{{ end }}" : ""}`,
  ];
}

/** Text in a template's quotes. In HCL around it, `${` and `%{` would begin an expression. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[$%](?=\{)/g, "$&$&");
}
