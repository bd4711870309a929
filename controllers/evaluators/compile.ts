import { driftOf } from "../../crds/drift.ts";
import { EVALUATOR_TEMPLATES } from "../../crds/evaluator-templates.ts";
import { EVALUATOR_CATEGORY, type EvaluatorLayer } from "../../crds/evaluator.ts";
import { fillInText, type Variables } from "../../crds/pack.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, remember, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { isObject } from "../monitors/canonical.ts";
import { serviceVariables } from "../scope.ts";
import { canonicalDesired, type EvaluatorBody } from "./canonical.ts";
import { evaluatorNameOf } from "./mark.ts";

/** Works out the evaluators of all services. Pure; one changed document costs one compile. */
export function compileEvaluators(clusterId: string): (snapshot: Snapshot) => Desired<EvaluatorBody> {
  return compileEach({ compileOne: remember((wish: Wish) => evaluatorsOf(wish, clusterId)) });
}

function evaluatorsOf(wish: Wish, clusterId: string): Compiled<EvaluatorBody> {
  const { service } = wish;
  const variables = serviceVariables(wish, clusterId);
  const objects = Object.entries(wish.evaluators).map(([name, evaluator]) => {
    const key = `${service}/${name}`;
    return {
      key,
      owner: service,
      body: bodyOf(evaluator, { name: evaluatorNameOf(clusterId, key), service, variables }),
      drift: driftOf(evaluator.drift, wish.drift),
      retain: wish.deletion === "retain",
    };
  });
  return { objects };
}

interface Place {
  /** Its name in Datadog. */
  readonly name: string;
  readonly service: string;
  readonly variables: Variables;
}

function bodyOf(evaluator: EvaluatorLayer, { name, service, variables }: Place): EvaluatorBody {
  const { inference = {}, bedrock, vertexAi } = evaluator;
  const template = evaluator.template === undefined ? undefined : EVALUATOR_TEMPLATES[evaluator.template];
  const passes = evaluator.passes ?? template?.passes ?? {};
  return canonicalDesired({
    eval_name: name,
    category: evaluator.category ?? EVALUATOR_CATEGORY,
    target: {
      application_name: evaluator.application ?? service,
      enabled: evaluator.enabled ?? true,
      eval_scope: evaluator.scope ?? "span",
      root_spans_only: evaluator.rootSpansOnly,
      filter: evaluator.filter === undefined ? undefined : fillInText(evaluator.filter, variables),
      sampling_percentage: evaluator.samplingPercentage,
    },
    llm_provider: {
      integration_provider: evaluator.provider,
      integration_account_id: evaluator.account,
      model_name: evaluator.model,
      bedrock: { region: bedrock?.region, inference_profile: bedrock?.inferenceProfile },
      vertex_ai: { ...vertexAi },
    },
    llm_judge_config: {
      prompt_template: evaluator.prompt ?? template?.prompt,
      output_schema: schemaFor(evaluator.provider, evaluator.outputSchema ?? template?.outputSchema),
      parsing_type: evaluator.parsing ?? "structured_output",
      assessment_criteria: {
        pass_when: "when" in passes ? passes.when : undefined,
        pass_values: "values" in passes ? passes.values : undefined,
        min_threshold: "min" in passes ? passes.min : undefined,
        max_threshold: "max" in passes ? passes.max : undefined,
      },
      inference_params: {
        temperature: inference.temperature,
        max_tokens: inference.maxTokens,
        top_p: inference.topP,
        top_k: inference.topK,
        frequency_penalty: inference.frequencyPenalty,
        presence_penalty: inference.presencePenalty,
      },
    },
  });
}

type Schema = Readonly<Record<string, unknown>>;

/** What Datadog reads of an answer, each for another kind of it. */
const ANSWERS = ["boolean_eval", "score_eval", "categorical_eval"];

/**
 * OpenAI takes a schema with a name around it, others the schema alone. One that has the name already stays as it is.
 *
 * @see https://github.com/DataDog/dd-trace-py (ddtrace/llmobs/_evaluators/llm_judge.py, _format_schema_for_provider)
 */
function schemaFor(provider: EvaluatorLayer["provider"], schema: Schema | undefined): Schema | undefined {
  if (provider !== "openai" && provider !== "azure-openai") return schema;
  if (schema === undefined || isObject(schema["schema"])) return schema;
  const { properties } = schema;
  const answer = ANSWERS.find((name) => isObject(properties) && Object.hasOwn(properties, name));
  return { name: answer ?? "evaluation", strict: true, schema };
}
