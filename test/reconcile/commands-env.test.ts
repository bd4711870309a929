import { afterEach, expect, test } from "vitest";

import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

/** An agent whose environment comes from its tag, its document, `_defaults`, its pack and its profile. */
async function startWorld(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  world.register("support", ["dd-observe", "dd-observe.inject=true"]);
  world.consul.put("observability/_defaults", "env: prod\ninstrumentation: {mode: hostip}\n");
  world.consul.put(
    "observability/support",
    "pack: ai-agent\nteam: ml\ninstrumentation: {language: python, sampleRate: 0.1, env: {DD_TRACE_RATE_LIMIT: 50}}\n",
  );
  return world;
}

interface Shown {
  readonly variables: readonly {
    readonly name: string;
    readonly value: string;
    readonly field?: string;
    readonly from: string;
    readonly published: string;
  }[];
  readonly others: readonly unknown[];
}

async function shown(world: CommandWorld, service = "support"): Promise<Shown> {
  return JSON.parse((await world.run(`env ${service} -o json`)).out) as Shown;
}

test("env shows each variable with its value, and who says so", async () => {
  const world = await startWorld();

  const { variables } = await shown(world);

  expect(variables.map(({ name, value, field, from }) => [name, value, field, from])).toEqual([
    ["DD_AGENT_HOST", "__NODE_IP__", "instrumentation.mode", "_defaults"],
    ["DD_DOGSTATSD_PORT", "8125", "instrumentation.mode", "_defaults"],
    ["DD_DOGSTATSD_URL", "udp://__NODE_IP__:8125", "instrumentation.mode", "_defaults"],
    ["DD_ENV", "prod", "env", "_defaults"],
    ["DD_LLMOBS_ENABLED", "true", "instrumentation.llmobs", "pack ai-agent"],
    ["DD_OBSERVE_AGENT_METRICS", "true", "instrumentation.agentMetrics", "pack ai-agent"],
    ["DD_SERVICE", "support", undefined, "the service's name"],
    ["DD_TAGS", "cluster:dc1,team:ml", "tags", "document"],
    ["DD_TRACE_AGENT_URL", "http://__NODE_IP__:8126", "instrumentation.mode", "_defaults"],
    ["DD_TRACE_RATE_LIMIT", "50", "instrumentation.env.DD_TRACE_RATE_LIMIT", "document"],
    ["DD_TRACE_SAMPLING_RULES", '[{"sample_rate":0.1}]', "instrumentation.sampleRate", "document"],
    ["DD_TRACE_STARTUP_LOGS", "false", undefined, "profile ddtrace"],
    ["PYTHONPATH", "__PRELOAD__/python", "instrumentation.inject", "tag dd-observe.inject"],
  ]);
});

test.each([
  ["env", 100],
  ["env-narrow", 80],
] as const)("env reads well: %s", async (name, width) => {
  const world = await startWorld();

  const { exit, out } = await world.run("env support", { width });

  expect(exit).toBe(0);
  await expect(out).toMatchFileSnapshot(`../golden/commands/${name}.txt`);
});

test("env tells whether the variables stand in Consul, before and after they are published", async () => {
  const world = await startWorld();

  const before = await world.run("env support");
  await world.run("apply --role controller");
  const after = await world.run("env support");

  expect(before.out).toContain("0 of 13 stand below dd-observe/env/support/ in Consul; 13 missing.");
  expect(before.out).toContain("No controller runs");
  expect(after.out).toContain("All 13 stand below dd-observe/env/support/ in Consul.");
  expect(after.out).not.toContain("missing");
});

test("env tells what differs, what is another's and what is over", async () => {
  const world = await startWorld();
  world.consul.put("dd-observe/env/support/DD_ENV", "staging");
  await world.run("apply --role controller");
  world.consul.state.keys.delete("dd-observe/env/support/DD_ENV");
  await world.run("apply --role controller");
  world.consul.put("dd-observe/env/support/DD_SERVICE", "edited by hand");
  world.consul.put("dd-observe/env/support/MINE", "x");
  world.consul.put("observability/support", "pack: ai-agent\ninstrumentation: {language: python}\n");

  const { variables, others } = await shown(world);
  const { out } = await world.run("env support");

  const stateOf = Object.fromEntries(variables.map(({ name, published }) => [name, published]));
  expect(stateOf).toMatchObject({ DD_ENV: "same", DD_SERVICE: "differs", DD_TAGS: "differs" });
  expect(others).toEqual([
    { name: "DD_TRACE_RATE_LIMIT", isOurs: true },
    { name: "DD_TRACE_SAMPLING_RULES", isOurs: true },
    { name: "MINE", isOurs: false },
  ]);
  expect(out).toMatch(/DD_SERVICE .*differs/);
  expect(out).toContain("No longer wished, and still there: DD_TRACE_RATE_LIMIT, DD_TRACE_SAMPLING_RULES.");
  expect(out).toContain("Put there by others, and taken by the job as well: MINE.");
});

