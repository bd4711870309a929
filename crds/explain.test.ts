import { expect, test } from "vitest";

import { loadPacks } from "../engine/sources/packs.ts";
import { explainField } from "./explain.ts";
import { editorSchemas, type JsonSchema } from "./json-schema.ts";
import { TRACER_VARIABLES } from "./tracer-variables.ts";

const packs = loadPacks();

function explain(path: string, pack?: string): unknown {
  const result = explainField(path, packs, { pack });
  return result.ok ? result.value : result.message;
}

test("explains the whole wish", () => {
  expect(explain("")).toMatchObject({
    type: "mapping",
    children: expect.arrayContaining([
      expect.objectContaining({ name: "endpoint", type: "mapping" }),
    ]) as unknown,
  });
});

test.for([
  ["endpoint.port", undefined, { type: "whole number", limits: ["from 1 to 65535"], children: [] }],
  ["drift", undefined, { type: "correct or report, or mapping", default: "correct" }],
  ["notify", undefined, { type: "list of texts, or mapping" }],
  ["agent.minCollectionInterval", "ray", { type: "whole number", default: 15, limits: ["from 5 to 3600"] }],
  ["agent.excludeMetrics", "ray", { type: "list of regular expressions" }],
  ["monitors.object-store-pressure.critical", "ray", { type: "number", default: 0.9 }],
  ["monitors.mine.query", undefined, { type: "text" }],
  ["monitors.query", undefined, { type: "text", children: [] }],
  ["slos.target", undefined, { type: "number" }],
  [
    "instrumentation.env.DD_TRACE_RATE_LIMIT",
    undefined,
    {
      type: "whole number",
      description: "Read by dd-trace (Node) and ddtrace (Python).",
      facts: [{ name: "languages", value: "node, python" }],
    },
  ],
  [
    "instrumentation.env.OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    undefined,
    { type: "text", description: "A list, joined by commas. Read by OpenTelemetry for Python." },
  ],
  ["downtimes.start", undefined, { type: "text" }],
  ["_monitors", undefined, { type: "mapping" }],
  ["_monitors.team", undefined, { type: "text", examples: ["ml-platform"] }],
] as const)("explains %s", ([path, pack, expected]) => {
  expect(explain(path, pack)).toMatchObject({ path, ...expected });
});

test.for(["monitors", "slos", "dashboards", "downtimes", "metrics"])(
  "says how to go on from %s to one of your own",
  (field) => {
    const { children } = explain(field) as { children: { name: string; description: string }[] };

    expect(children.at(-1)).toMatchObject({
      name: "<name>",
      description: expect.stringContaining(`dd-observe explain ${field}.mine`) as unknown,
    });
    expect(explain(`${field}.mine`)).not.toMatchObject({ children: [] });
  },
);

test("explains a pack's monitor with its query", () => {
  expect(explain("monitors.serf-flap", "consul")).toMatchObject({
    type: "true or false, or mapping",
    facts: expect.arrayContaining([
      { name: "needs", value: "agent.usePrometheusEndpoint: true" },
      { name: "query", value: packs.get("consul")!.monitors["serf-flap"]!.query },
    ]) as unknown,
  });
});

test("lists a pack's options, or every pack's with whose they are", () => {
  const one = explain("agent", "ray") as { children: { name: string }[] };
  const all = explain("agent") as { children: { name: string; description: string }[] };

  expect(one.children.map((child) => child.name)).toEqual(Object.keys(packs.get("ray")!.options));
  expect(all.children.find((child) => child.name === "catalogChecks")?.description).toMatch(/\(consul\)$/);
});

test.for([
  ["endpoint.prot", undefined, "endpoint has no field prot; did you mean port?"],
  ["monitrs", undefined, "a wish has no field monitrs; did you mean monitors?"],
  [
    "agent.catalogChecks",
    "ray",
    `agent has no field catalogChecks; there are ${Object.keys(packs.get("ray")!.options).join(", ")}`,
  ],
  [
    "monitors.object-store-presure",
    "ray",
    "monitors has no field object-store-presure; did you mean object-store-pressure?",
  ],
  [
    "instrumentation.env.DD_TRACE_RATELIMIT",
    undefined,
    "instrumentation.env has no field DD_TRACE_RATELIMIT; did you mean DD_TRACE_RATE_LIMIT?",
  ],
  ["instrumentation.env.NOTHING_LIKE_IT", undefined, "instrumentation.env has no field NOTHING_LIKE_IT"],
  [
    "instrumentation.env.DD_API_KEY",
    undefined,
    "instrumentation.env.DD_API_KEY can't be wished: it may hold a secret, and Consul is no place for one; give it to the job by a Nomad Variable",
  ],
  ["endpoint.port.x", undefined, "endpoint.port has no field x"],
  ["drift", "rey", "no pack is named rey; did you mean ray?"],
] as const)("doesn't know %s of %s", ([path, pack, message]) => {
  expect(explain(path, pack)).toBe(message);
});

test("the editors' schema completes each pack's options and monitors", () => {
  const wish = editorSchemas(packs).get("wish.json")!;
  const branches = wish["allOf"] as {
    if: unknown;
    then: { properties: Record<string, { properties: object }> };
  }[];

  const ofConsul = branches.find((branch) => JSON.stringify(branch.if).includes('"consul"'))!.then.properties;

  expect(Object.keys(ofConsul["agent"]!.properties)).toEqual(Object.keys(packs.get("consul")!.options));
  expect(Object.keys(ofConsul["monitors"]!.properties)).toEqual(Object.keys(packs.get("consul")!.monitors));
});

test.for(["wish.json", "defaults.json"])(
  "the editors' schema %s completes the tracers' variables",
  (file) => {
    const schema = editorSchemas(packs).get(file)!;
    const { env } = schema.properties!["instrumentation"]!.properties!;
    const definitions = schema["definitions"] as Readonly<Record<string, JsonSchema>>;

    const rate = env!.properties!["DD_TRACE_RATE_LIMIT"]!["$ref"] as string;

    expect(env!.additionalProperties).toBe(false);
    expect(Object.keys(env!.properties!)).toEqual([...TRACER_VARIABLES.keys()]);
    expect(definitions[rate.replace("#/definitions/", "")]).toMatchObject({
      description: "Read by dd-trace (Node) and ddtrace (Python).",
      anyOf: [{ type: "integer" }, { type: "string" }],
    });
  },
);
