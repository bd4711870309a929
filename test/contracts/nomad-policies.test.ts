import { readFile } from "node:fs/promises";

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { NO_NOMAD, nomadBinary, startNomad, type NomadServer } from "../servers/nomad.ts";

type Role = "controller" | "node";

/** A call that the role makes, and the rule of its policy without which Nomad refuses it. */
interface Call {
  readonly what: string;
  readonly rule: string;
  readonly ask: (world: World, token: string) => Promise<Response>;
  /** What an answer must have: of a list Nomad leaves out what may not be read, and says nothing of it. */
  readonly has?: string;
}

interface World {
  readonly nomad: NomadServer;
  readonly node: string;
  readonly allocation: string;
}

const get =
  (path: (world: World) => string): Call["ask"] =>
  async (world, token) =>
    await world.nomad.call("GET", path(world), undefined, token);

const CALLS: Readonly<Record<Role, readonly Call[]>> = {
  controller: [
    {
      what: "list services of all namespaces",
      rule: 'namespace "*"',
      ask: get(() => "/v1/services?namespace=*"),
      has: '"ServiceName":"agent"',
    },
    { what: "read a job", rule: 'namespace "*"', ask: get(() => "/v1/job/agent?namespace=default") },
    {
      what: "read its versions",
      rule: 'namespace "*"',
      ask: get(() => "/v1/job/agent/versions?namespace=default"),
    },
    {
      what: "list its allocations",
      rule: 'namespace "*"',
      ask: get(() => "/v1/job/agent/allocations?namespace=default"),
    },
    {
      what: "read an allocation of it",
      rule: 'namespace "*"',
      ask: get(({ allocation }) => `/v1/allocation/${allocation}`),
    },
  ],
  node: [
    { what: "read this machine's agent", rule: "agent", ask: get(() => "/v1/agent/self") },
    { what: "read this machine's node", rule: "node", ask: get(({ node }) => `/v1/node/${node}`) },
    {
      what: "read the servers' health",
      rule: "operator",
      ask: get(() => "/v1/operator/autopilot/health"),
    },
    {
      what: "list allocations of the Agent's job",
      rule: 'namespace "default"',
      ask: get(() => "/v1/job/agent/allocations"),
    },
    {
      what: "read one of them",
      rule: 'namespace "default"',
      ask: get(({ allocation }) => `/v1/allocation/${allocation}`),
    },
    {
      // As restarting does, but nothing comes of it.
      what: "signal the Agent's task",
      rule: 'namespace "default"',
      ask: async ({ nomad, allocation }, token) =>
        await nomad.call(
          "PUT",
          `/v1/client/allocation/${allocation}/signal`,
          { Task: "agent", Signal: "SIGCONT" },
          token,
        ),
    },
  ],
};

const isRoot = process.getuid?.() === 0;
const reason =
  nomadBinary() === undefined ? ` (${NO_NOMAD})` : isRoot ? "" : " (skipped: raw_exec needs root here)";

