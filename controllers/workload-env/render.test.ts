import { readFileSync } from "node:fs";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { instrumentationOf, type InstrumentationLayer } from "../../crds/instrumentation.ts";
import { readDefaults, resolve, type Wish } from "../../crds/resolve.ts";
import { exampleGround, examplePack } from "../../test/builders/packs.ts";
import { renderEnvironment } from "./render.ts";

function wishOf(instrumentation: InstrumentationLayer, more: object = {}): Wish {
  const text = JSON.stringify({ env: "prod", team: "ml", ...more, instrumentation });
  const pack = { ...examplePack(), name: "ai-agent" };
  const ground = exampleGround({ packs: new Map([...exampleGround().packs, ["ai-agent", pack]]) });
  const resolution = resolve("support", [], { text, generation: 1 }, ground)!;
  if (resolution.state === "held") throw new Error(resolution.problems[0]!.message);
  return resolution.wish;
}

function rendered(instrumentation: InstrumentationLayer, more?: object): Readonly<Record<string, string>> {
  const environment = renderEnvironment(wishOf(instrumentation, more), "dc1");
  return Object.fromEntries([...(environment?.variables ?? [])].map(([name, { value }]) => [name, value]));
}

const UNIFIED = { DD_SERVICE: "support", DD_ENV: "prod", DD_TAGS: "cluster:dc1,team:ml" };
const LOCAL = {
  DD_AGENT_HOST: "127.0.0.1",
  DD_DOGSTATSD_PORT: "8125",
  DD_DOGSTATSD_URL: "udp://127.0.0.1:8125",
};

test("profile ddtrace publishes unified tags and where the Agent is", () => {
  expect(rendered({ profile: "ddtrace" })).toEqual({
    ...UNIFIED,
    ...LOCAL,
    DD_TRACE_AGENT_URL: "http://127.0.0.1:8126",
    DD_TRACE_STARTUP_LOGS: "false",
  });
});

test("tags of the wish come along, and a version that it states", () => {
  expect(
    rendered({ profile: "ddtrace", env: { DD_VERSION: "1.2.3" } }, { tags: ["cost-center:42"] }),
  ).toMatchObject({ DD_TAGS: "cluster:dc1,cost-center:42,team:ml", DD_VERSION: "1.2.3" });
});

test("mode hostip leaves the machine's address to whoever starts the task", () => {
  expect(rendered({ profile: "ddtrace", mode: "hostip" })).toMatchObject({
    DD_TRACE_AGENT_URL: "http://__NODE_IP__:8126",
    DD_AGENT_HOST: "__NODE_IP__",
    DD_DOGSTATSD_URL: "udp://__NODE_IP__:8125",
  });
});

test("mode socket names sockets, and no host that would be asked instead", () => {
  const variables = rendered({ profile: "ddtrace", mode: "socket" });

  expect(variables).toMatchObject({
    DD_TRACE_AGENT_URL: "unix:///var/run/datadog/apm.socket",
    DD_DOGSTATSD_URL: "unix:///var/run/datadog/dsd.socket",
  });
  expect(variables).not.toHaveProperty("DD_AGENT_HOST");
});

test("a sample rate becomes a rule, which the tracers of both languages read", () => {
  const { DD_TRACE_SAMPLING_RULES: rules } = rendered({ profile: "ddtrace", sampleRate: 0.1 });

  expect(JSON.parse(rules!)).toEqual([{ sample_rate: 0.1 }]);
});

test.for([
  [{ profile: "ddtrace" }, {}, undefined],
  [{ profile: "ddtrace", llmobs: true }, {}, "true"],
  [{ profile: "ddtrace", llmobs: false }, {}, "false"],
  [{ profile: "ddtrace" }, { pack: "ai-agent" }, "true"],
  [{ profile: "ddtrace", llmobs: false }, { pack: "ai-agent" }, "false"],
  [{ profile: "otel", llmobs: true }, {}, undefined],
] as const)("LLM Observability with %j and %j is %s", ([instrumentation, more, value]) => {
  expect(rendered(instrumentation, more)["DD_LLMOBS_ENABLED"]).toBe(value);
});

