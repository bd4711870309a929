import { z } from "zod";

import { driftLayer } from "./drift.ts";
import { EVALUATOR_TEMPLATES } from "./evaluator-templates.ts";

/** How Datadog's list groups an evaluator whose wish doesn't say. */
export const EVALUATOR_CATEGORY = "Custom";

/** A name that can stand in the evaluator's name in Datadog, which people ask for by `@evaluations.custom.<name>`. */
export const EVALUATOR_PART = /^[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*$/;

export const evaluatorName = z.string().max(60).regex(EVALUATOR_PART, {
  error: "must be a name of letters, digits, underscores and single dashes between them, at most 60",
});

const text = z.string().min(1).max(200);

/** What a judge is asked. `{{span_input}}` and the like are filled in by Datadog. */
const message = z.strictObject({
  role: z.enum(["system", "user", "assistant"]).meta({ description: "Who says it." }),
  content: z.string().min(1).max(50_000).meta({
    description:
      "What is said. In messages of the role user Datadog fills in {{span_input}}, {{span_output}} and other fields of the span, with scope trace {{spans}}, with scope session {{traces}}.",
  }),
});

/** What stands under `evaluators.<name>`: one LLM that judges what agents say, in LLM Observability. */
export const evaluatorLayer = z
  .strictObject({
    template: z.enum(Object.keys(EVALUATOR_TEMPLATES) as [string, ...string[]]).meta({
      description: "One of dd-observe's own prompts with its output and what passes. Not beside `prompt`.",
    }),
    prompt: z
      .array(message)
      .min(1)
      .max(20)
      .meta({
        description: "The messages that the judge is given.",
        examples: [
          [
            { role: "system", content: "You judge answers of a support agent." },
            { role: "user", content: "Question: {{span_input}}\nAnswer: {{span_output}}\nIs it polite?" },
          ],
        ],
      }),
    outputSchema: z.record(z.string(), z.unknown()).meta({
      description:
        "JSON schema of what the judge answers; Datadog reads boolean_eval, score_eval or categorical_eval of it. The name that OpenAI wants around it is added.",
    }),
    parsing: z.enum(["structured_output", "json", "keyword_search"]).meta({
      description: "How the answer is read.",
      default: "structured_output",
    }),
    passes: z
      .strictObject({
        when: z.boolean().meta({ description: "The boolean that passes." }),
        values: z.array(text).min(1).max(50).meta({ description: "The categories that pass." }),
        min: z.number().meta({ description: "The lowest score that passes." }),
        max: z.number().meta({ description: "The highest score that passes." }),
      })
      .partial()
      .meta({ description: "What counts as passed. Without it nothing passes or fails." }),
    provider: z
      .enum(["openai", "azure-openai", "anthropic", "amazon-bedrock", "vertex-ai", "llm-proxy"])
      .meta({ description: "Who runs the judge's model. Its account is one of Datadog's integrations." }),
    account: text.meta({
      description: "Id of the account in Datadog's integration of the provider. Never a key.",
    }),
    model: text.meta({ description: "The judge's model.", examples: ["gpt-4.1-mini"] }),
    bedrock: z
      .strictObject({
        region: text.meta({ description: "AWS region." }),
        inferenceProfile: z.string().min(1).max(2_000).meta({ description: "ARN of an inference profile." }),
      })
      .partial()
      .meta({ description: "Only with the provider amazon-bedrock." }),
    vertexAi: z
      .strictObject({
        location: text.meta({ description: "Region of Google Cloud." }),
        project: text.meta({ description: "Project of Google Cloud." }),
      })
      .partial()
      .meta({ description: "Only with the provider vertex-ai." }),
    inference: z
      .strictObject({
        temperature: z.number().min(0).max(2).meta({ description: "Temperature." }),
        maxTokens: z.number().int().min(1).max(1_000_000).meta({ description: "Longest answer in tokens." }),
        topP: z.number().min(0).max(1).meta({ description: "Nucleus sampling." }),
        topK: z.number().int().min(1).max(100_000).meta({ description: "Top-k sampling." }),
        frequencyPenalty: z.number().min(-2).max(2).meta({ description: "Against repetition of words." }),
        presencePenalty: z.number().min(-2).max(2).meta({ description: "Against repetition of subjects." }),
      })
      .partial()
      .meta({ description: "How the judge's model answers. Without it: as the provider does." }),
    application: text.meta({
      description:
        "The application in LLM Observability (ml_app) whose spans are judged. Without it: the service's name.",
    }),
    enabled: z.boolean().meta({ description: "False: it stands there and judges nothing.", default: true }),
    scope: z.enum(["span", "trace", "session"]).meta({
      description: "What is judged at once.",
      default: "span",
    }),
    rootSpansOnly: z.boolean().meta({ description: "True: only the first span of each trace." }),
    filter: z
      .string()
      .min(1)
      .max(2_000)
      .meta({
        description: "Which spans, as in LLM Observability's search. ${service} and ${env} are filled in.",
        examples: ["@meta.span.kind:agent env:${env}"],
      }),
    samplingPercentage: z.number().gt(0).max(100).meta({
      description: "Per cent of them that are judged. Each costs a call of the model.",
      default: 100,
    }),
    category: text.meta({ description: "How Datadog's list groups it.", default: EVALUATOR_CATEGORY }),
    drift: driftLayer,
  })
  .partial();
export type EvaluatorLayer = z.infer<typeof evaluatorLayer>;