describe.skipIf(reason !== "")(`Nomad's policies of deploy/policies${reason}`, () => {
  let world: World;
  beforeAll(async () => {
    const nomad = await startNomad({ acls: true });
    await nomad.call("PUT", "/v1/jobs", { Job: AGENT });
    const { ID, NodeID } = await vi.waitFor(
      async () => {
        const answer = await nomad.call("GET", "/v1/job/agent/allocations");
        const allocations = (await answer.json()) as readonly Allocation[];
        const running = allocations.find(({ ClientStatus }) => ClientStatus === "running");
        if (running === undefined)
          throw new Error(`the Agent's task doesn't run: ${JSON.stringify(allocations)}`);
        return running;
      },
      { timeout: 30_000, interval: 200 },
    );
    world = { nomad, allocation: ID, node: NodeID };
  }, 90_000);
  afterAll(async () => await world?.nomad[Symbol.asyncDispose](), 60_000);

  test.for<Role>(["controller", "node"])("the policy of the role %s is enough", async (role) => {
    const token = await tokenOf(world, await policy(role));

    const refused = await refusedCalls(role, token);

    expect(refused).toEqual([]);
  });

  test.for(
    (["controller", "node"] as const).flatMap((role) =>
      [...new Set(CALLS[role].map(({ rule }) => rule))].map((rule) => [role, rule] as const),
    ),
  )("of the role %s the rule %s is needed", async ([role, rule]) => {
    const token = await tokenOf(world, without(await policy(role), rule));

    const refused = await refusedCalls(role, token);

    expect(refused).toEqual(CALLS[role].filter((call) => call.rule === rule).map(({ what }) => what));
  });

  test("a policy has no rule that no call needs", async () => {
    for (const role of ["controller", "node"] as const)
      expect(rulesOf(await policy(role)).toSorted()).toEqual(
        [...new Set(CALLS[role].map(({ rule }) => rule))].toSorted(),
      );
  });

  test("each capability over the Variables of jobs is needed", async () => {
    const whole = await policy("controller-variables");
    const place = "/v1/var/nomad/jobs/agent?namespace=default";
    const body = { Path: "nomad/jobs/agent", Items: { DD_ENV: "test" } };
    const calls: readonly (readonly [capability: string, ask: Call["ask"]])[] = [
      ["write", async ({ nomad }, token) => await nomad.call("PUT", place, body, token)],
      ["read", async ({ nomad }, token) => await nomad.call("GET", place, undefined, token)],
      ["destroy", async ({ nomad }, token) => await nomad.call("DELETE", place, undefined, token)],
    ];
    const refused = async (rules: string): Promise<readonly string[]> => {
      const token = await tokenOf(world, rules);
      await world.nomad.call("PUT", place, body);
      const found: string[] = [];
      for (const [capability, ask] of calls) {
        const { status } = await ask(world, token);
        if (status === 403) found.push(capability);
        else expect([capability, status < 300]).toEqual([capability, true]);
      }
      return found;
    };

    expect(await refused(whole)).toEqual([]);
    for (const [capability] of calls)
      expect(await refused(whole.replace(new RegExp(`"${capability}"(?:, )?`), ""))).toEqual([capability]);
  });

  test("each capability over the Agent's namespace is needed", async () => {
    const whole = await policy("node");
    const readOnly = await tokenOf(world, whole.replace(', "alloc-lifecycle"', ""));
    const blind = await tokenOf(world, whole.replace('"read-job", ', ""));

    expect(await refusedCalls("node", readOnly)).toEqual(["signal the Agent's task"]);
    expect(await refusedCalls("node", blind)).toEqual([
      "list allocations of the Agent's job",
      "read one of them",
    ]);
  });

  async function refusedCalls(role: Role, token: string): Promise<readonly string[]> {
    const refused: string[] = [];
    for (const { what, ask, has = "" } of CALLS[role]) {
      const answer = await ask(world, token);
      const text = await answer.text();
      if (isRefused(answer.status, text) || (answer.ok && !text.includes(has))) refused.push(what);
      else expect([what, answer.status, answer.ok ? "" : text]).toEqual([what, 200, ""]);
    }
    return refused;
  }
});

/** What may not be read is as good as unknown to Nomad, where an allocation is asked for by its id. */
function isRefused(status: number, text: string): boolean {
  return status === 403 || (status === 500 && text.startsWith("Unknown allocation"));
}

interface Allocation {
  readonly ID: string;
  readonly NodeID: string;
  readonly ClientStatus: string;
}

/** Stands in for the Agent. */
const AGENT = {
  ID: "agent",
  Name: "agent",
  Type: "system",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "agent",
      Services: [{ Name: "agent", Provider: "nomad" }],
      Tasks: [
        {
          Name: "agent",
          Driver: "raw_exec",
          Config: { command: "/bin/sleep", args: ["3600"] },
          Resources: { CPU: 10, MemoryMB: 16 },
        },
      ],
    },
  ],
};

async function policy(role: Role | "controller-variables"): Promise<string> {
  return await readFile(new URL(`../../deploy/policies/nomad-${role}.hcl`, import.meta.url), "utf8");
}

/** Names of the blocks, such as `namespace "default"`. */
function rulesOf(text: string): readonly string[] {
  return [...text.matchAll(/^(\w+(?: "[^"]*")?) \{$/gm)].map(([, rule]) => rule!);
}

function without(text: string, rule: string): string {
  const lines = text.split("\n");
  const start = lines.indexOf(`${rule} {`);
  expect(start).toBeGreaterThanOrEqual(0);
  const end = lines.indexOf("}", start);
  return lines.toSpliced(start, end - start + 1).join("\n");
}

let policies = 0;

async function tokenOf({ nomad }: World, rules: string): Promise<string> {
  const name = `test-${++policies}`;
  await nomad.call("PUT", `/v1/acl/policy/${name}`, { Name: name, Rules: rules });
  const answer = await nomad.call("PUT", "/v1/acl/token", { Name: name, Type: "client", Policies: [name] });
  return ((await answer.json()) as { readonly SecretID: string }).SecretID;
}
