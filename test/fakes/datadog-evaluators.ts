import {
  errors,
  fieldsOf,
  isFields,
  type FakeAnswer,
  type FakeWorld,
  type Fields,
  type Route,
  type StoredObject,
} from "./datadog-api.ts";

const READ = "llm_observability_read";
const WRITE = "llm_observability_write";
const ALL = /^\/api\/unstable\/llm-obs\/config\/evaluators\/custom$/;
const ONE = /^\/api\/unstable\/llm-obs\/config\/evaluators\/custom\/([^/]+)$/;

/**
 * Custom evaluators of LLM Observability, held to the models of Datadog's own client
 * (LLMObsCustomEvalConfig*): what these don't know is refused.
 */
export const evaluatorRoutes: readonly Route[] = [
  {
    method: "GET",
    path: ALL,
    permission: READ,
    run: ({ world }) => ({ status: 200, body: { data: [...world.evaluators.values()] } }),
  },
  {
    method: "GET",
    path: ONE,
    permission: READ,
    run({ world, params }) {
      const found = world.evaluators.get(params[0] ?? "");
      return found === undefined ? notFound(params[0]) : { status: 200, body: { data: found } };
    },
  },
  {
    method: "PUT",
    path: ONE,
    permission: WRITE,
    run({ world, params, body }) {
      const name = params[0] ?? "";
      const data = fieldsOf(body["data"]);
      const refused = refusalOf(name, data);
      if (refused !== undefined) return { status: 422, body: { errors: [{ detail: refused }] } };
      makeEvaluator(world, { ...fieldsOf(data["attributes"]), eval_name: name });
      return { status: 200 };
    },
  },
  {
    method: "DELETE",
    path: ONE,
    permission: WRITE,
    run({ world, params }) {
      return world.evaluators.delete(params[0] ?? "") ? { status: 204 } : notFound(params[0]);
    },
  },
];

/** Stores an evaluator as a whole, in place of one with the same name. */
export function makeEvaluator(world: FakeWorld, attributes: Fields): StoredObject {
  const id = String(attributes["eval_name"]);
  const before = fieldsOf(world.evaluators.get(id)?.["attributes"]);
  const now = new Date().toISOString();
  const author = { email: "robot@example.com" };
  const stored = {
    id,
    type: "evaluator_config",
    attributes: {
      ...attributes,
      target: { root_spans_only: false, sampling_percentage: 100, ...fieldsOf(attributes["target"]) },
      created_at: before["created_at"] ?? now,
      updated_at: now,
      created_by: before["created_by"] ?? author,
      last_updated_by: author,
    },
  };
  world.evaluators.set(id, stored);
  return stored;
}

type Shape = "string" | "number" | "integer" | "boolean" | "texts" | "any" | readonly string[] | Model;
/** Fields by name; those that must be there end in `!`. A list of models stands in a list of one. */
export interface Model {
  readonly [field: string]: Shape | readonly [Model];
}

const TOOL_CALL: Model = { arguments: "string", id: "string", name: "string", type: "string" };
const TOOL_RESULT: Model = { name: "string", result: "string", tool_id: "string", type: "string" };

export const EVALUATOR_ATTRIBUTES: Model = {
  category: "string",
  eval_name: "string",
  llm_judge_config: {
    assessment_criteria: {
      max_threshold: "number",
      min_threshold: "number",
      pass_values: "texts",
      pass_when: "boolean",
    },
    context_query: "string",
    "inference_params!": {
      frequency_penalty: "number",
      max_tokens: "integer",
      presence_penalty: "number",
      temperature: "number",
      top_k: "integer",
      top_p: "number",
    },
    last_used_library_prompt_template_name: "string",
    modified_library_prompt_template: "boolean",
    output_schema: "any",
    parsing_type: ["structured_output", "json", "keyword_search"],
    prompt_template: [
      {
        content: "string",
        contents: [
          {
            "type!": "string",
            "value!": { text: "string", tool_call: TOOL_CALL, tool_call_result: TOOL_RESULT },
          },
        ],
        "role!": "string",
      },
    ],
    target_query: "string",
    user_specified_json_post_processing_function: "string",
  },
  llm_provider: {
    bedrock: { inference_profile: "string", region: "string" },
    integration_account_id: "string",
    integration_provider: ["openai", "amazon-bedrock", "anthropic", "azure-openai", "vertex-ai", "llm-proxy"],
    model_name: "string",
    vertex_ai: { location: "string", project: "string" },
  },
  "target!": {
    "application_name!": "string",
    "enabled!": "boolean",
    eval_scope: ["span", "trace", "session"],
    experiment_project_ids: "texts",
    filter: "string",
    root_spans_only: "boolean",
    sampling_percentage: "number",
  },
};

function refusalOf(name: string, data: Fields): string | undefined {
  if (data["type"] !== "evaluator_config") return "type: must be evaluator_config";
  const wrong = wrongIn(data["attributes"], EVALUATOR_ATTRIBUTES, "attributes");
  if (wrong !== undefined) return wrong;
  const { eval_name: stated, target } = fieldsOf(data["attributes"]);
  if (stated !== undefined && stated !== name) return "eval_name: must match the path";
  const share = fieldsOf(target)["sampling_percentage"];
  return typeof share === "number" && (share <= 0 || share > 100)
    ? "sampling_percentage: must be greater than 0 and at most 100"
    : undefined;
}

function wrongIn(value: unknown, model: Model, path: string): string | undefined {
  if (!isFields(value)) return `${path}: must be an object`;
  const shapes = new Map(Object.entries(model).map(([field, shape]) => [field.replace("!", ""), shape]));
  const missing = Object.keys(model).find(
    (field) => field.endsWith("!") && value[field.slice(0, -1)] === undefined,
  );
  if (missing !== undefined) return `${path}.${missing.slice(0, -1)}: is required`;
  for (const [field, inner] of Object.entries(value)) {
    const shape = shapes.get(field);
    if (shape === undefined) return `${path}.${field}: is not known`;
    const wrong = wrongShape(inner, shape, `${path}.${field}`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function wrongShape(value: unknown, shape: Shape | readonly [Model], path: string): string | undefined {
  if (shape === "any") return undefined;
  if (shape === "texts") return Array.isArray(value) ? undefined : `${path}: must be a list`;
  if (shape === "integer") return Number.isInteger(value) ? undefined : `${path}: must be an integer`;
  if (typeof shape === "string") return typeof value === shape ? undefined : `${path}: must be a ${shape}`;
  if (!Array.isArray(shape)) return wrongIn(value, shape as Model, path);
  const [first] = shape as readonly (string | Model)[];
  if (typeof first === "string")
    return (shape as readonly unknown[]).includes(value) ? undefined : `${path}: is none of its values`;
  if (!Array.isArray(value)) return `${path}: must be a list`;
  return value
    .map((one: unknown, at) => wrongIn(one, first!, `${path}.${at}`))
    .find((wrong) => wrong !== undefined);
}

function notFound(name: string | undefined): FakeAnswer {
  return errors(404, `evaluator ${name ?? ""} not found`);
}
