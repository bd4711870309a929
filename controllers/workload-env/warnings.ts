import type { Instrumentation } from "../../crds/instrumentation.ts";
import { TRACER_VARIABLES } from "../../crds/tracer-variables.ts";

/** Something that is likely not meant: what happens, and what to do. */
export interface Warning {
  /** CamelCase, stable, for programs. */
  readonly reason: string;
  /** Path inside the wish, such as `instrumentation.otlp`. */
  readonly path: string;
  readonly message: string;
}

type Rule = (instrumentation: Instrumentation, isAgent: boolean) => readonly Warning[];

/**
 * Says what doesn't go together, is deprecated, or won't take effect, each with a remedy.
 *
 * @param isAgent True for the pack of AI agents.
 */
export function warningsOf(instrumentation: Instrumentation, isAgent: boolean): readonly Warning[] {
  return RULES.flatMap((rule) => rule(instrumentation, isAgent));
}

const RULES: readonly Rule[] = [
  otherProfile,
  otherLanguage,
  withoutEffect,
  runtime,
  llmObservability,
  sampling,
  deprecated,
  injection,
  otlp,
  langfuseKeys,
];

function at(field: string, reason: string, message: string): Warning {
  const path = `instrumentation.${field}`;
  return { reason, path, message: `${path} ${message}` };
}

function isOff(value: unknown): boolean {
  return /^(?:false|0)$/.test(String(value));
}

function names({ env = {} }: Instrumentation): readonly string[] {
  return Object.keys(env);
}

/** What dd-trace makes of OpenTelemetry's variables. */
const REMAPPED: Readonly<Record<string, string>> = {
  OTEL_TRACES_EXPORTER: "sends the traces to port 4318 instead of the Agent's 8126",
  OTEL_METRICS_EXPORTER: "is taken for DD_RUNTIME_METRICS_ENABLED",
  OTEL_TRACES_SAMPLER: "is taken for DD_TRACE_SAMPLE_RATE",
  OTEL_TRACES_SAMPLER_ARG: "is taken for DD_TRACE_SAMPLE_RATE",
  OTEL_PROPAGATORS: "is taken for DD_TRACE_PROPAGATION_STYLE",
  OTEL_SDK_DISABLED: "is taken for DD_TRACE_OTEL_ENABLED",
  OTEL_LOG_LEVEL: "sets the level of the tracer's own log",
};

/** The tracers read each other's variables, or not at all. */
function otherProfile(instrumentation: Instrumentation): readonly Warning[] {
  const { profile } = instrumentation;
  return names(instrumentation).flatMap((name) => {
    const field = `env.${name}`;
    if (profile === "ddtrace" && name.startsWith("OTEL_")) {
      const effect = Object.hasOwn(REMAPPED, name) ? `: there it ${REMAPPED[name]}` : "";
      return [
        at(
          field,
          "OtherProfile",
          `is read by Datadog's tracer as well${effect}; leave it out, or choose profile: otel`,
        ),
      ];
    }
    if (profile !== "ddtrace" && name.startsWith("DD_") && !/^DD_(?:OBSERVE_|VERSION$)/.test(name))
      return [
        at(
          field,
          "OtherProfile",
          `is not read with profile ${profile}; leave it out, or choose profile: ddtrace`,
        ),
      ];
    if (profile === "langfuse" && name.startsWith("OTEL_TRACES_EXPORTER"))
      return [
        at(field, "OtherProfile", "has no effect beside Langfuse's own exporter; choose profile: otel"),
      ];
    return [];
  });
}

function otherLanguage(instrumentation: Instrumentation): readonly Warning[] {
  const { language } = instrumentation;
  if (language === undefined) return [];
  return names(instrumentation).flatMap((name) => {
    const read = TRACER_VARIABLES.get(name)?.languages ?? [];
    if (read.includes(language)) return [];
    const message = `is read by the tracer for ${read.join(" and ")} only, not for ${language}; leave it out`;
    return [at(`env.${name}`, "OtherLanguage", message)];
  });
}