test("profile otel publishes OpenTelemetry's words, and nothing that switches dd-trace", () => {
  const variables = rendered(
    { profile: "otel", sampleRate: 0.25, env: { DD_VERSION: "1.0" } },
    { tags: ["owner:a=b%"] },
  );

  expect(variables).toEqual({
    ...UNIFIED,
    DD_TAGS: "cluster:dc1,owner:a=b%,team:ml",
    ...LOCAL,
    DD_VERSION: "1.0",
    OTEL_SERVICE_NAME: "support",
    OTEL_RESOURCE_ATTRIBUTES:
      "deployment.environment.name=prod,deployment.environment=prod,service.version=1.0,cluster=dc1,owner=a%3Db%25,team=ml",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_TRACES_EXPORTER: "otlp",
    OTEL_METRICS_EXPORTER: "otlp",
    OTEL_LOGS_EXPORTER: "none",
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta",
    OTEL_SEMCONV_STABILITY_OPT_IN: "gen_ai_latest_experimental",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
  });
});

test.for([
  [{}, "http://127.0.0.1:4318", "http/protobuf"],
  [{ mode: "hostip" }, "http://__NODE_IP__:4318", "http/protobuf"],
  [{ mode: "socket" }, "http://127.0.0.1:4318", "http/protobuf"],
  [{ otlp: { protocol: "grpc" } }, "http://127.0.0.1:4317", "grpc"],
  [{ otlp: { endpoint: "http://otel:9" } }, "http://otel:9", "http/protobuf"],
] as const)("OTLP with %j goes to %s as %s", ([more, endpoint, protocol]) => {
  expect(rendered({ profile: "otel", ...more })).toMatchObject({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
  });
});

test("profile langfuse publishes where Langfuse is, and never a key", () => {
  const langfuse = { baseUrl: "https://langfuse.example.com", keys: "nomad/jobs/support" };

  const variables = rendered({ profile: "langfuse", langfuse, sampleRate: 0.5, inject: true });

  expect(variables).toEqual({
    ...UNIFIED,
    ...LOCAL,
    LANGFUSE_BASE_URL: "https://langfuse.example.com",
    LANGFUSE_HOST: "https://langfuse.example.com",
    LANGFUSE_TRACING_ENVIRONMENT: "prod",
    LANGFUSE_SAMPLE_RATE: "0.5",
    DD_OBSERVE_LANGFUSE: "true",
    DD_OBSERVE_AGENT_METRICS: "false",
  });
});