test("env repeats what the operator saw of the job, where that is worth a look", async () => {
  const world = await startWorld();
  await world.run("apply --role controller");
  const key = [...world.consul.state.keys.keys()].find((one) => /status\/.*support/.test(one))!;
  const text = Buffer.from(world.consul.state.keys.get(key)!.Value!, "base64").toString("utf8");
  const status = JSON.parse(text) as { conditions: { type: string }[] };
  const seen = { status: "True", reason: "JobOverrides", message: "the job sets DD_ENV itself" };
  const conditions = status.conditions.map((one) =>
    one.type === "EnvPublished" ? { ...one, ...seen } : one,
  );

  const before = await world.run("env support");
  world.consul.put(key, JSON.stringify({ ...status, conditions }));
  const after = await world.run("env support");

  expect(before.out).not.toContain("EnvPublished");
  expect(after.out).toContain("EnvPublished: JobOverrides: the job sets DD_ENV itself");
});

test("env names a variable that somebody else wrote", async () => {
  const world = await startWorld();
  world.consul.put("dd-observe/env/support/DD_ENV", "staging");

  const { out } = await world.run("env support");

  expect(out).toMatch(/DD_ENV +prod .*another's/);
  expect(out).toContain("1 written by somebody else");
  expect(out.replaceAll(/\s+/g, " ")).toContain(
    "nothing of this service is published or changed while it stands",
  );
  expect(out).not.toContain("dd-observe apply");
  await world.run("apply --role controller");
  const { variables } = await shown(world);
  expect(variables.filter(({ published }) => published === "same")).toEqual([]);
});

test("env shows the variables all the same where Consul may not be read there", async () => {
  const world = await startWorld();
  world.consul.fault({ matches: /kv\/dd-observe\/env\//, status: 403, text: "Permission denied", times: 9 });

  const { exit, out } = await world.run("env support");

  expect(exit).toBe(0);
  expect(out).toContain("DD_TRACE_SAMPLING_RULES");
  expect(out).toContain("What stands in Consul isn't known:");
});

test("env -o nomad prints what to paste, and nothing else on standard output", async () => {
  const world = await startWorld();
  const sum = "ab".repeat(32);

  const { exit, out, err } = await world.run("env support -o nomad");
  const given = await world.run(
    `env support -o nomad --preload-source https://files/p.tar.gz --preload-checksum ${sum}`,
  );

  expect(exit).toBe(0);
  expect(out).toMatch(/^# For the task of support\..*\nartifact \{.*\ntemplate \{.*\n\}\n$/s);
  expect(out).toContain('range ls "dd-observe/env/support/"');
  expect(err).toContain("tracer");
  expect(given.out).toContain('source      = "https://files/p.tar.gz"\n');
  expect(given.out).toContain(`checksum = "sha256:${sum}"\n`);
});

test.each([
  ["suport", /no service is named suport.*did you mean support\?/],
  ["web", /web is not observed: it has neither the tag dd-observe nor a document/],
  ["quiet", /quiet is given no environment: its wish names no profile.*dd-observe\.inject=true/s],
  ["out", /out is given no environment: profile is none, by the tag dd-observe\.profile/],
  ["without", /without is given no environment: inject is false, by the document, and no profile is named/],
  [
    "broken",
    /the wish of broken can't be read: instrumentation\.profle is not a field; did you mean profile\?/,
  ],
  ["_nomad", /_nomad is no service/],
  ["support --preload-source x", /belong to -o nomad/],
  ["support -o nomad --preload-checksum md5:1", /is no checksum of SHA-256 or SHA-512/],
])("env %s is refused, with what to do", async (line, message) => {
  const world = await startWorld();
  world.register("web", ["http"]);
  world.register("quiet", ["dd-observe"]);
  world.register("out", ["dd-observe", "dd-observe.profile=none"]);
  world.consul.put("observability/without", "instrumentation: {inject: false}\n");
  world.consul.put("observability/broken", "instrumentation: {profle: otel}\n");

  const { exit, out, err } = await world.run(`env ${line}`);

  expect(exit).toBe(1);
  expect(out).toBe("");
  expect(err).toMatch(message);
});

test("env says where Consul is looked for if it doesn't answer", async () => {
  const world = await startWorld();

  const { exit, err } = await world.run("env support", { env: { CONSUL_HTTP_ADDR: "http://127.0.0.1:9" } });

  expect(exit).toBe(1);
  expect(err).toContain("CONSUL_HTTP_ADDR");
});
