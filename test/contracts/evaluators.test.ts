import { expect, test } from "vitest";

import { evaluatorWriter } from "../../clients/datadog-evaluators.ts";
import type { DatadogTransport } from "../../clients/datadog-transport.ts";
import { canonicalDesired, type EvaluatorBody } from "../../controllers/evaluators/canonical.ts";
import { evaluatorKind } from "../../controllers/evaluators/kind.ts";
import { evaluatorNameOf } from "../../controllers/evaluators/mark.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { kindTarget } from "../builders/kind-world.ts";
import { startFakeDatadog } from "../fakes/datadog.ts";
import { bringInLine, desired, signal, testTargetContract } from "../target-contract.ts";

const CLUSTER = "dc1";

function wished(service: string, model: string): DesiredObject<EvaluatorBody> {
  const key = `${service}/made-up`;
  const body = canonicalDesired({
    eval_name: evaluatorNameOf(CLUSTER, key),
    category: "Custom",
    target: { application_name: service, enabled: true, eval_scope: "span" },
    llm_provider: { integration_provider: "openai", integration_account_id: "acc-1", model_name: model },
    llm_judge_config: {
      prompt_template: [{ role: "user", content: "{{span_output}}" }],
      parsing_type: "structured_output",
      inference_params: {},
    },
  });
  return { key, owner: service, body, drift: "correct", retain: false };
}

const kindOf = (transport: DatadogTransport, memory: Memory) =>
  evaluatorKind({
    datadog: evaluatorWriter(transport),
    clusterId: CLUSTER,
    memory,
    wished: () => new Map(),
  });

testTargetContract<EvaluatorBody>("evaluators", async () => {
  const api = await startFakeDatadog();
  return {
    target: kindTarget(api, kindOf).target,
    wish: (service, variant) => wished(service, `model-${variant}`),
    writes: () => api.writes,
    count: () => api.evaluators.size,
    stop: () => api.stop(),
  };
});

async function startWorld() {
  const api = await startFakeDatadog();
  return { api, ...kindTarget(api, kindOf), [Symbol.asyncDispose]: async () => await api.stop() };
}

test("never touches what people or another cluster made", async () => {
  await using world = await startWorld();
  const { api, target } = world;
  const theirs = [
    { ...wished("support", "m").body, eval_name: "made-up" },
    { ...wished("support", "m").body, eval_name: "dd-observe--dc2--support--made-up" },
  ];
  for (const attributes of theirs) api.add("evaluators", attributes);
  const before = api.objects("evaluators");

  await bringInLine(target, desired([wished("support", "m")]));
  await bringInLine(target, desired<EvaluatorBody>([]));

  expect(api.objects("evaluators")).toEqual(before);
});

test("one whose answer was lost is found by its name and not written again", async () => {
  await using world = await startWorld();
  const { api, target } = world;
  await target.observe(signal());
  api.fault({ method: "PUT", kind: "reset", after: true });
  const wish = wished("support", "m");
  await expect(target.apply({ type: "create", desired: wish }, signal())).resolves.toMatchObject({
    key: wish.key,
  });

  const plan = await bringInLine(target, desired([wish]));

  expect(plan).toMatchObject({ actions: [], unchanged: 1 });
  expect(api.evaluators.size).toBe(1);
});

test("what a person changed is an edit, field by field, and says who made it", async () => {
  await using world = await startWorld();
  const { api, target } = world;
  const wish = wished("support", "m");
  await bringInLine(target, desired([wish]));
  api.edit("evaluators", wish.body.eval_name, {
    attributes: {
      target: { filter: "env:dev" },
      last_updated_by: { email: "ada@example.com" },
      updated_at: "2026-11-25T10:00:00Z",
    },
  });

  const [observed] = await target.observe(signal());

  expect(observed?.body.target["filter"]).toBe("env:dev");
  expect(observed).toMatchObject({
    changedBy: "ada@example.com",
    changedAt: Date.parse("2026-11-25T10:00:00Z"),
  });
});

test("a refusal is told in Datadog's words", async () => {
  await using world = await startWorld();
  const wish = wished("support", "m");
  const body = { ...wish.body, target: { ...wish.body.target, sampling_percentage: 0 } };

  const applied = world.target.apply({ type: "create", desired: { ...wish, body } }, signal());

  await expect(applied).rejects.toMatchObject({ failure: "rejected" });
  await expect(applied).rejects.toThrow("must be greater than 0");
});
