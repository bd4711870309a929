import { withoutEmpty } from "../datadog/without-empty.ts";
import { isObject, type Json } from "../monitors/canonical.ts";

/**
 * An evaluator in canonical form, with the API's names: what we want and what Datadog stores, brought to the same
 * shape, so that two equal ones are deeply equal. Nothing in it is null or empty.
 */
export interface EvaluatorBody {
  readonly eval_name: string;
  readonly category: string;
  /** Which spans of which application are judged, and how many of them. */
  readonly target: Json;
  /** Who runs the model that judges. */
  readonly llm_provider: Json;
  /** What it is asked, and what its answer means. */
  readonly llm_judge_config: Json;
}

/** The evaluator that we would send, in canonical form. */
export function canonicalDesired(attributes: Json): EvaluatorBody {
  const { inference_params: inference, ...judge } = recordOf(attributes["llm_judge_config"]);
  return {
    eval_name: String(attributes["eval_name"]),
    category: typeof attributes["category"] === "string" ? attributes["category"] : "",
    target: filled(attributes["target"]),
    llm_provider: filled(attributes["llm_provider"]),
    // The one part that the API insists on, also where nothing stands in it.
    llm_judge_config: { ...filled(judge), inference_params: filled(inference) },
  };
}

/**
 * An evaluator as Datadog returned it, in canonical form.
 *
 * @param wanted The wish, if there is one: what Datadog fills in by itself counts only if the wish sets it.
 */
export function canonicalObserved(raw: Json, wanted?: EvaluatorBody): EvaluatorBody {
  const attributes = recordOf(raw["attributes"]);
  const found = canonicalDesired({ ...attributes, eval_name: attributes["eval_name"] ?? raw["id"] });
  const judge = without(found.llm_judge_config, BY_PEOPLE);
  if (wanted === undefined) return { ...found, llm_judge_config: judge };
  const inference = recordOf(judge["inference_params"]);
  return {
    ...found,
    target: withoutFilledIn(found.target, wanted.target),
    llm_judge_config: {
      ...judge,
      // Datadog may show what its provider does by itself. No two providers do the same.
      inference_params: Object.fromEntries(
        Object.entries(inference).filter(([name]) =>
          Object.hasOwn(recordOf(wanted.llm_judge_config["inference_params"]), name),
        ),
      ),
    },
  };
}

/** What creates or replaces the evaluator. Datadog replaces it as a whole. */
export function toWire(body: EvaluatorBody): Json {
  return { id: body.eval_name, type: "evaluator_config", attributes: body };
}

/** Where the web interface notes which of its own templates a person began with. */
const BY_PEOPLE: readonly string[] = [
  "last_used_library_prompt_template_name",
  "modified_library_prompt_template",
];

/** What a target has where nobody said anything. */
const FILLED_IN: Json = { eval_scope: "span", root_spans_only: false, sampling_percentage: 100 };

function withoutFilledIn(found: Json, wanted: Json): Json {
  return Object.fromEntries(
    Object.entries(found).filter(([name, value]) => Object.hasOwn(wanted, name) || FILLED_IN[name] !== value),
  );
}

function without(record: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/** In a JSON schema what is empty has a meaning: it takes anything. */
const WHOLE: ReadonlySet<string> = new Set(["output_schema"]);

function recordOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

function filled(value: unknown): Json {
  const left = withoutEmpty(value, WHOLE);
  return isObject(left) ? left : {};
}
