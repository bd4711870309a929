import { createRequire } from "node:module";

import { expect, test } from "vitest";

import { EVALUATOR_ATTRIBUTES, type Model } from "./datadog-evaluators.ts";

const require = createRequire(import.meta.url);
const MODELS = "@datadog/datadog-api-client/dist/packages/datadog-api-client-v2/models";

interface Attribute {
  readonly baseName: string;
  readonly type: string;
  readonly required?: boolean;
}

/** Every field of a model of Datadog's client, with its type: `target!.enabled! boolean`. */
function fieldsOfClient(model: string, path = ""): readonly string[] {
  const loaded = require(`${MODELS}/${model}.js`) as Record<
    string,
    { getAttributeTypeMap(): Record<string, Attribute> }
  >;
  return Object.entries(loaded[model]!.getAttributeTypeMap())
    .filter(([name]) => name !== "additionalProperties")
    .flatMap(([, { baseName, type, required }]) => {
      const at = `${path}${baseName}${required === true ? "!" : ""}`;
      const [, list] = /^Array<(LLMObs\w+)>$/.exec(type) ?? [];
      const inner = list ?? (type.startsWith("LLMObs") && !isEnum(type) ? type : undefined);
      return inner === undefined ? [at] : fieldsOfClient(inner, `${at}.`);
    });
}

/** Enumerations of the client are no classes. */
function isEnum(type: string): boolean {
  const loaded = require(`${MODELS}/${type}.js`) as Record<string, unknown>;
  return loaded[type] === undefined;
}

function fieldsOfFake(model: Model, path = ""): readonly string[] {
  return Object.entries(model).flatMap(([name, shape]) => {
    const [first] = Array.isArray(shape) ? (shape as readonly unknown[]) : [shape];
    const isModel = typeof first === "object" && first !== null;
    return isModel ? fieldsOfFake(first as Model, `${path}${name}.`) : [`${path}${name}`];
  });
}

test("what the stand-in takes of an evaluator is what Datadog's own client knows of one", () => {
  expect(fieldsOfFake(EVALUATOR_ATTRIBUTES).toSorted()).toEqual(
    fieldsOfClient("LLMObsCustomEvalConfigUpdateAttributes").toSorted(),
  );
});
