import { expect, test } from "vitest";

import { effectiveEnvironment, valuesOf } from "./effective.ts";

const place = { nodeIp: "10.1.2.3", preload: "/local/dd-observe" };

function values(published: Record<string, string>, job: Record<string, string> = {}) {
  return valuesOf(effectiveEnvironment({ published, job, place }));
}

test("what is published is there, and what the job sets as well", () => {
  const found = effectiveEnvironment({ published: { DD_ENV: "prod" }, job: { PORT: "80" }, place });

  expect([...found]).toEqual([
    ["DD_ENV", { value: "prod", origin: "published" }],
    ["DD_OBSERVE_GIVEN", { value: ",DD_ENV,", origin: "template" }],
    ["PORT", { value: "80", origin: "job" }],
  ]);
});

test("what the job sets wins, and is not among what was given", () => {
  const found = effectiveEnvironment({ published: { DD_ENV: "prod" }, job: { DD_ENV: "dev" }, place });

  expect([...found]).toEqual([["DD_ENV", { value: "dev", origin: "job" }]]);
});

test("an empty value of the job counts as none", () => {
  expect(values({ DD_ENV: "prod" }, { DD_ENV: "" })).toMatchObject({ DD_ENV: "prod" });
});

test("NODE_OPTIONS begin with the job's own, PYTHONPATH with what is published", () => {
  const published = { NODE_OPTIONS: "--import=data:x", PYTHONPATH: "__PRELOAD__/python" };
  const job = { NODE_OPTIONS: "--max-old-space-size=512", PYTHONPATH: "/app/lib" };

  const found = effectiveEnvironment({ published, job, place });

  expect(found.get("NODE_OPTIONS")).toEqual({
    value: "--max-old-space-size=512 --import=data:x",
    origin: "joined",
  });
  expect(found.get("PYTHONPATH")).toEqual({ value: "/local/dd-observe/python:/app/lib", origin: "joined" });
  expect(valuesOf(found)).toMatchObject({
    DD_OBSERVE_GIVEN: ",NODE_OPTIONS,PYTHONPATH,",
    DD_OBSERVE_OWN_NODE_OPTIONS: "--max-old-space-size=512",
    DD_OBSERVE_OWN_PYTHONPATH: "/app/lib",
  });
});

test.each([
  ["every __NODE_IP__", "http://__NODE_IP__:1,__NODE_IP__", {}, "http://10.1.2.3:1,10.1.2.3"],
  ["__PRELOAD__", "__PRELOAD__/python", {}, "/local/dd-observe/python"],
  ["__PRELOAD__ by the job", "__PRELOAD__/python", { DD_OBSERVE_PRELOAD: "/opt/pre$&" }, "/opt/pre$&/python"],
])("fills in %s", (_what, text, job: Record<string, string>, filled) => {
  expect(values({ X: text }, job)["X"]).toBe(filled);
});

test("the job's own values are taken as they are", () => {
  expect(values({}, { X: "__NODE_IP__" })).toEqual({ X: "__NODE_IP__" });
});

test("nothing published leaves the job's own environment alone", () => {
  expect(values({}, { NODE_OPTIONS: "--inspect" })).toEqual({ NODE_OPTIONS: "--inspect" });
});
