import { once } from "node:events";

import { beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { startAgentIntake, type AgentIntake } from "../fakes/agent-intake.ts";
import { installWorkloads, type NodeMajor } from "../workloads/install.ts";
import {
  runWorkload,
  startWorkload,
  totals,
  type Ended,
  type Start,
  type Tracer,
} from "../workloads/start.ts";

let absent: string | undefined;
beforeAll(async () => {
  absent = await installWorkloads();
}, 400_000);

/** One run of the agent: two calls of the model, one of the tool, three nodes. */
const CALLS = { input: 120, output: 30, cost: 0.000096 };

/** What the metrics of so many runs come to. */
function runs(count: number, { calls = 2, steps = 3, tools = 1 } = {}): Readonly<Record<string, unknown>> {
  const each = (value: number): readonly number[] => Array.from({ length: count * calls }, () => value);
  return {
    "tasks.started": count,
    "tasks.completed": count,
    "task.duration": count,
    "task.steps": Array.from({ length: count }, () => steps),
    "tokens.input": each(CALLS.input),
    "tokens.output": each(CALLS.output),
    tokens: each(CALLS.input + CALLS.output),
    cost: each(CALLS.cost),
    ...(tools === 0 ? {} : { "tool.selected": count * tools, "tool.duration": count * tools }),
  };
}

async function anAgent(): Promise<AgentIntake> {
  const agent = await startAgentIntake();
  onTestFinished(() => agent.stop());
  return agent;
}

/** Runs a workload to its end; what its metrics came to, once the last of them is through the socket. */
async function observed(start: Start): Promise<{ ended: Ended; agent: AgentIntake; metrics: unknown }> {
  const agent = await anAgent();
  const ended = await runWorkload({ ...start, agent });
  await arrived();
  expect(agent.faults).toEqual([]);
  return { ended, agent, metrics: totals(agent) };
}

/** The process has ended, and what it sent is in this one's queue: two turns read all of it. */
async function arrived(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

const ANSWER: Ended = { end: 0, stdout: "The order is on its way.\n", stderr: "" };
const TRACERS: readonly Tracer[] = ["none", "dd-trace 5", "dd-trace 6"];
const MAJORS: readonly NodeMajor[] = [20, 22, 24];

describe.each(MAJORS)("on Node %i", (node) => {
  test.for(TRACERS)("an agent sends its metrics, beside tracer: %s", async (tracer, { skip }) => {
    if (absent !== undefined) skip(absent);

    const { ended, agent, metrics } = await observed({ program: "app.mjs", node, tracer });

    expect(ended).toEqual(ANSWER);
    expect(metrics).toEqual(runs(1));
    // dd-trace 6 needs Node 22, and does nothing on an older one, without a word.
    const traces = tracer === "none" || (tracer === "dd-trace 6" && node === 20) ? [] : ["support"];
    expect([...new Set(agent.spans.map(({ service }) => service))]).toEqual(traces);
  });

  test.for<[program: string, ended: Partial<Ended>, metrics: Readonly<Record<string, unknown>>]>([
    ["app.cjs", ANSWER, runs(1, { calls: 1, steps: 1, tools: 0 })],
    ["app.mjs --runs 2 --stream", { end: 0, stdout: "streamed\nstreamed\n", stderr: "" }, runs(2)],
    ["app.mjs --fail tool", ANSWER, { ...runs(1), "tool.failures": 1 }],
    ["shapes.mjs parallel", { end: 0, stdout: "5\n", stderr: "" }, runs(5)],
    ["shapes.mjs nested", ANSWER, runs(1, { calls: 4, steps: 8, tools: 2 })],
    [
      "shapes.mjs retries",
      { end: 0, stderr: "" },
      { ...runs(1, { calls: 1, steps: 2, tools: 0 }), "task.retries": 2 },
    ],
    ["shapes.mjs exit", { ...ANSWER, end: 7 }, runs(1)],
    ["shapes.mjs late", { end: 3, stdout: "", stderr: "" }, { "tasks.started": 1 }],
    ["shapes.mjs worker", { ...ANSWER, stdout: ANSWER.stdout.repeat(2) }, runs(2)],
    ["shapes.mjs child", { ...ANSWER, stdout: ANSWER.stdout.repeat(2) }, runs(2)],
  ])("%s: each thing is told once, and it ends as it would", async ([program, ending, wanted], { skip }) => {
    if (absent !== undefined) skip(absent);

    const { ended, metrics } = await observed({ program, node });

    expect(ended).toMatchObject(ending);
    expect(metrics).toEqual(wanted);
  });
});

test("an error that nobody catches is the application's own, and the task's failure is told", async ({
  skip,
}) => {
  if (absent !== undefined) skip(absent);
  const program = "shapes.mjs unhandled";

  const { ended, agent } = await observed({ program });
  const without = await runWorkload({ program, env: { NODE_OPTIONS: "" } });

  expect(ended.end).toBe(1);
  expect(ended.stderr).toContain("TypeError: the shop burns");
  expect(withoutFrames(ended.stderr)).toBe(withoutFrames(without.stderr));
  const completed = agent.metrics.find(({ name }) => name === "ai.agent.tasks.completed");
  expect(completed?.tags).toContain("outcome:failure");
});

test.for<[what: string, args: string, end: number | string]>([
  ["that it handles ends it as it wants", " --handles", 0],
  ["that it doesn't handle ends it", "", "SIGTERM"],
])("a SIGTERM %s", async ([, args, end], { skip }) => {
  if (absent !== undefined) skip(absent);
  const agent = await anAgent();
  const { process: started, ended } = startWorkload({ program: `shapes.mjs signal${args}`, agent });
  await once(started.stdout!, "data");

  started.kill("SIGTERM");

  expect(await ended).toEqual({ ...ANSWER, end });
  await arrived();
  // Nothing runs in a process that a signal ends; what was sent by then has arrived.
  if (end === 0) expect(totals(agent)).toEqual(runs(1));
});

test.for<[what: string, start: Partial<Start>]>([
  ["the preload", { env: { DD_OBSERVE_PRELOAD: "/nonexistent" } }],
  ["the Agent", { agent: undefined as never }],
  ["the Agent, with a tracer", { agent: undefined as never, tracer: "dd-trace 5" }],
  ["the Agent's name", { env: { DD_DOGSTATSD_URL: "udp://nowhere.invalid:8125" } }],
  ["a legible address", { env: { DD_DOGSTATSD_URL: "nonsense" } }],
  ["a legible price", { env: { DD_OBSERVE_PRICES: "{" } }],
])("the application runs as it would without %s", async ([, start], { skip }) => {
  if (absent !== undefined) skip(absent);
  const agent = await anAgent();

  expect(await runWorkload({ program: "app.mjs", agent, ...start })).toEqual(ANSWER);
});

/** The text of an error, without the lines that name files and runs. */
function withoutFrames(stderr: string): string {
  return stderr
    .split("\n")
    .filter((line) => !/^\s+at |^file:|pregelTaskId/.test(line))
    .join("\n");
}
