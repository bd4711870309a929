import { expect, test } from "vitest";

import { instrumentationOf, type InstrumentationLayer } from "../../crds/instrumentation.ts";
import { jobSnippet } from "./snippet.ts";

// That Nomad reads and renders it as meant: test/contracts/job-template-live.test.ts.

function snippet(layer: InstrumentationLayer = {}): string {
  const instrumentation = instrumentationOf({ profile: "ddtrace", ...layer }, "generic")!;
  return jobSnippet({
    service: "support",
    statePrefix: "x/y",
    instrumentation,
    preload: { version: "1.2.3" },
  });
}

test("reads the service's keys below the prefix, and starts without them", () => {
  expect(snippet()).toContain('range ls "x/y/env/support/"');
  expect(snippet()).toContain("the task starts without it; a change is taken up at the next deployment");
});

test("waits for the keys with whenMissing: insist", () => {
  expect(snippet({ whenMissing: "insist" })).toContain('range safeLs "x/y/env/support/"');
});

test("reads the job's Nomad Variable where the environment is wished there, and nothing of Consul", () => {
  const ignoring = snippet({ nomadVariable: true });
  const insisting = snippet({ nomadVariable: true, whenMissing: "insist" });

  expect(ignoring).toContain("if nomadVarExists $path");
  expect(ignoring).toContain("Needs Nomad 1.4.");
  expect(insisting).not.toContain("nomadVarExists");
  expect(insisting).toContain("waits until the job's Nomad Variable is there");
  for (const text of [ignoring, insisting]) expect(text).not.toContain("x/y/env");
});

test("fetches the preload only where it is loaded", () => {
  expect(snippet()).not.toContain("artifact {");
  expect(snippet({ inject: true, language: "python" })).toContain("dd-observe-preload-1.2.3.tar.gz");
});

test("asks for a Nomad Variable only where keys of Langfuse are wished and used", () => {
  const langfuse = { keys: "nomad/jobs/support" };

  expect(snippet()).not.toContain("nomadVar");
  expect(snippet({ langfuse })).toContain('nomadVar "nomad/jobs/support"');
  expect(snippet({ langfuse, profile: "otel" })).not.toContain("nomadVar");
});

test.each<[InstrumentationLayer, RegExp]>([
  [{ mode: "local" }, /# .*say mode: hostip/],
  [{ mode: "hostip" }, /# .*dd-observe explain receivers/],
  [{ mode: "socket" }, /# .*volumes = /],
  [{ inject: true, language: "node" }, /# .*NODE_OPTIONS of an image/],
  [{ inject: true, language: "python" }, /# .*PYTHONPATH of an image/],
])("tells with %j what a template can't give", (layer, note) => {
  expect(snippet(layer)).toMatch(note);
});
