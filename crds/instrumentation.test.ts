import { expect, test } from "vitest";

import { exampleGround } from "../test/builders/packs.ts";
import { instrumentationOf, type InstrumentationLayer } from "./instrumentation.ts";
import { STRICT_POLICY, type Policy } from "./policy.ts";
import { readDefaults, resolve } from "./resolve.ts";

function wished(layers: {
  readonly defaults?: string;
  readonly tags?: readonly string[];
  readonly document?: string;
}): InstrumentationLayer | readonly string[] {
  const { defaults, tags = [], document } = layers;
  const ground = exampleGround({
    defaults: readDefaults(defaults === undefined ? undefined : { text: defaults, generation: 1 }),
  });
  const text = document === undefined ? undefined : { text: document, generation: 2 };
  const resolution = resolve("support", ["dd-observe", ...tags], text, ground)!;
  if (resolution.state === "held") return resolution.problems.map(({ message }) => message);
  return resolution.wish.instrumentation;
}

test("joins what defaults, tags and document say, the later winning field by field", () => {
  expect(
    wished({
      defaults: "instrumentation: {mode: hostip, sampleRate: 0.5, prices: {a: {input: 1, output: 2}}}",
      tags: ["dd-observe.profile=ddtrace", "dd-observe.language=node", "dd-observe.inject=true"],
      document: "instrumentation: {sampleRate: 0.1, inject: false, prices: {b: {input: 3, output: 4}}}",
    }),
  ).toEqual({
    mode: "hostip",
    sampleRate: 0.1,
    profile: "ddtrace",
    language: "node",
    inject: false,
    prices: { a: { input: 1, output: 2 }, b: { input: 3, output: 4 } },
  });
});

test.for([
  ["instrumentation: {profil: otel}", "instrumentation.profil is not a field; did you mean profile?"],
  ["instrumentation: {runtimeVersion: 22}", "instrumentation.runtimeVersion must be a text, not 22"],
  [
    'instrumentation: {tracer: {version: "5"}}',
    'instrumentation.tracer.version must be one exact version, such as 5.132.0: what is loaded into a workload is pinned, not "5"',
  ],
  [
    "instrumentation: {langfuse: {keys: sk-lf-12345}}",
    "instrumentation.langfuse.keys must be the path of a Nomad Variable, not a key: keys never stand in Consul",
  ],
  [
    "instrumentation: {langfuse: {baseUrl: 'https://me:secret@langfuse.example.com'}}",
    "instrumentation.langfuse.baseUrl must hold no user and no password: it stands in Consul for all to read",
  ],
  [
    "instrumentation: {otlp: {endpoint: 'http://collector:4318/?api-key=1'}}",
    "instrumentation.otlp.endpoint must hold no query and no fragment: it stands in Consul for all to read",
  ],
  [
    "instrumentation: {otlp: {endpoint: 'http://169.254.169.254/latest'}}",
    "instrumentation.otlp.endpoint can't be used: 169.254.169.254 is link-local, a cloud's metadata service, or no host's address",
  ],
  [
    "instrumentation: {langfuse: {secretKey: sk-lf-12345}}",
    "instrumentation.langfuse.secretKey can't be wished: keys never stand in Consul; put them into a Nomad Variable and name its path in langfuse.keys",
  ],
  [
    "instrumentation: {env: {DD_TRACE_RATE_LIMT: 5}}",
    "instrumentation.env.DD_TRACE_RATE_LIMT is read by no tracer; did you mean DD_TRACE_RATE_LIMIT?",
  ],
  [
    "instrumentation: {env: {DD_API_KEY: abc}}",
    "instrumentation.env.DD_API_KEY can't be wished: it may hold a secret, and Consul is no place for one; give it to the job by a Nomad Variable",
  ],
  [
    "instrumentation: {env: {LANGFUSE_SECRET_KEY: abc}}",
    "instrumentation.env.LANGFUSE_SECRET_KEY can't be wished: it may hold a secret, and Consul is no place for one; give it to the job by a Nomad Variable",
  ],
  [
    "instrumentation: {env: {DD_TRACE_AGENT_URL: 'http://evil'}}",
    "instrumentation.env.DD_TRACE_AGENT_URL can't be wished: where the Agent is follows from instrumentation.mode",
  ],
  [
    "instrumentation: {env: {DD_TRACE_LOG_FILE: /etc/x}}",
    "instrumentation.env.DD_TRACE_LOG_FILE can't be wished: it names a file of the workload; set it in the job itself",
  ],
  [
    "instrumentation: {env: {NODE_OPTIONS: --require=x}}",
    "instrumentation.env.NODE_OPTIONS can't be wished as a variable: use instrumentation.inject; the job's own options are kept",
  ],
  [
    "instrumentation: {env: {DD_SERVICE: other}}",
    "instrumentation.env.DD_SERVICE can't be wished as a variable: it is the service's name",
  ],
  [
    "instrumentation: {env: {DD_OBSERVE_PRELOAD: /tmp}}",
    "instrumentation.env.DD_OBSERVE_PRELOAD can't be wished: it names a file of the workload; set it in the job itself",
  ],
  [
    "instrumentation: {env: {LD_PRELOAD: /tmp/x.so}}",
    "instrumentation.env.LD_PRELOAD can't be wished: it names a file of the workload; set it in the job itself",
  ],
  [
    "instrumentation: {env: {DD_TRACE_RATE_LIMIT: many}}",
    "instrumentation.env.DD_TRACE_RATE_LIMIT must be a whole number",
  ],
  [
    "instrumentation: {env: {DD_TRACE_ENABLED: maybe}}",
    "instrumentation.env.DD_TRACE_ENABLED must be true or false",
  ],
  [
    "instrumentation: {env: {DD_SITE: evil.example.com}}",
    "instrumentation.env.DD_SITE must be one of Datadog's sites: datadoghq.com, us3.datadoghq.com, us5.datadoghq.com, datadoghq.eu, ap1.datadoghq.com, ap2.datadoghq.com, ddog-gov.com",
  ],
  [
    "instrumentation: {profile: langfuse}",
    "instrumentation.langfuse.baseUrl is needed with profile langfuse",
  ],
  [
    "instrumentation: {tracer: {bootstrap: /tmp/../ddtrace/bootstrap}}",
    "instrumentation.tracer.bootstrap must be an absolute path that ends in /ddtrace/bootstrap",
  ],
  ["instrumentation: {sampleRate: 10}", "instrumentation.sampleRate must be at most 1, not 10"],
] as const)("refuses %s", ([document, message]) => {
  expect(wished({ document })).toEqual([message]);
});

