import { afterEach, expect, test } from "vitest";

import { startCommandWorld, type CommandWorld, type Ran } from "../builders/command-world.ts";
import { fieldsOf } from "../fakes/datadog-api.ts";
import type { FakeDatadogOptions } from "../fakes/datadog.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

const NAME = "dd-observe--dc1--support--made-up";
const EVALUATORS_PATH = "/api/unstable/llm-obs/config/evaluators/custom";

const wishOf = (model: string, more = ""): string =>
  `${more}evaluators: {made-up: {template: hallucination, provider: openai, account: acc-1, model: ${model}}}\n`;

async function startWorld(document: string, options: FakeDatadogOptions = {}) {
  const world = await startCommandWorld(options);
  running.push(world);
  world.register("support", ["dd-observe"]);
  world.register("web", ["dd-observe"]);
  world.consul.put("observability/support", document);
  const on = { env: { DD_OBSERVE_EVALUATORS: "on" } };
  return {
    ...world,
    run: async (line: string): Promise<Ran> => await world.run(line, on),
    runWithoutSwitch: async (line: string): Promise<Ran> => await world.run(line),
    apply: async (): Promise<Ran> =>
      await world.run("apply --role controller --grace 0 --max-deletes 100", on),
    modelOf: (name = NAME): unknown =>
      fieldsOf(fieldsOf(world.datadog.evaluators.get(name)?.["attributes"])["llm_provider"])["model_name"],
    calls: (): readonly string[] =>
      world.datadog.log.filter(({ path }) => path.startsWith(EVALUATORS_PATH)).map(({ method }) => method),
  };
}

test("an evaluator is made, follows its document, and goes with it", async () => {
  const world = await startWorld(wishOf("m-1"));

  const first = await world.apply();
  const made = world.modelOf();
  world.consul.put("observability/support", wishOf("m-2"));
  const planned = await world.run("plan --role controller");
  await world.apply();
  const changed = world.modelOf();
  const again = await world.run("plan --role controller");
  world.consul.put("observability/support", "env: prod\n");
  await world.apply();

  expect(first).toMatchObject({ exit: 0, err: "" });
  expect([made, changed]).toEqual(["m-1", "m-2"]);
  expect(planned.out).toContain("llm_provider.model_name");
  expect(again.exit).toBe(0);
  expect([...world.datadog.evaluators.keys()]).toEqual([]);
});

test("without the switch nothing is asked or sent, and whoever wishes an evaluator is told so", async () => {
  const world = await startWorld(wishOf("m-1"));

  const applied = await world.runWithoutSwitch("apply --role controller");
  const described = (await world.runWithoutSwitch("describe support")).out;
  const other = (await world.runWithoutSwitch("describe web")).out;

  expect(world.calls()).toEqual([]);
  expect(applied).toMatchObject({
    exit: 2,
    out: expect.stringContaining("DD_OBSERVE_EVALUATORS=on") as string,
  });
  expect(described).toMatch(/EvaluatorsSynced +False +SwitchedOff/);
  expect(described).toContain("DD_OBSERVE_EVALUATORS=on");
  expect(other).not.toContain("EvaluatorsSynced");
});

test("who wishes none is neither told of the switch nor costs a call with it", async () => {
  const world = await startWorld("env: prod\n");

  const without = await world.runWithoutSwitch("apply --role controller");
  await world.apply();

  expect(without).toMatchObject({ exit: 0 });
  expect(without.out).not.toContain("EVALUATORS");

  expect(world.calls()).toEqual([]);
});

test("what stood there stays when the switch is turned off", async () => {
  const world = await startWorld(wishOf("m-1"));
  await world.apply();
  world.consul.put("observability/support", "env: prod\n");

  await world.runWithoutSwitch("apply --role controller --grace 0 --max-deletes 100");

  expect([...world.datadog.evaluators.keys()]).toEqual([NAME]);
});

test("one that is to be retained stays when its wish goes, though the wish said so only later", async () => {
  const world = await startWorld(wishOf("m-1"));
  await world.apply();
  world.consul.put("observability/support", wishOf("m-1", "deletion: retain\n"));
  await world.apply();
  world.consul.put("observability/support", "env: prod\n");

  await world.apply();

  expect([...world.datadog.evaluators.keys()]).toEqual([NAME]);
});

test("a person's edit is set right, or only told of where the wish says so", async () => {
  const world = await startWorld(wishOf("m-1"));
  await world.apply();
  const edit = { attributes: { llm_provider: { model_name: "mine" } } };
  world.datadog.edit("evaluators", NAME, edit);
  await world.apply();
  const corrected = world.modelOf();

  world.consul.put("observability/support", wishOf("m-1", "drift: report\n"));
  await world.apply();
  world.datadog.edit("evaluators", NAME, edit);
  await world.apply();

  expect(corrected).toBe("m-1");
  expect(world.modelOf()).toBe("mine");
  expect((await world.run("get evaluators")).out).toMatch(/support\/made-up .*changed by hand/);
});

test("a key without the right is told which one it needs", async () => {
  const world = await startWorld(wishOf("m-1"), {
    permissions: ["monitors_read", "monitors_write", "llm_observability_read"],
  });

  await world.apply();

  const { out } = await world.run("describe support");
  expect(out).toMatch(/EvaluatorsSynced +False +Unauthorized/);
  expect(out).toContain("llm_observability_write");
});

test("get and describe show it, and what was overwritten can be restored", async () => {
  const world = await startWorld(wishOf("m-1"));
  await world.apply();
  world.consul.put("observability/support", wishOf("m-2"));
  await world.apply();

  const listed = await world.run("get evaluators");
  const described = await world.run("describe support");
  await world.run("pause support");
  const restored = await world.run("restore evaluators support/made-up --yes");

  expect(listed.out).toMatch(
    /support\/made-up +dd-observe--dc1--support--made-up +as wished +m-2 judges 100 % of support/,
  );
  expect(described.out).toContain("m-2 judges 100 % of support");
  expect(restored).toMatchObject({ exit: 0 });
  expect(world.modelOf()).toBe("m-1");
});

test("a person's evaluator can't be adopted, since its name would have to change", async () => {
  const world = await startWorld(wishOf("m-1"));
  world.datadog.add("evaluators", {
    eval_name: "tone",
    target: { application_name: "support", enabled: true },
    llm_judge_config: { inference_params: {} },
  });

  const adopted = await world.run("adopt evaluator tone support/made-up");

  expect(adopted.exit).not.toBe(0);
  expect(adopted.err).toContain("an evaluator's name is its mark");
  expect(world.datadog.evaluators.has("tone")).toBe(true);
});
