import { createSocket } from "node:dgram";
import { once } from "node:events";

import { afterEach, describe, expect, onTestFinished, test } from "vitest";

import { watchBudgets } from "../../controllers/budgets/index.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { Budget } from "../../engine/budget.ts";
import { Board } from "../../engine/status/board.ts";
import { SteppedClock } from "../builders/clock.ts";
import { wishedBy } from "../builders/composed.ts";
import { SILENT } from "../builders/engine-world.ts";
import { startFakeDatadog, type FakeDatadogOptions } from "../fakes/datadog.ts";

const running: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const COST = "ai.agent.cost";
const SUPPORT = ["service:support", "env:prod", "cluster:dc1", "agent:triage"];

/** What an Agent got by DogStatsD. */
async function startAgent() {
  const received: string[] = [];
  const socket = createSocket("udp4", (message) => received.push(message.toString()));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  return { received, address: { host: "127.0.0.1", port: socket.address().port } };
}

async function startLeader(documents: Readonly<Record<string, string>>, options: FakeDatadogOptions = {}) {
  const api = await startFakeDatadog(options);
  running.push(api);
  const agent = await startAgent();
  // The 22nd of November 2026, 07:00 UTC.
  const clock = new SteppedClock();
  const board = new Board("controller", () => clock.date());
  let snapshot = wishedBy(documents);
  for (const service of snapshot.services.keys()) board.know(service, 1);
  const over = new AbortController();
  const dogstatsd = { ...agent.address };
  const done = watchBudgets(
    {
      deps: {
        clusterId: "dc1",
        policy: STRICT_POLICY,
        tagName: "dd-observe",
        isDryRun: false,
        approved: () => new Set(),
        onBackup: async () => undefined,
        log: SILENT,
        datadog: { url: api.url, apiKey: api.apiKey, appKey: api.appKey },
        budget: new Budget(),
        onOrganisation: () => undefined,
        openIntents: () => new Map(),
      },
      snapshot: () => snapshot,
      board,
      log: SILENT,
      dogstatsd,
      intervalMs: 5 * MINUTE,
      clock,
    },
    over.signal,
  );
  running.push({
    async stop() {
      over.abort();
      await done;
    },
  });
  return {
    api,
    agent,
    clock,
    dogstatsd,
    wish: (changed: Readonly<Record<string, string>>) => void (snapshot = wishedBy(changed)),
    spend: (dollars: number, agoMs: number, tags: readonly string[] = SUPPORT, metric = COST): void => {
      const at = Math.floor((clock.wallMs() - agoMs) / 1_000);
      api.metrics.set(metric, [...(api.metrics.get(metric) ?? []), { at, value: dollars, tags }]);
    },
    condition: (service = "support") =>
      board.get(service)?.conditions.find(({ type }) => type === "BudgetMeasured"),
    /** Lets time pass to the next round, and waits for its end. */
    round: async (ms = MINUTE / 2): Promise<void> => {
      await clock.advance(ms);
      await expect.poll(() => clock.nextMs, { interval: 5, timeout: 20_000 }).toBeDefined();
    },
    /** The values of a gauge that the Agent got last, by their tags `agent` and `period`. */
    gauges: (metric: string): Readonly<Record<string, number>> =>
      Object.fromEntries(
        agent.received
          .filter((line) => line.startsWith(`${metric}:`))
          .map((line) => {
            const tagOf = (key: string) => new RegExp(`[#,]${key}:([^,]+)`).exec(line)?.[1];
            return [`${tagOf("agent")} ${tagOf("period")}`, Number(/:([^|]+)\|g/.exec(line)?.[1])] as const;
          }),
      ),
  };
}

const DOCUMENT = "pack: ai-agent\nenv: prod\nteam: ml\n";

test("sends each limit, and which share of it was spent since its period began", async () => {
  const { agent, spend, round, gauges, condition } = await startLeader({
    support: `${DOCUMENT}budget: {daily: 50, monthly: 1000, agents: {triage: {daily: 10}}}\n`,
  });
  spend(4, HOUR);
  spend(1, 2 * HOUR, [...SUPPORT.slice(0, 3), "agent:writer"]);
  spend(95, 8 * HOUR);
  spend(150, 10 * 24 * HOUR);
  spend(1_000, 22 * 24 * HOUR);

  await round();

  await expect.poll(() => agent.received.length).toBe(6);
  expect(gauges("ai.agent.budget.limit")).toEqual({
    "all daily": 50,
    "all monthly": 1000,
    "triage daily": 10,
  });
  expect(gauges("ai.agent.budget.used_ratio")).toEqual({
    "all daily": 0.1,
    "all monthly": 0.25,
    "triage daily": 0.4,
  });
  expect(agent.received[0]).toBe(
    "ai.agent.budget.limit:50|g|#cluster:dc1,env:prod,service:support,team:ml,agent:all,period:daily",
  );
  expect(condition()).toMatchObject({
    status: "True",
    reason: "Measured",
    message: "3 budgets are held against ai.agent.cost and sent to the Agent",
  });
});

test("begins anew at midnight and on the first of the month", async () => {
  const { spend, round, gauges } = await startLeader({
    support: `${DOCUMENT}budget: {daily: 10, monthly: 100}\n`,
  });
  spend(5, HOUR);
  await round();
  await expect
    .poll(() => gauges("ai.agent.budget.used_ratio"))
    .toEqual({ "all daily": 0.5, "all monthly": 0.05 });

  // What is due on the way is asked for at the first moment only.
  await round(17 * HOUR);
  await round(5 * MINUTE);
  await expect
    .poll(() => gauges("ai.agent.budget.used_ratio"))
    .toEqual({ "all daily": 0, "all monthly": 0.05 });
  await round(8 * 24 * HOUR - 10 * MINUTE);
  spend(2, 0);
  await round(5 * MINUTE);

  await expect.poll(() => gauges("ai.agent.budget.used_ratio")).toEqual({ "all daily": 0, "all monthly": 0 });
});

