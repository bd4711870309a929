import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { instrumentationOf, type InstrumentationLayer } from "../../crds/instrumentation.ts";
import { warningsOf } from "./warnings.ts";

function warned(layer: InstrumentationLayer, pack = "generic"): readonly string[] {
  const instrumentation = instrumentationOf(layer, pack);
  if (instrumentation === undefined) throw new Error("nothing is published");
  return warningsOf(instrumentation, pack === "ai-agent").map(({ reason, path }) => `${reason} ${path}`);
}

const D = { profile: "ddtrace" } as const;
const O = { profile: "otel" } as const;
const L = { profile: "langfuse", langfuse: { baseUrl: "http://l", keys: "nomad/jobs/x" } } as const;
const env = (name: string, value: string | number | boolean = true) => ({ env: { [name]: value } });

test.for<[layer: InstrumentationLayer, ...warnings: string[]]>([
  // The tracers read each other's variables.
  [{ ...D, ...env("OTEL_TRACES_EXPORTER", "otlp") }, "OtherProfile instrumentation.env.OTEL_TRACES_EXPORTER"],
  [
    { ...D, ...env("OTEL_BSP_MAX_QUEUE_SIZE", 1) },
    "OtherProfile instrumentation.env.OTEL_BSP_MAX_QUEUE_SIZE",
  ],
  [{ ...O, ...env("DD_TRACE_RATE_LIMIT", 1) }, "OtherProfile instrumentation.env.DD_TRACE_RATE_LIMIT"],
  [{ ...L, ...env("DD_TRACE_DEBUG") }, "OtherProfile instrumentation.env.DD_TRACE_DEBUG"],
  [{ ...O, ...env("DD_VERSION", "1") }],
  [{ ...O, ...env("DD_OBSERVE_AGENT", "a") }],
  // Of the other language.
  [
    { ...D, language: "node", ...env("DD_LLMOBS_SAMPLING_RULES", "x") },
    "OtherLanguage instrumentation.env.DD_LLMOBS_SAMPLING_RULES",
  ],
  [{ ...D, language: "python", ...env("DD_LLMOBS_SAMPLING_RULES", "x") }],
  [{ ...D, ...env("DD_LLMOBS_SAMPLING_RULES", "x") }],
  // Fields that the profile doesn't use.
  [{ ...D, otlp: { endpoint: "http://a" } }, "WithoutEffect instrumentation.otlp"],
  [{ ...O, langfuse: { baseUrl: "http://l" } }, "WithoutEffect instrumentation.langfuse"],
  [{ ...L, llmobs: true }, "WithoutEffect instrumentation.llmobs"],
  [{ ...O, tracer: { version: "5.1.0" } }, "WithoutEffect instrumentation.tracer.version"],
  [{ ...D, prices: { a: { input: 1, output: 1 } } }, "WithoutEffect instrumentation.prices"],
  [{ ...D, ...env("DD_TRACE_ENABLED", false) }, "WithoutEffect instrumentation.env.DD_TRACE_ENABLED"],
  [{ ...D, ...env("DD_TRACE_ENABLED", "false") }, "WithoutEffect instrumentation.env.DD_TRACE_ENABLED"],
  // A tracer on a runtime that it doesn't know.
  [{ ...D, language: "node", runtimeVersion: "20" }, "RuntimeTooOld instrumentation.runtimeVersion"],
  [{ ...D, language: "node", runtimeVersion: "20.11", tracer: { version: "5.132.0" } }],
  [
    { ...D, language: "node", runtimeVersion: "20", tracer: { version: "6.21.0" } },
    "RuntimeTooOld instrumentation.runtimeVersion",
  ],
  [
    { ...D, language: "node", runtimeVersion: "16", tracer: { version: "5.132.0" } },
    "RuntimeTooOld instrumentation.runtimeVersion",
  ],
  [{ ...D, language: "node", runtimeVersion: "22" }],
  [{ ...D, language: "python", runtimeVersion: "3.8" }, "RuntimeTooOld instrumentation.runtimeVersion"],
  [{ ...D, language: "python", runtimeVersion: "3.12" }],
  [{ ...O, language: "node", runtimeVersion: "18" }],
  // LLM Observability that switches itself on.
  [
    { ...D, language: "node", ...env("DD_LLMOBS_ML_APP", "x") },
    "SwitchesOn instrumentation.env.DD_LLMOBS_ML_APP",
  ],
  [{ ...D, language: "node", llmobs: false, ...env("DD_LLMOBS_ML_APP", "x") }],
  [
    { ...D, language: "python", llmobs: true, ...env("DD_LLMOBS_ML_APP", "x") },
    "Deprecated instrumentation.env.DD_LLMOBS_ML_APP",
  ],
  [
    { ...D, llmobs: true, ...env("DD_LLMOBS_AGENTLESS_ENABLED") },
    "NeedsApiKey instrumentation.env.DD_LLMOBS_AGENTLESS_ENABLED",
  ],
  [{ ...D, llmobs: true, ...env("DD_LLMOBS_AGENTLESS_ENABLED", false) }],
  [
    { ...D, llmobs: true, ...env("DD_APM_TRACING_ENABLED", false) },
    "OnlyLlmObservability instrumentation.env.DD_APM_TRACING_ENABLED",
  ],
  // Sampling.
  [
    { ...D, language: "python", ...env("DD_TRACE_SAMPLE_RATE", 0.1) },
    "Deprecated instrumentation.env.DD_TRACE_SAMPLE_RATE",
  ],
  [
    { ...D, sampleRate: 0.1, ...env("DD_TRACE_SAMPLING_RULES", "[]") },
    "StatedTwice instrumentation.env.DD_TRACE_SAMPLING_RULES",
  ],
  [{ ...D, ...env("DD_TRACE_SAMPLING_RULES", "[]") }],
  // Names that nobody reads any more.
  [{ ...D, ...env("DD_LLMOBS_EVALUATORS", "x") }, "Deprecated instrumentation.env.DD_LLMOBS_EVALUATORS"],
  // Injection.
  [{ ...D, inject: true }, "LanguageUnknown instrumentation.inject"],
  [{ ...D, inject: true, language: "node" }],
  [{ ...D, inject: true, language: "python" }, "TracerNotLoaded instrumentation.inject"],
  [{ ...D, inject: true, language: "python", tracer: { bootstrap: "/x/ddtrace/bootstrap" } }],
  [
    { ...D, inject: true, language: "node", tracer: { bootstrap: "/x/ddtrace/bootstrap" } },
    "WithoutEffect instrumentation.tracer.bootstrap",
  ],
  [{ ...D, agentMetrics: true }, "WithoutEffect instrumentation.agentMetrics"],
  // OTLP.
  [
    { ...O, language: "python", otlp: { protocol: "http/json" } },
    "ProtocolUnknown instrumentation.otlp.protocol",
  ],
  [{ ...O, language: "node", otlp: { protocol: "http/json" } }],
  [{ ...O, mode: "socket" }, "WithoutEffect instrumentation.mode"],
  [{ ...O, otlp: { endpoint: "http://a:4317" } }, "PortOfOtherProtocol instrumentation.otlp.endpoint"],
  [
    { ...O, otlp: { endpoint: "http://a:4318", protocol: "grpc" } },
    "PortOfOtherProtocol instrumentation.otlp.endpoint",
  ],
  [{ ...O, otlp: { endpoint: "http://a:4317", protocol: "grpc" } }],
  // Langfuse.
  [{ ...L, langfuse: { baseUrl: "http://l" } }, "KeysUnknown instrumentation.langfuse.keys"],
  [{ ...L }],
])("%j is told of as %j", ([layer, ...warnings]) => {
  expect(warned(layer)).toEqual(warnings);
});

