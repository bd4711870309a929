import { EVALUATOR_PART, type EvaluatorLayer } from "./evaluator.ts";
import { checkVariables, OBJECT_VARIABLES } from "./placeholders.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import type { Wish } from "./resolve.ts";

/** What a wish says of evaluators that can't be, or that the policy doesn't allow. */
export function checkEvaluators(
  { service, evaluators }: Pick<Wish, "service" | "evaluators">,
  policy: Policy,
): readonly Problem[] {
  const names = Object.keys(evaluators);
  if (names.length === 0) return [];
  const problem = (path: string, reason: string, message: string): Problem => ({
    owner: service,
    reason,
    path,
    message,
  });
  if (!EVALUATOR_PART.test(service)) {
    const message =
      "evaluators carry the service's name in their own, where no dot and no two dashes in a row can stand";
    return [problem("evaluators", "InvalidValue", message)];
  }
  const many =
    names.length > policy.maxEvaluators
      ? [
          problem(
            "evaluators",
            "NotAllowed",
            `evaluators has ${names.length} entries; the operator's policy allows ${policy.maxEvaluators}`,
          ),
        ]
      : [];
  return [
    ...many,
    ...Object.entries(evaluators).flatMap(([name, evaluator]) => {
      const at = `evaluators.${name}`;
      return [
        ...checkShape(evaluator, (field, reason, message) => problem(`${at}.${field}`, reason, message)),
        ...checkVariables({ owner: service, path: `${at}.filter` }, evaluator.filter ?? "", OBJECT_VARIABLES),
      ];
    }),
  ];
}

type Refuse = (field: string, reason: string, message: string) => Problem;

function checkShape(evaluator: EvaluatorLayer, refuse: Refuse): readonly Problem[] {
  const { template, prompt, provider, model, passes = {}, outputSchema } = evaluator;
  const problems: Problem[] = [];
  const missing = (field: string, what: string): void =>
    void problems.push(refuse(field, "MissingField", `an evaluator needs ${what}`));
  if (template === undefined && prompt === undefined) missing("prompt", "a template or a prompt");
  if (template !== undefined && prompt !== undefined)
    problems.push(
      refuse("template", "InvalidValue", "template brings a prompt of its own; leave one of the two out"),
    );
  if (provider === undefined) missing("provider", "a provider, such as openai");
  if (model === undefined) missing("model", "the model of its provider");
  const only = { bedrock: "amazon-bedrock", vertexAi: "vertex-ai" } as const;
  for (const [field, needed] of Object.entries(only) as readonly ["bedrock" | "vertexAi", string][])
    if (evaluator[field] !== undefined && provider !== needed)
      problems.push(
        refuse(field, "InvalidValue", `${field} means something with the provider ${needed} only`),
      );
  problems.push(...checkPlaceholders(evaluator, refuse));
  // Of a schema of one's own nobody else knows what it answers.
  if (prompt !== undefined && outputSchema === undefined && evaluator.parsing !== "keyword_search")
    missing("outputSchema", "an outputSchema beside its prompt, or parsing: keyword_search");
  const kinds = [
    passes.when !== undefined,
    passes.values !== undefined,
    passes.min !== undefined || passes.max !== undefined,
  ].filter(Boolean);
  if (kinds.length > 1) {
    const message = "when is for booleans, values for categories, min and max for scores; give one of them";
    problems.push(refuse("passes", "InvalidValue", message));
  }
  return problems;
}

const ONE_SPAN = /\{\{\s*(span_input|span_output)\s*\}\}/;

/**
 * What Datadog fills in where: nothing in a system prompt, and input and output of a span only where single spans are judged.
 *
 * @see https://docs.datadoghq.com/llm_observability/evaluations/custom_llm_as_a_judge_evaluations/trace_level_evaluations/
 */
function checkPlaceholders(
  { template, prompt = [], scope = "span" }: EvaluatorLayer,
  refuse: Refuse,
): readonly Problem[] {
  const many = scope === "trace" ? "{{spans}} or {{spans[0].meta.input.value}}" : "{{traces}}";
  if (template !== undefined && scope !== "span") {
    const message = `${template} judges single spans; for scope: ${scope} write a prompt with ${many}`;
    return [refuse("template", "InvalidValue", message)];
  }
  return prompt.flatMap(({ role, content }, at) => {
    const field = `prompt[${at}].content`;
    if (role === "system" && /\{\{.*\}\}/s.test(content)) {
      const message =
        "Datadog fills in nothing in a system prompt; put {{…}} into a message of the role user";
      return [refuse(field, "InvalidValue", message)];
    }
    const [, name] = (scope === "span" ? null : ONE_SPAN.exec(content)) ?? [];
    if (name === undefined) return [];
    const message = `{{${name}}} is there for scope: span only; for scope: ${scope} use ${many}`;
    return [refuse(field, "InvalidValue", message)];
  });
}
