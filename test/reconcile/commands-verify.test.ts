import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, describe, expect, test } from "vitest";

import { rayMetrics, serveMetrics, type Endpoint } from "../../cmd/dev/endpoints.ts";
import { forwardTo } from "../../cmd/dev/forward.ts";
import { lead, startCommandWorld, type CommandWorld, type RunOptions } from "../builders/command-world.ts";
import { startFakeAgent, type FakeAgent } from "../fakes/agent.ts";
import type { FakeDatadogOptions } from "../fakes/datadog.ts";

const running: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

interface VerifyWorld extends CommandWorld {
  readonly agent: FakeAgent;
  readonly endpoint: Endpoint;
  readonly file: string;
  /** What `verify -o json` says. */
  verdict(more?: string, options?: RunOptions): Promise<Verdict>;
  verify(line: string, options?: RunOptions): ReturnType<CommandWorld["run"]>;
  /** Changes what a writer says of the service. */
  say(key: string, type: string, status: string, reason: string, message: string): void;
}

interface Verdict {
  readonly exit: number;
  readonly breaksAt: string | undefined;
  readonly steps: Readonly<
    Record<string, { state: string; message: string; action?: string; details?: string[] }>
  >;
}

const CONTROLLER = "dd-observe/status/services/ray";
const NODE = "dd-observe/status/nodes/node-1/ray";

/** A Ray node that serves its metrics, an Agent that fetches them and sends them on, and a controller that leads: all is well. */
async function startWorld(options: FakeDatadogOptions = {}): Promise<VerifyWorld> {
  const world = await startCommandWorld(options);
  const endpoint = await serveMetrics(rayMetrics);
  const agent = await startFakeAgent({ confdDir: world.confd, onScrape: forwardTo(world.datadog) });
  running.push({ stop: async () => await world[Symbol.asyncDispose]() }, endpoint, agent);
  world.consul.state.registerService("node-1", {
    Service: "ray",
    Tags: ["dd-observe", `dd-observe.port=${endpoint.port}`],
    Port: endpoint.port,
    Address: "127.0.0.1",
  });
  world.consul.put("observability/ray", "env: prod\n");
  const env = { DD_OBSERVE_AGENT_URL: agent.url };
  await world.run("apply", { env });
  await agent.reload();
  lead(world);

  const verify: VerifyWorld["verify"] = async (line, more = {}) =>
    await world.run(`verify ${line}`, { ...more, env: { ...env, ...more.env } });
  const say: VerifyWorld["say"] = (key, type, status, reason, message) => {
    const stored = JSON.parse(
      Buffer.from(world.consul.state.keys.get(key)!.Value ?? "", "base64").toString(),
    ) as { conditions: { type: string }[] };
    const conditions = stored.conditions.filter((condition) => condition.type !== type);
    const lastTransitionTime = "2026-01-01T00:00:00.000Z";
    const said = { type, status, reason, message, observedGeneration: 0, lastTransitionTime };
    world.consul.put(key, JSON.stringify({ ...stored, conditions: [...conditions, said] }));
  };
  say(NODE, "EndpointReachable", "True", "Answers", "the endpoint answers with the expected metrics");
  return {
    ...world,
    agent,
    endpoint,
    file: join(world.confd, "ray.d", "dd-observe-ray.yaml"),
    verify,
    say,
    async verdict(more = "", runOptions) {
      const { exit, out } = await verify(`ray -o json ${more}`, runOptions);
      const { breaksAt, steps } = JSON.parse(out) as {
        breaksAt?: string;
        steps: (Verdict["steps"][string] & { step: string })[];
      };
      return { exit, breaksAt, steps: Object.fromEntries(steps.map((step) => [step.step, step])) };
    },
  };
}

const golden = (name: string): string => `../golden/commands/${name}.txt`;
/** Ports and ages differ from run to run. */
const steady = (text: string): string =>
  text
    .replaceAll(/\b\d+ monitors as/g, "7 monitors as")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:8080")
    .replaceAll(/point \d+s ago/g, "point 0s ago");