/** Fields that the profile doesn't use. */
function withoutEffect(instrumentation: Instrumentation): readonly Warning[] {
  const { profile, otlp: exporter, langfuse, llmobs, tracer, prices, agentMetrics } = instrumentation;
  const found: Warning[] = [];
  const say = (field: string, message: string): void => {
    found.push(at(field, "WithoutEffect", message));
  };
  if (exporter !== undefined && profile !== "otel")
    say("otlp", `is not used with profile ${profile}; choose profile: otel, or leave it out`);
  if (langfuse !== undefined && profile === "otel")
    say(
      "langfuse",
      "is not used with profile otel, which sends to one place; choose profile: langfuse, or let otlp.endpoint lead to <baseUrl>/api/public/otel",
    );
  if (llmobs === true && profile === "langfuse")
    say("llmobs", "is not used with profile langfuse; choose profile: ddtrace, or leave it out");
  if (tracer?.version !== undefined && profile !== "ddtrace")
    say("tracer.version", `is that of Datadog's tracer, which profile ${profile} doesn't use; leave it out`);
  if (prices !== undefined && !agentMetrics)
    say("prices", "makes the metric ai.agent.cost; set agentMetrics: true, or leave it out");
  if (isOff(instrumentation.env?.["DD_TRACE_ENABLED"]) && profile === "ddtrace")
    say("env.DD_TRACE_ENABLED", "switches the tracer off, LLM Observability with it; write profile: none");
  return found;
}

/** The lowest runtime that each major version of a tracer takes. @see package.json and METADATA of the releases */
const NODE_OF_MAJOR: Readonly<Record<string, number>> = { 4: 16, 5: 18, 6: 22 };
const PYTHON_OF_MAJOR: Readonly<Record<string, number>> = { 2: 7, 3: 8, 4: 9 };

/** A tracer on a runtime that it doesn't know does nothing, without a word. */
function runtime({ profile, language, runtimeVersion, tracer }: Instrumentation): readonly Warning[] {
  if (profile !== "ddtrace" || language === undefined || runtimeVersion === undefined) return [];
  const [major = 0, minor] = runtimeVersion.split(".").map(Number);
  const tracerMajor = tracer?.version?.split(".", 1)[0];
  if (language === "node") {
    const needed = NODE_OF_MAJOR[tracerMajor ?? "6"];
    if (needed === undefined || major >= needed) return [];
    const message =
      tracerMajor === undefined
        ? `is too old for dd-trace 6, which does nothing there; pin tracer: {version: "5.132.0"}, or run Node 22`
        : `is too old for dd-trace ${tracerMajor}, which needs Node ${needed} and does nothing otherwise; ${tracerMajor === "6" ? 'pin tracer: {version: "5.132.0"}, or ' : ""}run Node ${needed}`;
    return [at("runtimeVersion", "RuntimeTooOld", message)];
  }
  const needed = PYTHON_OF_MAJOR[tracerMajor ?? "4"];
  if (needed === undefined || minor === undefined || major !== 3 || minor >= needed) return [];
  const message = `is too old for ddtrace ${tracerMajor ?? "4"}, which needs Python 3.${needed}; pin an older tracer: {version: …}, or run Python 3.${needed}`;
  return [at("runtimeVersion", "RuntimeTooOld", message)];
}

function llmObservability(instrumentation: Instrumentation): readonly Warning[] {
  const { profile, language, llmobs, env = {} } = instrumentation;
  if (profile !== "ddtrace") return [];
  const found: Warning[] = [];
  for (const name of ["DD_LLMOBS_ML_APP", "DD_LLMOBS_AGENTLESS_ENABLED"]) {
    if (env[name] === undefined || llmobs !== undefined) continue;
    const message =
      "alone switches LLM Observability on in Node; say llmobs: true, or llmobs: false to have it off";
    found.push(at(`env.${name}`, "SwitchesOn", message));
  }
  if (env["DD_LLMOBS_ML_APP"] !== undefined && language !== "node") {
    const message = "is deprecated in Python, where DD_SERVICE names the application; leave it out";
    found.push(at("env.DD_LLMOBS_ML_APP", "Deprecated", message));
  }
  if (/^(?:true|1)$/.test(String(env["DD_LLMOBS_AGENTLESS_ENABLED"]))) {
    const message =
      "sends past the Agent and needs DD_API_KEY, which never stands in Consul; give it to the job by a Nomad Variable, or leave this out";
    found.push(at("env.DD_LLMOBS_AGENTLESS_ENABLED", "NeedsApiKey", message));
  }
  if (llmobs === true && isOff(env["DD_APM_TRACING_ENABLED"])) {
    const message =
      "leaves LLM Observability without its traces in APM; that is meant where only the former is used";
    found.push(at("env.DD_APM_TRACING_ENABLED", "OnlyLlmObservability", message));
  }
  return found;
}