test("docs/ai-agents.md names every reason", () => {
  const source = readFileSync(new URL("warnings.ts", import.meta.url), "utf8");
  const reasons = [
    ...source.matchAll(
      /\bat\([^"]*(?:"[^"]*"|`[^`]*`)?,? ?"([A-Z][A-Za-z]+)"|"([A-Z][a-z]+(?:[A-Z][a-z]+)+)"/g,
    ),
  ].map(([, one, other]) => one ?? other);
  const page = readFileSync(new URL("../../docs/ai-agents.md", import.meta.url), "utf8");
  const text = page.split("\n## What doesn't go together\n")[1]!.split("\n## ")[0]!;
  const named = [...text.matchAll(/^\| `([A-Z][A-Za-z]+)` /gm)].map(([, reason]) => reason);

  expect(new Set(reasons)).toEqual(new Set(named));
});

test("what the pack of AI agents has on by itself is no news", () => {
  expect(warned({ profile: "ddtrace" }, "ai-agent")).toEqual([]);
});

test("each warning says what happens and what to do", () => {
  const [warning] = warningsOf(
    instrumentationOf({ ...D, language: "node", runtimeVersion: "20" }, "generic")!,
    false,
  );

  expect(warning?.message).toBe(
    'instrumentation.runtimeVersion is too old for dd-trace 6, which does nothing there; pin tracer: {version: "5.132.0"}, or run Node 22',
  );
});