describe("verify", () => {
  test("says that all is well, and exits with 0", async () => {
    const world = await startWorld();

    const { exit, out } = await world.verify("ray");

    expect(exit).toBe(0);
    await expect(steady(out)).toMatchFileSnapshot(golden("verify"));
    await expect(steady((await world.verify("ray -o wide")).out)).toMatchFileSnapshot(golden("verify-wide"));
    await expect(steady((await world.verify("ray", { width: 44 })).out)).toMatchFileSnapshot(
      golden("verify-narrow"),
    );
  });

  test("fits into narrow terminals", async () => {
    const world = await startWorld();
    await world.endpoint.stop();
    await world.agent.run();

    for (const width of [30, 44, 60, 80]) {
      const { out } = await world.verify("ray", { width });
      const broad = out
        .split("\n")
        .filter((line) => line.length > width && line.trim().includes(" ") && !/[/:]\S{20}/.test(line));
      expect(broad).toEqual([]);
    }
  });

  test("writes nothing", async () => {
    const world = await startWorld();
    const files = await world.files();
    const before = [world.consul.requests.length, world.datadog.log.length] as const;

    await world.verify("ray");

    const asked = world.consul.requests.slice(before[0]).map(({ line }) => line);
    expect(asked.filter((line) => !line.startsWith("GET "))).toEqual([]);
    const writes = world.datadog.log.slice(before[1]).filter(({ method }) => method !== "GET");
    expect(writes.map(({ path }) => path)).toEqual(["/api/v2/query/timeseries"]);
    expect(await world.files()).toEqual(files);
  });

  test("costs the same, however many services there are", async () => {
    const world = await startWorld();
    for (let at = 0; at < 200; at++) world.register(`other-${at}`, ["dd-observe"]);
    const before = world.consul.requests.length;

    await world.verify("ray");

    expect(world.consul.requests.length - before).toBeLessThan(20);
  });
});

type Break = readonly [
  step: string,
  how: string,
  act: (world: VerifyWorld) => unknown,
  message: RegExp,
  action: RegExp,
];

const BREAKS: readonly Break[] = [
  [
    "registered",
    "nobody registers it",
    ({ consul }) => consul.state.deregisterService("node-1", "ray"),
    /no service ray/,
    /Start the service/,
  ],
  [
    "wished",
    "it has neither tag nor document",
    ({ consul }) => {
      consul.state.registerService("node-1", { Service: "ray", Tags: ["dd_observe"], Port: 1 });
      consul.state.deleteKey("observability/ray");
    },
    /dd_observe looks like a slip/,
    /with the tag dd-observe/,
  ],
  [
    "accepted",
    "its document has a mistake",
    ({ consul }) => consul.put("observability/ray", "env: prod\nmonitors: {node-cpuu: false}\n"),
    /observability\/ray:2:12: .*did you mean node-cpu\?/,
    /explain monitors/,
  ],
  [
    "file",
    "somebody removes the file",
    async ({ file }) => await rm(file),
    /there is no .*dd-observe-ray\.yaml/,
    /--role node/,
  ],
  [
    "file",
    "somebody edits the file",
    async ({ file }) => await writeFile(file, "oops"),
    /dd-observe-ray\.yaml is not as wished/,
    /--role node/,
  ],
  [
    "file",
    "another machine has no node role",
    ({ consul }) => {
      consul.state.registerNode("node-2", "10.0.0.9");
      consul.state.registerService("node-2", { Service: "ray", Tags: ["dd-observe"], Port: 8080 });
    },
    /1 of 2 nodes: no node role has reported/,
    /on that machine/,
  ],
  [
    "endpoint",
    "it doesn't answer",
    (world) => world.say(NODE, "EndpointReachable", "False", "EndpointUnreachable", "nobody listens there"),
    /nobody listens there/,
    /curl -i/,
  ],
  [
    "agent",
    "the check fails",
    async ({ endpoint, agent }) => {
      await endpoint.stop();
      await agent.run();
    },
    /Max retries exceeded .*1 error/,
    /endpoint/,
  ],
  [
    "agent",
    "the Agent doesn't read the file",
    async ({ file, agent }) => {
      const { readFile } = await import("node:fs/promises");
      const text = await readFile(file, "utf8");
      await rm(file);
      await agent.reload();
      await writeFile(file, text);
    },
    /has not loaded the file/,
    /Restart the Agent/,
  ],
  [
    "data",
    "no point arrives",
    ({ datadog }) => datadog.metrics.clear(),
    /no points of the last 10 minutes with service:ray/,
    /forwarder/,
  ],
  [
    "data",
    "one metric stops",
    ({ datadog }) => datadog.metrics.delete("ray.node.mem.total"),
    /1 of 3 key metrics have no points .*: ray\.node\.mem\.total/,
    /option of the wish/,
  ],
  [
    "data",
    "points come without the cluster's tag",
    ({ datadog: { metrics } }) => {
      for (const [name, points] of metrics)
        metrics.set(
          name,
          points.map((point) => ({
            ...point,
            tags: (point.tags ?? []).filter((tag) => !tag.startsWith("cluster:")),
          })),
        );
    },
    /arrives without cluster:dc1/,
    /another file of this check/,
  ],
  [
    "controller",
    "no controller leads",
    ({ consul }) => consul.state.deleteKey("dd-observe/leader"),
    /no controller runs/,
    /dd-observe run/,
  ],
  [
    "monitors",
    "somebody deletes one",
    ({ datadog }) => {
      const [id] = [...datadog.monitors.values()]
        .filter(({ name }) => name.includes("Object store"))
        .map((one) => one.id);
      datadog.remove(id!);
    },
    /1 of \d+ monitors not there: object-store-pressure/,
    /next pass/,
  ],
  [
    "monitors",
    "one that alerts on missing data has none",
    ({ datadog }) => {
      const one = [...datadog.monitors.values()].find(({ name }) => name.includes("no active nodes"))!;
      datadog.edit(one.id, { overall_state: "No Data" });
    },
    /1 of \d+ monitors in No Data: no-active-nodes/,
    /expect data at all times/,
  ],
  [
    "objects",
    "Datadog refuses an SLO",
    (world) => world.say(CONTROLLER, "SLOsSynced", "False", "Rejected", "Cannot create SLO: 400"),
    /SLOsSynced: Cannot create SLO: 400/,
    /change the document/i,
  ],
];

