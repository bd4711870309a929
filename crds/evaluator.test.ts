import { expect, test } from "vitest";

import { exampleGround } from "../test/builders/packs.ts";
import { STRICT_POLICY, type Policy } from "./policy.ts";
import { resolve } from "./resolve.ts";

function read(evaluators: string, service = "support", policy: Policy = STRICT_POLICY) {
  const document = { text: `evaluators: ${evaluators}`, generation: 1 };
  return resolve(service, ["dd-observe"], document, exampleGround({ policy }));
}

const JUDGE = "provider: openai, model: m";
const PROMPT = "prompt: [{role: user, content: '{{span_output}}'}], outputSchema: {type: object}";

test.for([
  `{a: {template: hallucination, ${JUDGE}}}`,
  `{a-b_c: {${PROMPT}, ${JUDGE}}}`,
  `{a: {prompt: [{role: user, content: '{{spans}}'}], outputSchema: {type: object}, scope: trace, ${JUDGE}}}`,
  `{a: {prompt: [{role: user, content: x}], parsing: keyword_search, passes: {values: [good]}, ${JUDGE}}}`,
  `{a: {template: toxicity, provider: amazon-bedrock, model: m, bedrock: {region: eu-west-1}}}`,
])("%s is accepted", (evaluators) => {
  expect(read(evaluators)).toMatchObject({ state: "accepted" });
});

test.for([
  [`{a: {${JUDGE}}}`, "evaluators.a.prompt", /needs a template or a prompt/],
  [
    `{a: {template: hallucination, ${PROMPT}, ${JUDGE}}}`,
    "evaluators.a.template",
    /leave one of the two out/,
  ],
  [`{a: {template: halucination, ${JUDGE}}}`, "evaluators.a.template", /hallucination/],
  ["{a: {template: toxicity, model: m}}", "evaluators.a.provider", /needs a provider/],
  ["{a: {template: toxicity, provider: openai}}", "evaluators.a.model", /needs the model/],
  [`{a: {prompt: [{role: user, content: x}], ${JUDGE}}}`, "evaluators.a.outputSchema", /keyword_search/],
  [
    `{a: {template: toxicity, bedrock: {region: r}, ${JUDGE}}}`,
    "evaluators.a.bedrock",
    /amazon-bedrock only/,
  ],
  [`{a: {template: toxicity, passes: {when: true, min: 1}, ${JUDGE}}}`, "evaluators.a.passes", /one of them/],
  [`{a: {template: toxicity, samplingPercentage: 0, ${JUDGE}}}`, "evaluators.a.samplingPercentage", /0/],
  [`{a: {template: toxicity, filter: "x:\${team}\${nobody}", ${JUDGE}}}`, "evaluators.a.filter", /nobody/],
  [
    `{a: {template: toxicity, scope: trace, ${JUDGE}}}`,
    "evaluators.a.template",
    /write a prompt with \{\{spans\}\}/,
  ],
  [`{a: {${PROMPT}, scope: session, ${JUDGE}}}`, "evaluators.a.prompt[0].content", /use \{\{traces\}\}/],
  [
    `{a: {prompt: [{role: system, content: 'x {{span_input}}'}, {role: user, content: x}], outputSchema: {type: object}, ${JUDGE}}}`,
    "evaluators.a.prompt[0].content",
    /a message of the role user/,
  ],
  [`{a--b: {template: toxicity, ${JUDGE}}}`, undefined, /single dashes/],
] as const)("%s is refused", ([evaluators, path, message]) => {
  const resolution = read(evaluators);

  expect(resolution?.state).toBe("held");
  const [problem] = resolution?.state === "held" ? resolution.problems : [];
  if (path !== undefined) expect(problem?.path).toBe(path);
  expect(problem?.message).toMatch(message);
});

test("a service whose name can't stand in an evaluator's is told so", () => {
  const resolution = read(`{a: {template: toxicity, ${JUDGE}}}`, "my.service");

  expect(resolution?.state === "held" && resolution.problems[0]?.message).toContain("no dot");
});

test("the policy says how many", () => {
  const resolution = read(
    `{a: {template: toxicity, ${JUDGE}}, b: {template: hallucination, ${JUDGE}}}`,
    "support",
    { ...STRICT_POLICY, maxEvaluators: 1 },
  );

  expect(resolution?.state === "held" && resolution.problems).toMatchObject([
    { reason: "NotAllowed", message: "evaluators has 2 entries; the operator's policy allows 1" },
  ]);
});