test("inject for Node is one option without blanks, quotes or backslashes, the tracer before the preload", () => {
  const { NODE_OPTIONS: options } = rendered({ profile: "ddtrace", inject: true, language: "node" });

  const source = decodeURIComponent(options!);

  expect(options).toMatch(/^--import=data:text\/javascript,[^\s"\\]+$/);
  expect(source.indexOf("dd-trace/initialize.mjs")).toBeGreaterThan(0);
  expect(source.indexOf("dd-trace/initialize.mjs")).toBeLessThan(source.indexOf("/node/register.mjs"));
});

test.for([
  [{}, "__PRELOAD__/python"],
  [
    { tracer: { bootstrap: "/venv/lib/ddtrace/bootstrap" } },
    "__PRELOAD__/python:/venv/lib/ddtrace/bootstrap",
  ],
  [{ profile: "otel", tracer: { bootstrap: "/venv/lib/ddtrace/bootstrap" } }, "__PRELOAD__/python"],
] as const)("inject for Python with %j puts %s on the path", ([more, path]) => {
  expect(rendered({ profile: "ddtrace", inject: true, language: "python", ...more })["PYTHONPATH"]).toBe(
    path,
  );
});

test("prices are the same bytes in whatever order layers name the models", () => {
  const metrics = { profile: "ddtrace", inject: true, language: "node", agentMetrics: true } as const;
  const [a, b] = [
    { input: 1, output: 2 },
    { input: 3, output: 4 },
  ];

  const first = rendered({ ...metrics, prices: { a, b } });
  const second = rendered({ ...metrics, prices: { b: { output: 4, input: 3 }, a } });

  expect(first["DD_OBSERVE_PRICES"]).toBe('{"a":{"input":1,"output":2},"b":{"input":3,"output":4}}');
  expect(second).toEqual(first);
});

test("a variable of the wish's own takes the place of the profile's, and says so", () => {
  const environment = renderEnvironment(
    wishOf({ profile: "ddtrace", env: { DD_TRACE_STARTUP_LOGS: true } }),
    "dc1",
  );

  expect(environment?.variables.get("DD_TRACE_STARTUP_LOGS")).toEqual({
    value: "true",
    from: "wish",
    field: "instrumentation.env.DD_TRACE_STARTUP_LOGS",
  });
});

const layers = fc.record<InstrumentationLayer>(
  {
    profile: fc.constantFrom("ddtrace", "otel", "none"),
    language: fc.constantFrom("node", "python"),
    mode: fc.constantFrom("local", "hostip", "socket"),
    inject: fc.boolean(),
    llmobs: fc.boolean(),
    agentMetrics: fc.boolean(),
    sampleRate: fc.constantFrom(0, 0.1, 1),
  },
  { requiredKeys: [] },
);

test("rendering is deterministic, sorted, and each value survives being quoted as JSON on one line", () => {
  fc.assert(
    fc.property(layers, (layer) => {
      const [first, second] = [rendered(layer), rendered(structuredClone(layer))];
      const lines = Object.entries(first).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
      const names = Object.keys(first);

      expect(second).toEqual(first);
      expect(names).toEqual([...names].sort());
      expect(names.length).toBeLessThanOrEqual(35);
      for (const line of lines) {
        const at = line.indexOf("=");
        expect(line).not.toMatch(/[\r\n]/);
        expect(JSON.parse(line.slice(at + 1))).toBe(first[line.slice(0, at)]);
      }
    }),
  );
});

test("no two profiles are ever published together", () => {
  fc.assert(
    fc.property(layers, (layer) => {
      const names = Object.keys(rendered(layer));
      const datadog = names.some((name) => /^DD_(?:TRACE|LLMOBS)_/.test(name));
      const otel = names.some((name) => name.startsWith("OTEL_"));

      expect(datadog && otel).toBe(false);
    }),
  );
});

/** Who says what, and what comes of it. The same rows stand in docs/ai-agents.md. */
const TRUTH: readonly (readonly [
  defaults: string,
  tag: string,
  document: string,
  published: "nothing" | "environment" | "environment and loader",
])[] = [
  ["", "", "", "nothing"],
  ["", "inject=true", "", "environment and loader"],
  ["", "inject=false", "", "nothing"],
  ["", "profile=ddtrace", "", "environment"],
  ["", "profile=none", "", "nothing"],
  ["", "", "profile: ddtrace", "environment"],
  ["", "", "{profile: ddtrace, inject: true}", "environment and loader"],
  ["", "inject=true", "profile: none", "nothing"],
  ["", "profile=ddtrace", "inject: true", "environment and loader"],
  ["", "inject=true", "inject: false", "nothing"],
  ["inject: true", "", "", "environment and loader"],
  ["inject: true", "inject=false", "", "nothing"],
  ["inject: true", "profile=none", "", "nothing"],
  ["inject: true", "", "inject: false", "nothing"],
  ["inject: true", "inject=false", "inject: true", "environment and loader"],
  ["profile: ddtrace", "", "", "environment"],
  ["profile: ddtrace", "inject=true", "", "environment and loader"],
  ["profile: ddtrace", "profile=none", "", "nothing"],
  ["profile: ddtrace", "profile=none", "profile: otel", "environment"],
  ["{profile: ddtrace, inject: true}", "inject=false", "", "environment"],
  ["mode: hostip", "", "", "nothing"],
];

test("docs/ai-agents.md has the same rows", () => {
  const text = readFileSync(new URL("../../docs/ai-agents.md", import.meta.url), "utf8");
  const section = text.slice(text.indexOf("## Opt in, opt out"), text.indexOf("## What is published"));
  const rows = section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );

  expect(rows).toEqual(
    TRUTH.map(([defaults, tag, document, published]) => [
      defaults,
      tag === "" ? "" : `dd-observe.${tag}`,
      document,
      published,
    ]),
  );
});

test.for(TRUTH)("_defaults %j, tag %j, document %j: %s", ([defaults, tag, document, published]) => {
  const under = (text: string): string => {
    if (text === "") return "";
    return `instrumentation: ${text.startsWith("{") ? text : `{${text}}`}`;
  };
  const ground = exampleGround({ defaults: readDefaults({ text: under(defaults), generation: 1 }) });
  const tags = ["dd-observe", "dd-observe.language=node", ...(tag === "" ? [] : [`dd-observe.${tag}`])];
  const resolution = resolve("support", tags, { text: under(document), generation: 1 }, ground);

  if (resolution?.state !== "accepted") throw new Error("the wish is refused");
  const environment = renderEnvironment(resolution.wish, "dc1");

  const found =
    environment === undefined
      ? "nothing"
      : environment.variables.has("NODE_OPTIONS")
        ? "environment and loader"
        : "environment";
  expect(found).toBe(published);
  expect(instrumentationOf(resolution.wish.instrumentation, "generic") === undefined).toBe(
    published === "nothing",
  );
});