test("no error repeats what may be a secret", () => {
  const secrets = [
    "sk-lf-12345",
    "https://me:sk-lf-12345@x",
    "x".repeat(600) + "sk-lf-12345",
    "${sk-lf-12345}",
  ];
  for (const field of ["otlp: {endpoint", "langfuse: {baseUrl", "langfuse: {keys", "langfuse: {secretKey"]) {
    for (const secret of secrets) {
      const problems = wished({ document: `instrumentation: {${field}: '${secret}'}}` });

      expect(problems).toHaveLength(1);
      expect(JSON.stringify(problems)).not.toContain("lf-12345");
    }
  }
});

test("the operator's policy says whether, and where to", () => {
  const text = "instrumentation: {profile: otel, otlp: {endpoint: 'https://otel.example.com'}}";
  const under = (policy: Partial<Policy>): unknown => {
    const ground = exampleGround({ policy: { ...STRICT_POLICY, ...policy } });
    const resolution = resolve("support", [], { text, generation: 1 }, ground)!;
    return resolution.state === "held" ? resolution.problems[0]?.message : resolution.state;
  };

  expect(under({})).toBe("accepted");
  expect(under({ telemetryHosts: ["*.example.com"] })).toBe("accepted");
  expect(under({ telemetryHosts: [] })).toBe(
    "instrumentation.otlp.endpoint leads to otel.example.com, which is not allowed by the operator's policy (telemetryHosts); allowed: this machine alone",
  );
  expect(under({ instrumentation: false })).toBe(
    "instrumentation is not allowed by the operator's policy (instrumentation: false)",
  );
});

test("a tag that can't be is refused by the tag's name", () => {
  expect(wished({ tags: ["dd-observe.inject=yes"] })).toEqual([
    'tag dd-observe.inject must be true or false, not "yes"',
  ]);
});

test.for([
  [{}, "generic", undefined],
  [{ inject: true }, "generic", { profile: "ddtrace", inject: true, agentMetrics: false }],
  [{ inject: true, profile: "none" }, "generic", undefined],
  [{ profile: "otel" }, "ai-agent", { profile: "otel", inject: false, agentMetrics: true }],
  [{ profile: "ddtrace" }, "ai-agent", { profile: "ddtrace", llmobs: true, agentMetrics: true }],
  [
    { profile: "ddtrace", llmobs: false, agentMetrics: false },
    "ai-agent",
    { llmobs: false, agentMetrics: false },
  ],
] as const)("%j with pack %s comes to %j", ([layer, pack, expected]) => {
  const found = instrumentationOf(layer, pack);

  if (expected === undefined) expect(found).toBeUndefined();
  else expect(found).toMatchObject(expected);
});
