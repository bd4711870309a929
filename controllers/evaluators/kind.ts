import type { EvaluatorReader, EvaluatorWriter } from "../../clients/datadog-evaluators.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import type { DatadogKind, RawObject } from "../datadog/kind.ts";
import { ownerOfKey, type Mark } from "../datadog/mark.ts";
import { isObject } from "../monitors/canonical.ts";
import { canonicalObserved, toWire, type EvaluatorBody } from "./canonical.ts";
import { evaluatorNameOf, keyInName } from "./mark.ts";

export interface EvaluatorKindOptions {
  /** An `EvaluatorReader` makes a kind that can only be observed: for dry runs. */
  readonly datadog: EvaluatorReader | EvaluatorWriter;
  readonly clusterId: string;
  readonly memory: Pick<Memory, "get">;
  /** What is wished now. A name can't say that an evaluator stays when its wish goes. */
  readonly wished: () => ReadonlyMap<string, Pick<DesiredObject<EvaluatorBody>, "retain">>;
}

const CONCURRENCY = 2;
/** A service's name and an evaluator's. */
const MAX_KEY_LENGTH = 161;

/** Evaluators of LLM Observability: marked by their names, listed in full. */
export function evaluatorKind({
  datadog,
  clusterId,
  memory,
  wished,
}: EvaluatorKindOptions): DatadogKind<EvaluatorBody> {
  const markOfName = (name: string): Mark | undefined => {
    const key = keyInName(name, clusterId);
    if (key === undefined) return undefined;
    return { key, retain: wished().get(key)?.retain ?? memory.get(key)?.retain === true };
  };
  return {
    name: "evaluators",
    noun: "evaluator",
    maxKeyLength: MAX_KEY_LENGTH,
    concurrency: CONCURRENCY,
    isMarkedByName: true,

    list: async (call) => ({ objects: await datadog.list(call), mayHaveMissed: false }),
    read: async (ref, call) => await datadog.get(ref, call),
    async find(key, call) {
      try {
        return [await datadog.get(evaluatorNameOf(clusterId, key), call)];
      } catch (error) {
        if (error instanceof ApiError && error.failure === "notFound") return [];
        throw error;
      }
    },
    writer:
      "put" in datadog
        ? {
            create: async (wire, call) => await datadog.put(wire, call),
            update: async (_ref, wire, call) => await datadog.put(wire, call),
            delete: async (ref, call) => await datadog.delete(ref, call),
          }
        : undefined,

    refOf: (raw) => String(raw["id"]),
    markOf: (raw) => markOfName(String(raw["id"])),
    marksOf: (raw) => (String(raw["id"]).startsWith("dd-observe--") ? [String(raw["id"])] : []),
    ownerOf: ownerOfKey,
    titleOf: ({ eval_name: name }) => name,
    canonical: canonicalObserved,
    toWire,
    markIn: ({ eval_name: name }) => markOfName(name),
    adopted: (raw) => toWire(canonicalObserved(raw)),
    notAdoptable: () =>
      "an evaluator's name is its mark, and Datadog can't change it; write it into a document, and delete the old one in Datadog",
    changeOf,
  };
}

function changeOf(raw: RawObject): ReturnType<NonNullable<DatadogKind<EvaluatorBody>["changeOf"]>> {
  const attributes = isObject(raw["attributes"]) ? raw["attributes"] : {};
  const at = Date.parse(String(attributes["updated_at"]));
  const author = isObject(attributes["last_updated_by"]) ? attributes["last_updated_by"] : {};
  const by = author["email"];
  return {
    ...(Number.isNaN(at) ? {} : { at }),
    ...(typeof by === "string" && by !== "" ? { by } : {}),
  };
}
