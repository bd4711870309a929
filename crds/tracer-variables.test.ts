import { expect, test } from "vitest";

import { refusedVariable, TRACER_SOURCES, TRACER_VARIABLES, wrongVariable } from "./tracer-variables.ts";

test("every line of the registry is a name, a type and languages", () => {
  for (const [name, { type, languages }] of TRACER_VARIABLES) {
    expect(name).toMatch(/^(?:DD|OTEL|LANGFUSE)_[A-Z0-9_]+$/);
    expect(["string", "boolean", "int", "decimal", "array", "map", "json"]).toContain(type);
    expect(languages.every((language) => language === "node" || language === "python")).toBe(true);
  }
  expect(TRACER_VARIABLES.size).toBeGreaterThan(800);
  expect(Object.keys(TRACER_SOURCES)).toEqual(["dd-trace", "ddtrace", "opentelemetry", "langfuse"]);
});

test("no name in it holds a secret, leads elsewhere or names a file", () => {
  const suspicious = [...TRACER_VARIABLES.keys()].filter((name) =>
    /(?:^|_)(?:API_KEY|APP_KEY|SECRET|PASSWORD|TOKEN|HEADERS|URL|URLS|HOST|HOSTNAME|PORT|ENDPOINT|FILE|PATH|DIR|MODULES?|COMMAND|CERTIFICATE)$/.test(
      name,
    ),
  );

  expect(suspicious).toEqual([]);
});

test.for([
  "DD_API_KEY",
  "DD_APP_KEY",
  "LANGFUSE_SECRET_KEY",
  "LANGFUSE_PUBLIC_KEY",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "LANGFUSE_BASE_URL",
  "DD_AGENT_HOST",
  "DD_DOGSTATSD_URL",
  "DD_SERVICE",
  "NODE_OPTIONS",
  "PYTHONPATH",
  "PATH",
  "DD_INJECTION_ENABLED",
  "HTTPS_PROXY_HOST",
])("%s can't be wished", (name) => {
  expect(refusedVariable(name)).toBeDefined();
});

test.for([
  ["DD_TRACE_RATE_LIMIT", 50, true],
  ["DD_TRACE_RATE_LIMIT", "50", true],
  ["DD_TRACE_RATE_LIMIT", 0.5, false],
  ["DD_LLMOBS_SAMPLE_RATE", 0.5, true],
  ["DD_LLMOBS_SAMPLE_RATE", "half", false],
  ["DD_TRACE_ENABLED", "1", true],
  ["DD_TRACE_SAMPLING_RULES", '[{"sample_rate":1}]', true],
  ["DD_TRACE_SAMPLING_RULES", "[{", false],
  ["DD_SITE", "datadoghq.eu", true],
  ["DD_VERSION", "a\nb", false],
  ["DD_VERSION", "", false],
] as const)("%s takes %j: %s", ([name, value, right]) => {
  expect(wrongVariable(name, value) === undefined).toBe(right);
});
