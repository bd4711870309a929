import { expect, test } from "vitest";

import { STRICT_POLICY } from "../../crds/policy.ts";
import { resolve, type Resolution } from "../../crds/resolve.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { RawInstance } from "../../engine/sources/sources.ts";
import { exampleGround, examplePack } from "../../test/builders/packs.ts";
import { compilePolls } from "./compile.ts";

const pack = examplePack({
  manifest: {
    name: "flow",
    check: "flow",
    options: {
      count: { type: "boolean", default: false, description: "c" },
      spaces: { type: "texts", pattern: ".*", default: ["default"], description: "s" },
      apiPort: { type: "integer", default: 7243, description: "p" },
    },
    polls: {
      running: {
        needs: "count",
        url: "http://${host}:${option.apiPort}/spaces/${each}/count",
        value: "/count",
        whenAbsent: 0,
        metric: "flow.running",
        tags: ["space:${each}"],
        each: "spaces",
        hint: "Open the API.",
      },
    },
  },
});

function instance(over: Partial<RawInstance> = {}): RawInstance {
  return {
    id: "flow-1",
    service: "flow",
    address: "10.0.0.5",
    port: 8000,
    tags: ["dd-observe"],
    meta: {},
    ...over,
  };
}

function compile(
  document: string,
  {
    instances = [instance()],
    paused = [],
    placedOn = "node-1",
  }: {
    readonly instances?: readonly RawInstance[];
    readonly paused?: readonly string[];
    readonly placedOn?: string;
  } = {},
): ReturnType<typeof compilePolls> {
  const ground = exampleGround();
  const packs = new Map([...ground.packs, ["flow", pack]]);
  const resolution = resolve("flow", ["dd-observe"], { text: document, generation: 7 }, { ...ground, packs });
  const snapshot: NodeSnapshot = {
    services: new Map<string, Resolution>(resolution === undefined ? [] : [["flow", resolution]]),
    paused: new Set(paused),
    placed: new Map([["flow", placedOn]]),
    node: { name: "node-1", address: "10.0.0.5" },
    instances: new Map([["flow", instances]]),
  };
  return compilePolls(snapshot, { clusterId: "dc1", policy: STRICT_POLICY });
}

test("asks for nothing while the option is off", () => {
  expect(compile("env: prod").polls.size).toBe(0);
});

test("asks the instance's own address, with the service's tags and the poll's", () => {
  const { polls } = compile("env: prod\nagent: {count: true}");

  expect([...polls.values()]).toEqual([
    {
      key: "flow/running/default",
      service: "flow",
      url: "http://10.0.0.5:7243/spaces/default/count",
      pointer: "/count",
      whenAbsent: 0,
      metric: "flow.running",
      tags: ["cluster:dc1", "env:prod", "service:flow", "space:default"],
      intervalMs: 60_000,
      hint: "Open the API.",
    },
  ]);
});

test("asks once for each value of a list, and for each value once", () => {
  const { polls } = compile("agent: {count: true, spaces: [a, b, a]}");

  expect([...polls.keys()]).toEqual(["flow/running/a", "flow/running/b"]);
});

test("asks one of several instances", () => {
  const { polls } = compile("agent: {count: true}", {
    instances: [instance(), instance({ id: "flow-2", address: "10.0.0.6" })],
  });

  expect([...polls.values()].map(({ url }) => url)).toEqual(["http://10.0.0.5:7243/spaces/default/count"]);
});

test("a value stays one part of the URL, whatever it says", () => {
  const { polls } = compile('agent: {count: true, spaces: ["a/b?y#z"]}');
  const [poll] = polls.values();

  const url = new URL(poll!.url);
  expect(url.host).toBe("10.0.0.5:7243");
  expect(url.pathname).toBe("/spaces/a%2Fb%3Fy%23z/count");
});

test("asks for nothing, and holds nothing, where another machine does", () => {
  expect(compile("agent: {count: true}", { placedOn: "node-2" }).polls.size).toBe(0);
  expect(compile("paused: true", { placedOn: "node-2" }).held.size).toBe(0);
});

test("an IPv6 address stands in brackets", () => {
  const { polls } = compile("agent: {count: true}", { instances: [instance({ address: "fd00::5" })] });

  expect([...polls.values()].map(({ url }) => new URL(url).host)).toEqual(["[fd00::5]:7243"]);
});

test.for(["169.254.169.254", "metadata.google.internal"])("never asks %s", (address) => {
  const { polls, refused } = compile("agent: {count: true}", { instances: [instance({ address })] });

  expect(polls.size).toBe(0);
  expect(refused.get("flow")).toContain(address);
});

test("says nothing of an address that nobody wants to ask", () => {
  expect(compile("env: prod", { instances: [instance({ address: "169.254.1.1" })] }).refused.size).toBe(0);
});

test.for([
  ["a wish that can't be read", "agent: {cuont: true}", []],
  ["a wish that says so", "paused: true\nagent: {count: true}", []],
  ["a person's order", "agent: {count: true}", ["flow"]],
] as const)("holds what goes on by %s", ([, document, paused]) => {
  const { polls, held } = compile(document, { paused });

  expect(polls.size).toBe(0);
  expect(held).toEqual(new Set(["flow"]));
});
