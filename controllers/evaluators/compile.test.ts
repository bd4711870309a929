import { describe, expect, test } from "vitest";

import { exampleGround } from "../../test/builders/packs.ts";
import { resolve } from "../../crds/resolve.ts";
import { canonicalObserved, toWire } from "./canonical.ts";
import { compileEvaluators } from "./compile.ts";
import { evaluatorNameOf, keyInName } from "./mark.ts";

function compiled(document: string, clusterId = "DC1") {
  const resolution = resolve("support", ["dd-observe"], { text: document, generation: 1 }, exampleGround());
  if (resolution?.state !== "accepted") throw new Error(JSON.stringify(resolution));
  return compileEvaluators(clusterId)({ services: new Map([["support", resolution]]), paused: new Set() });
}

const JUDGE = "provider: openai, account: acc-1, model: gpt-4.1-mini";

test("an evaluator of one's own becomes what the API takes", () => {
  const { objects } = compiled(`
env: prod
deletion: retain
evaluators:
  tone:
    provider: vertex-ai
    account: acc-1
    model: gemini-2.5-flash
    vertexAi: { location: europe-west1, project: shop }
    prompt:
      - { role: system, content: You judge. }
      - { role: user, content: "{{span_output}}" }
    outputSchema: { type: object, properties: { score_eval: { type: number }, more: {} } }
    passes: { min: 7 }
    inference: { temperature: 0, maxTokens: 200 }
    filter: "@meta.span.kind:agent env:\${env}"
    samplingPercentage: 25
    rootSpansOnly: true
    enabled: false
    drift: report
`);

  expect([...objects.keys()]).toEqual(["support/tone"]);
  expect(objects.get("support/tone")).toMatchObject({
    owner: "support",
    retain: true,
    drift: { rule: "report" },
  });
  expect(toWire(objects.get("support/tone")!.body)).toEqual({
    id: "dd-observe--dc1--support--tone",
    type: "evaluator_config",
    attributes: {
      eval_name: "dd-observe--dc1--support--tone",
      category: "Custom",
      target: {
        application_name: "support",
        enabled: false,
        eval_scope: "span",
        root_spans_only: true,
        filter: "@meta.span.kind:agent env:prod",
        sampling_percentage: 25,
      },
      llm_provider: {
        integration_provider: "vertex-ai",
        integration_account_id: "acc-1",
        model_name: "gemini-2.5-flash",
        vertex_ai: { location: "europe-west1", project: "shop" },
      },
      llm_judge_config: {
        prompt_template: [
          { role: "system", content: "You judge." },
          { role: "user", content: "{{span_output}}" },
        ],
        output_schema: { type: "object", properties: { score_eval: { type: "number" }, more: {} } },
        parsing_type: "structured_output",
        assessment_criteria: { min_threshold: 7 },
        inference_params: { temperature: 0, max_tokens: 200 },
      },
    },
  });
});

test.for([
  ["openai", "boolean_eval", { type: "boolean" }],
  ["azure-openai", "categorical_eval", { type: "string" }],
  ["openai", "evaluation", { type: "string" }],
] as const)("for %s a schema stands below the name %s", ([provider, name, answer]) => {
  const schema = { type: "object", properties: { [name === "evaluation" ? "other" : name]: answer } };
  const judge = { provider, model: "m", prompt: [{ role: "user", content: "x" }] };
  const schemaOf = (outputSchema: object): unknown =>
    compiled(JSON.stringify({ evaluators: { a: { ...judge, outputSchema } } })).objects.get("support/a")!.body
      .llm_judge_config["output_schema"];

  expect(schemaOf(schema)).toEqual({ name, strict: true, schema });
  expect(schemaOf({ name: "mine", schema })).toEqual({ name: "mine", schema });
});

test("a template brings prompt, output and what passes, of which the wish may replace the last two", () => {
  const { objects } = compiled(
    `evaluators: {made-up: {template: hallucination, ${JUDGE}}, rude: {template: toxicity, passes: {when: true}, ${JUDGE}}}`,
  );
  const judgeOf = (key: string) => objects.get(key)!.body.llm_judge_config;

  expect(judgeOf("support/made-up")).toMatchObject({
    prompt_template: [
      { role: "system" },
      { role: "user", content: expect.stringContaining("{{span_output}}") as string },
    ],
    output_schema: { name: "boolean_eval", schema: { required: ["boolean_eval", "reasoning"] } },
    assessment_criteria: { pass_when: false },
    inference_params: {},
  });
  expect(judgeOf("support/rude")["assessment_criteria"]).toEqual({ pass_when: true });
});

describe("what Datadog stores equals the wish", () => {
  const { objects } = compiled(`evaluators: {made-up: {template: hallucination, ${JUDGE}}}`);
  const { body } = objects.get("support/made-up")!;
  const stored = (over: object, judge: object = {}) => ({
    id: body.eval_name,
    type: "evaluator_config",
    attributes: {
      ...body,
      target: { ...body.target, ...over },
      llm_judge_config: { ...body.llm_judge_config, ...judge },
      created_at: "2026-11-01T00:00:00Z",
      updated_at: "2026-11-02T00:00:00Z",
      created_by: { email: "a@example.com" },
    },
  });

  test("with what Datadog fills in by itself", () => {
    const raw = stored(
      { root_spans_only: false, sampling_percentage: 100, experiment_project_ids: [], filter: null },
      { inference_params: { temperature: 1, top_p: 1 }, modified_library_prompt_template: false },
    );

    expect(canonicalObserved(raw, body)).toEqual(body);
  });

  test.for([
    [{ filter: "env:dev" }, {}],
    [{ sampling_percentage: 10 }, {}],
    [{ enabled: false }, {}],
    [{ root_spans_only: true }, {}],
    [{}, { prompt_template: [{ role: "user", content: "?" }] }],
    [{}, { assessment_criteria: { pass_when: true } }],
  ] as const)("unless a person changed it: %j %j", ([target, judge]) => {
    expect(canonicalObserved(stored(target, judge), body)).not.toEqual(body);
  });
});

describe("an evaluator's name", () => {
  test("says whose it is, and is read again", () => {
    const name = evaluatorNameOf("DC1", "support-agent/made_up");

    expect(name).toBe("dd-observe--dc1--support-agent--made_up");
    expect(keyInName(name, "dc1")).toBe("support-agent/made_up");
    expect(keyInName(name, "dc2")).toBeUndefined();
  });

  test("tells clusters apart whose ids can't stand in it", () => {
    const [dotted, dashed] = ["dc1.eu", "dc1--eu"].map((cluster) => evaluatorNameOf(cluster, "a/b"));

    expect(dotted).not.toBe(dashed);
    expect(keyInName(dotted!, "dc1.eu")).toBe("a/b");
    expect(keyInName(dotted!, "dc1--eu")).toBeUndefined();
  });

  test.for([
    "hallucination",
    "dd-observe",
    "dd-observe--dc1--support",
    "dd-observe--dc1--support--a--b",
    "dd-observe--dc1----a",
    "dd-observe-dc1-support-a",
    "my-dd-observe--dc1--support--a",
  ])("%s is somebody else's", (name) => {
    expect(keyInName(name, "dc1")).toBeUndefined();
  });
});