describe("the first break is told with what to do, and what comes after it is shown all the same", () => {
  test.for(BREAKS)("%s: %s", async ([step, , act, message, action]) => {
    const world = await startWorld();
    expect(await world.verdict()).toMatchObject({ exit: 0, breaksAt: undefined });

    await act(world);
    const { exit, breaksAt, steps } = await world.verdict();

    expect(breaksAt).toBe(step);
    expect(exit).toBe(2);
    expect(steps[step]?.message).toMatch(message);
    expect(steps[step]?.action).toMatch(action);
    expect(Object.keys(steps)).toHaveLength(11);
    const { out } = await world.verify("ray");
    expect(out).toContain("✗");
    expect(out.match(/→/g)?.length ?? 0).toBeGreaterThanOrEqual(1);
  });

  test("a quiet monitor that doesn't alert on missing data is no break", async () => {
    const world = await startWorld();
    const one = [...world.datadog.monitors.values()].find(({ name }) => name.includes("no CPU left"))!;
    world.datadog.edit(one.id, { overall_state: "No Data" });

    const { exit, steps } = await world.verdict();

    expect(exit).toBe(0);
    expect(steps["monitors"]?.details?.join()).toMatch(/in No Data, which they don't alert on: .*node-cpu/);
  });

  test("an alert is no break either", async () => {
    const world = await startWorld();
    const [one] = world.datadog.monitors.values();
    world.datadog.edit(one!.id, { overall_state: "Alert" });

    expect((await world.verdict()).exit).toBe(0);
  });
});

describe("what may not be looked at is told with the right that is missing, and the walk goes on", () => {
  test("without Datadog's keys the leader's word counts, else it isn't known", async () => {
    const world = await startWorld();
    const env = { DD_API_KEY: "", DD_APP_KEY: "" };

    const before = await world.verdict("", { env });
    world.say(CONTROLLER, "MetricsArriving", "True", "Arriving", "all 3 key metrics have points");
    const after = await world.verdict("", { env });

    expect(before).toMatchObject({ exit: 1, breaksAt: undefined });
    expect(before.steps["data"]).toMatchObject({ state: "unknown" });
    expect(before.steps["monitors"]?.message).toContain("DD_API_KEY is not set");
    expect(after.steps["data"]).toMatchObject({
      state: "well",
      message: "all 3 key metrics have points (as the leader saw it)",
    });
  });

  test.for([
    ["timeseries_query", "data"],
    ["monitors_read", "monitors"],
  ] as const)("an application key without %s", async ([scope, step]) => {
    const world = await startWorld();
    world.datadog.fault(
      scope === "monitors_read"
        ? { path: /monitor/, kind: "status", status: 403, times: Infinity }
        : { path: /query/, kind: "status", status: 403, times: Infinity },
    );

    const { exit, steps, breaksAt } = await world.verdict();

    expect([exit, breaksAt]).toEqual([1, undefined]);
    expect(steps[step]?.state).toBe("unknown");
    expect(`${steps[step]?.message} ${steps[step]?.action}`).toContain("403");
    expect(steps["objects"]?.state).toBe("well");
  });

  test.for([
    [/status\/nodes/, "file"],
    [/status\/services\/ray/, "controller"],
    [/dd-observe\/leader/, "controller"],
    [/health\/service/, undefined],
  ] as const)("a token that may not read %s", async ([matches, step]) => {
    const world = await startWorld();
    world.consul.fault({ matches, status: 403, text: "Permission denied", times: Infinity });

    const { breaksAt, steps } = await world.verdict();

    expect(breaksAt).toBeUndefined();
    if (step !== undefined) {
      expect(steps[step]?.state).toBe("unknown");
      expect(`${steps[step]?.message} ${steps[step]?.action}`).toMatch(/policy/);
    }
    expect(steps["data"]?.state).toBe("well");
  });

  test("an Agent that can't be asked: then its node's word counts", async () => {
    const world = await startWorld();
    const env = { DD_OBSERVE_AGENT_URL: "http://127.0.0.1:9" };

    const { exit, steps } = await world.verdict("", { env });
    world.say(NODE, "AgentLoaded", "True", "Running", "The Agent runs it without error");

    expect(exit).toBe(1);
    expect(steps["agent"]?.message).toContain("read the Agent's state");
    expect((await world.verdict("", { env })).steps["agent"]?.state).toBe("well");
  });

  test("Consul itself can't be reached", async () => {
    const world = await startWorld();

    const { exit, err } = await world.verify("ray", { env: { CONSUL_HTTP_ADDR: "127.0.0.1:9" } });

    expect(exit).toBe(1);
    expect(err).toContain("Start Consul, or set CONSUL_HTTP_ADDR");
  });
});

describe("options", () => {
  test("--node looks at one node only", async () => {
    const world = await startWorld();
    world.consul.state.registerNode("node-2", "10.0.0.9");
    world.consul.state.registerService("node-2", { Service: "ray", Tags: ["dd-observe"], Port: 8080 });

    expect((await world.verdict("--node node-1")).breaksAt).toBeUndefined();
    expect((await world.verdict("--node node-2")).breaksAt).toBe("file");
    expect((await world.verdict("--node node-3")).steps["file"]?.message).toBe("node-3 doesn't run it");
  });

  test("--here asks the endpoint itself, whatever the node role says", async () => {
    const world = await startWorld();
    const before = await world.verdict("--here");
    await world.endpoint.stop();

    const { breaksAt, steps } = await world.verdict("--here");

    expect(before.steps["endpoint"]?.message).toMatch(/answers with the expected metrics \(asked now\)/);
    expect(breaksAt).toBe("endpoint");
    expect(steps["endpoint"]?.message).toContain("connection refused");
  });

  test("--wait shows what changes, and ends when all is well", async () => {
    const world = await startWorld();
    world.datadog.metrics.clear();
    const waiting = world.verify("ray --wait 30s");
    setTimeout(() => void world.agent.run(), 1_000);

    const { exit, out } = await waiting;

    expect(exit).toBe(0);
    expect(out).toMatch(/waiting for ray to be well/);
    expect(out).toMatch(/✗ data .*✓ data /s);
    expect(out).toContain("all is well, from Consul to Datadog");
  });

  test("--wait ends when the time is over", async () => {
    const world = await startWorld();
    world.datadog.metrics.clear();

    expect((await world.verify("ray --wait 3s")).exit).toBe(2);
  });

  test.for([
    ["_dashboards/x", "is no service"],
    ["ray --wait soon", "must be a duration"],
  ] as const)("verify %s: %s", async ([line, message]) => {
    const world = await startWorld();

    const { exit, err } = await world.verify(line);

    expect(exit).toBe(1);
    expect(err).toContain(message);
  });
});