test("one call asks for all services, whatever their number and their limits", async () => {
  const documents = Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [
      `bot-${n}`,
      `${DOCUMENT}budget: {daily: ${n + 1}, monthly: 500}\n`,
    ]),
  );
  const { api, spend, round, gauges, condition } = await startLeader(documents);
  spend(3, HOUR, ["service:bot-2", "env:prod", "cluster:dc1"]);
  spend(3, HOUR, ["service:bot-2", "env:staging", "cluster:dc1"]);
  spend(3, HOUR, ["service:bot-2", "env:prod", "cluster:dc2"]);

  await round();

  expect(api.log.filter(({ path }) => path === "/api/v2/query/timeseries")).toHaveLength(1);
  expect(condition("bot-2")).toMatchObject({ status: "True" });
  await expect
    .poll(() => gauges("ai.agent.budget.used_ratio"))
    .toEqual({ "all daily": 1, "all monthly": 0.006 });
});

describe("says that it can't, and still sends the limit,", () => {
  test("while no cost arrives", async () => {
    const { round, gauges, condition } = await startLeader({ support: `${DOCUMENT}budget: {daily: 50}\n` });

    await round();

    expect(condition()).toMatchObject({ status: "Unknown", reason: "WaitingForData" });
    expect(condition()?.message).toContain(
      "no points of ai.agent.cost in this month and the last 24 hours with service:support, env:prod, cluster:dc1",
    );
    await expect.poll(() => gauges("ai.agent.budget.limit")).toEqual({ "all daily": 50 });
    expect(gauges("ai.agent.budget.used_ratio")).toEqual({});
  });

  test("if the keys may not ask", async () => {
    const { spend, round, gauges, condition } = await startLeader(
      { support: `${DOCUMENT}budget: {daily: 50}\n` },
      { permissions: ["monitors_read"] },
    );
    spend(4, HOUR);

    await round();

    expect(condition()).toMatchObject({ status: "False", reason: "Unauthorized" });
    expect(condition()?.message).toContain("timeseries_query");
    await expect.poll(() => gauges("ai.agent.budget.limit")).toEqual({ "all daily": 50 });
  });

  test("where LLM Observability's cost has no unit, and goes on when it has one", async () => {
    const metric = "ml_obs.span.llm.total.cost";
    const { api, spend, round, gauges, condition } = await startLeader({
      support: `${DOCUMENT}agent: {source: llmobs}\nbudget: {daily: 50}\n`,
    });
    spend(20_000_000_000, HOUR, ["service:support", "env:prod"], metric);

    await round();
    expect(condition()).toMatchObject({ status: "False", reason: "UnitUnknown" });
    expect(gauges("ai.agent.budget.used_ratio")).toEqual({});
    api.metricUnits.set(metric, "nanodollar");
    await round(5 * MINUTE);

    expect(condition()).toMatchObject({ status: "True", reason: "Measured" });
    await expect.poll(() => gauges("ai.agent.budget.used_ratio")).toEqual({ "all daily": 0.4 });
  });

  test("where the source has no metric of cost, or none by agent", async () => {
    const { spend, round, condition } = await startLeader({
      otel: `${DOCUMENT}agent: {source: otel}\nbudget: {daily: 50}\n`,
      judge: `${DOCUMENT}agent: {source: llmobs}\nbudget: {agents: {triage: {daily: 5}}}\n`,
    });
    spend(1, HOUR, ["service:judge", "env:prod"], "ml_obs.span.llm.total.cost");

    await round();

    expect(condition("otel")).toMatchObject({ status: "False", reason: "NoCost" });
    expect(condition("judge")).toMatchObject({ status: "False", reason: "NoCost" });
    expect(condition("judge")?.message).toContain("the budget of triage");
  });
});

test("says that no Agent takes the gauges where there is none", async () => {
  const { dogstatsd, spend, round, condition } = await startLeader({
    support: `${DOCUMENT}budget: {daily: 50}\n`,
  });
  spend(4, HOUR);
  const closed = createSocket("udp4");
  closed.bind(0, "127.0.0.1");
  await once(closed, "listening");
  Object.assign(dogstatsd, { port: closed.address().port });
  await new Promise<void>((resolve) => closed.close(() => resolve()));

  await round();

  expect(condition()).toMatchObject({ status: "False", reason: "AgentUnreachable" });
  expect(condition()?.message).toContain("send ai.agent.budget.limit to DogStatsD at 127.0.0.1");
});

test("sends nothing and says nothing of a service whose budget is gone, and keeps quiet while Datadog is down", async () => {
  const { api, agent, wish, spend, round, condition } = await startLeader({
    support: `${DOCUMENT}budget: {daily: 50}\n`,
  });
  spend(4, HOUR);
  await round();
  api.fault({ kind: "status", status: 503, times: 5 });
  await round(5 * MINUTE);
  expect(condition()).toMatchObject({ status: "True" });

  wish({ support: DOCUMENT });
  const before = agent.received.length;
  await round(5 * MINUTE);

  expect(condition()).toBeUndefined();
  expect(agent.received).toHaveLength(before);
});