function sampling({ language, sampleRate, env = {} }: Instrumentation): readonly Warning[] {
  const found: Warning[] = [];
  if (env["DD_TRACE_SAMPLE_RATE"] !== undefined) {
    const what =
      language === "node" ? "gives way to DD_TRACE_SAMPLING_RULES" : "is not read by ddtrace from 3.0 on";
    found.push(at("env.DD_TRACE_SAMPLE_RATE", "Deprecated", `${what}; use sampleRate`));
  }
  for (const name of ["DD_TRACE_SAMPLING_RULES", "OTEL_TRACES_SAMPLER", "LANGFUSE_SAMPLE_RATE"]) {
    if (sampleRate === undefined || env[name] === undefined) continue;
    found.push(at(`env.${name}`, "StatedTwice", "takes the place of sampleRate; leave one of both out"));
  }
  return found;
}

const DEPRECATED: Readonly<Record<string, string>> = {
  DD_LLMOBS_EVALUATORS: "is read by nobody any more; evaluations are set up in Datadog",
  DD_LLMOBS_EVALUATOR_INTERVAL: "is read by nobody any more; leave it out",
  DD_LLMOBS_EVALUATOR_SAMPLING_RULES: "is read by nobody any more; leave it out",
};

function deprecated(instrumentation: Instrumentation): readonly Warning[] {
  return names(instrumentation).flatMap((name) =>
    Object.hasOwn(DEPRECATED, name) ? [at(`env.${name}`, "Deprecated", DEPRECATED[name]!)] : [],
  );
}

function injection(instrumentation: Instrumentation, isAgent: boolean): readonly Warning[] {
  const { profile, language, inject, agentMetrics, tracer } = instrumentation;
  const found: Warning[] = [];
  if (inject && language === undefined) {
    const message = "loads nothing while the language is not known; say language: node or language: python";
    found.push(at("inject", "LanguageUnknown", message));
  }
  // By the pack alone they are on for whoever injects; only who asks for them is told.
  if (!inject && agentMetrics && !isAgent) {
    const message = "takes effect with inject: true only, unless the program loads the preload by itself";
    found.push(at("agentMetrics", "WithoutEffect", message));
  }
  if (inject && language === "python" && profile === "ddtrace" && tracer?.bootstrap === undefined) {
    const message =
      "loads the preload, but not ddtrace, whose place differs from image to image; start the program by ddtrace-run, or say tracer: {bootstrap: <its folder ddtrace/bootstrap>}";
    found.push(at("inject", "TracerNotLoaded", message));
  }
  if (tracer?.bootstrap !== undefined && (language !== "python" || !inject || profile !== "ddtrace")) {
    const message = "takes effect with profile: ddtrace, language: python and inject: true only";
    found.push(at("tracer.bootstrap", "WithoutEffect", message));
  }
  return found;
}

function otlp({ profile, language, mode, otlp: exporter }: Instrumentation): readonly Warning[] {
  if (profile !== "otel") return [];
  const found: Warning[] = [];
  if (exporter?.protocol === "http/json" && language === "python") {
    const message = "is not known to OpenTelemetry's exporters for Python; choose http/protobuf or grpc";
    found.push(at("otlp.protocol", "ProtocolUnknown", message));
  }
  if (mode === "socket" && exporter?.endpoint === undefined) {
    const message =
      "has no effect on OTLP, for which the Agent has no socket: it is sent to 127.0.0.1; choose mode: hostip where the task has a network of its own";
    found.push(at("mode", "WithoutEffect", message));
  }
  const port = /:(4317|4318)(?:\/|$)/.exec(exporter?.endpoint ?? "")?.[1];
  const isGrpc = exporter?.protocol === "grpc";
  if ((port === "4318" && isGrpc) || (port === "4317" && !isGrpc)) {
    const message = `has port ${port}, which speaks ${isGrpc ? "HTTP" : "gRPC"}, while the protocol is ${exporter?.protocol ?? "http/protobuf"}; use port ${isGrpc ? "4317" : "4318"}, or the other protocol`;
    found.push(at("otlp.endpoint", "PortOfOtherProtocol", message));
  }
  return found;
}

function langfuseKeys({ profile, langfuse }: Instrumentation): readonly Warning[] {
  if (profile === "otel" || langfuse?.baseUrl === undefined || langfuse.keys !== undefined) return [];
  const message =
    "is not said: LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY must come from the job itself; or name a Nomad Variable that holds them, such as nomad/jobs/<job>";
  return [at("langfuse.keys", "KeysUnknown", message)];
}
