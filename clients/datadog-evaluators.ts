import {
  Calls,
  fieldOf,
  objectIn,
  objectsIn,
  type CallOptions,
  type ObjectReader,
  type RawObject,
} from "./datadog-objects.ts";
import type { DatadogTransport } from "./datadog-transport.ts";

/**
 * The reading half of LLM Observability's custom evaluators: `{ id, type, attributes }`, the id being the
 * evaluator's name. Datadog marks this part of its API as unstable.
 */
export interface EvaluatorReader extends ObjectReader {
  /** Lists the evaluators of the organisation, in full. There are no pages. */
  list(options: CallOptions): Promise<readonly RawObject[]>;
}

export interface EvaluatorWriter extends EvaluatorReader {
  /**
   * Creates the evaluator, or replaces the one that has its name.
   *
   * @param body `{ id, type, attributes }`
   * @returns The evaluator as it is stored: the answer of the write itself has no body.
   */
  put(body: object, options: CallOptions): Promise<RawObject>;
  /** @throws {ApiError} `notFound` if it is gone already. */
  delete(name: string, options: CallOptions): Promise<void>;
}

const ALL = "/api/unstable/llm-obs/config/evaluators/custom";
const ONE = `${ALL}/{eval_name}`;

const calls = new Calls("evaluators", { read: "llm_observability_read", write: "llm_observability_write" });

export function evaluatorReader(transport: DatadogTransport): EvaluatorReader {
  return {
    async list(options) {
      const call = calls.read("listLLMObsCustomEvalConfigs", "list evaluators of LLM Observability", options);
      const answer = await transport.request(call, { method: "GET", path: ALL });
      return objectsIn(call, fieldOf(answer, "data"));
    },
    async get(name, options) {
      const call = calls.read("getLLMObsCustomEvalConfig", `read evaluator ${name}`, options);
      const answer = await transport.request(call, { method: "GET", path: ONE, params: { eval_name: name } });
      return objectIn(call, fieldOf(answer, "data"));
    },
  };
}

export function evaluatorWriter(transport: DatadogTransport): EvaluatorWriter {
  const reader = evaluatorReader(transport);
  return {
    ...reader,
    async put(body, options) {
      const name = fieldOf(body, "id");
      if (typeof name !== "string") throw new Error("An evaluator needs its name as id");
      const call = calls.write("updateLLMObsCustomEvalConfig", `write evaluator ${name}`, options);
      await transport.request(
        { ...call, mayBeEmpty: true },
        { method: "PUT", path: ONE, params: { eval_name: name }, body: { data: body } },
      );
      return await reader.get(name, { priority: call.priority, ...options });
    },
    async delete(name, options) {
      const call = calls.write("deleteLLMObsCustomEvalConfig", `delete evaluator ${name}`, options);
      await transport.request(
        { ...call, mayBeEmpty: true },
        { method: "DELETE", path: ONE, params: { eval_name: name } },
      );
    },
  };
}
