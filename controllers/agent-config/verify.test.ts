import { expect, test } from "vitest";

import type { AgentCheck } from "../../clients/agent.ts";
import type { FileRecord } from "./record.ts";
import { instancesByFile, judge, sameEndpoints, worstOf, type Evidence } from "./verify.ts";

const PATH = "ray.d/dd-observe-ray.yaml";
const WRITTEN = 1_700_000_000_500;

function evidence(record: Partial<FileRecord> = {}, rest: Partial<Evidence> = {}): Evidence {
  return {
    path: PATH,
    record: {
      service: "ray",
      check: "ray",
      hash: "new",
      applied: "new",
      retain: false,
      writtenAt: WRITTEN,
      loaded: false,
      before: {},
      complaintsBefore: [],
      ...record,
    },
    instances: [],
    complaints: [],
    isOnlySuspect: true,
    reload: { kind: "none", reloadedAtMs: 0, failure: "" },
    nowMs: WRITTEN + 30_000,
    ...rest,
  };
}

function instance(rest: Partial<AgentCheck> = {}): AgentCheck {
  return {
    id: "ray:new",
    check: "ray",
    file: `/etc/datadog-agent/conf.d/${PATH}`,
    runs: 2,
    errors: 0,
    lastError: "",
    warnings: [],
    updatedAtMs: 1_700_000_020_000,
    intervalMs: 15_000,
    metricSamples: 10,
    ...rest,
  };
}

test("finds the instances of a file wherever the Agent sees conf.d", () => {
  const host = instance();
  const container = instance({ id: "ray:2", file: `/conf.d/${PATH}` });
  const windows = instance({
    id: "ray:3",
    file: "C:\\ProgramData\\Datadog\\conf.d\\ray.d\\dd-observe-ray.yaml",
  });
  const other = instance({ file: "/conf.d/vllm.d/dd-observe-ray.yaml" });

  const found = instancesByFile({ checks: [host, container, windows, other], rejections: new Map() });

  expect(found.get(PATH)).toEqual([host, container, windows]);
});

test.for<
  [
    what: string,
    isCurrent: boolean,
    record: Partial<FileRecord>,
    check: Partial<AgentCheck>,
    rest: Partial<Evidence>,
  ]
>([
  ["an instance of a new file", true, {}, {}, {}],
  ["an instance that has not run since", false, {}, { updatedAtMs: WRITTEN - 5_000 }, {}],
  ["an instance that never ran", false, {}, { runs: 0 }, {}],
  ["an instance that ran before", false, { before: { "ray:new": 1 } }, {}, {}],
  ["an instance whose counts began anew", true, { before: { "ray:new": 40 } }, {}, {}],
  [
    "an old instance after the Agent's poll",
    true,
    { before: { "ray:new": 1 } },
    {},
    { reload: { kind: "poll", reloadedAtMs: 0, failure: "" }, nowMs: WRITTEN + 200_000 },
  ],
  [
    "an old instance long after a reload",
    true,
    { before: { "ray:new": 1 } },
    {},
    { reload: { kind: "command", reloadedAtMs: WRITTEN, failure: "" }, nowMs: WRITTEN + 61_000 },
  ],
  ["an instance of unknown age that may have begun before", false, { before: undefined }, { runs: 3 }, {}],
  ["an instance of unknown age that began after", true, { before: undefined }, { runs: 1 }, {}],
  [
    "an instance of unknown age that began in the second of the write",
    true,
    { before: undefined, writtenAt: WRITTEN + 700 },
    { runs: 1, updatedAtMs: Math.floor((WRITTEN + 700) / 1000) * 1000 },
    {},
  ],
  [
    "an instance of the last good text, which another has replaced",
    false,
    { before: undefined, good: { hash: "old", ids: ["ray:new"] } },
    { runs: 1 },
    {},
  ],
  [
    "an instance of a text that ran before and stands there again",
    true,
    { before: { "ray:new": 1 }, good: { hash: "new", ids: ["ray:new"] } },
    {},
    {},
  ],
  ["any instance once the text was seen running", true, { loaded: true, before: { "ray:new": 1 } }, {}, {}],
])("judges %s: runs the new text = %s", ([, isCurrent, record, check, rest]) => {
  const verdict = judge(evidence(record, { instances: [instance(check)], ...rest }));

  expect(verdict.condition.reason).toBe(isCurrent ? "Running" : "WaitingForAgent");
  expect(verdict.good).toEqual(isCurrent ? ["ray:new"] : undefined);
});

test.for<[kind: "none" | "poll" | "command", reload: Partial<Evidence["reload"]>, message: string]>([
  ["none", {}, "Restart the Agent"],
  ["poll", {}, "up to 60 s"],
  ["command", {}, "has not ended yet"],
  ["command", { failure: "it ended with 1" }, "The reload command failed: it ended with 1"],
  ["command", { reloadedAtMs: WRITTEN + 1 }, "was reloaded and has not run"],
])("says with reload %s what is waited for", ([kind, reload, message]) => {
  const { condition } = judge(evidence({}, { reload: { kind, reloadedAtMs: 0, failure: "", ...reload } }));

  expect(condition).toMatchObject({ status: "Unknown", reason: "WaitingForAgent" });
  expect(condition.message).toContain(message);
});

test.for<[lastError: string, reason: string, advice: string, suspect: string | undefined]>([
  [
    "Failed to establish a new connection: [Errno 111] Connection refused",
    "CheckFailing",
    "Check that the endpoint answers",
    undefined,
  ],
  ["404 Client Error: Not Found", "CheckFailing", "Check the endpoint's path", "run"],
  ["401 Client Error", "CheckFailing", "credentials", "run"],
  ["500 Server Error", "CheckFailing", "datadog-agent status", "run"],
  ["Read timed out. (read timeout=1)", "CheckFailing", "Check that the endpoint answers", "run"],
  [
    "ConfigurationError: Setting `namespace` must be a string",
    "ConfigRejected",
    "namespace",
    "configuration",
  ],
  [
    "Detected 1 error while loading configuration model `InstanceConfig`: …",
    "ConfigRejected",
    "InstanceConfig",
    "configuration",
  ],
])("judges a check that fails with: %s", ([lastError, reason, advice, suspect]) => {
  const verdict = judge(evidence({}, { instances: [instance({ errors: 2, lastError })] }));

  expect(verdict.condition).toMatchObject({ status: "False", reason });
  expect(verdict.condition.message).toContain(advice);
  expect(verdict.suspect).toBe(suspect);
});

test("suspects no text after a single failed run, nor after one that succeeded", () => {
  const once = instance({ runs: 1, errors: 1, lastError: "500" });
  const mixed = instance({ runs: 5, errors: 4, lastError: "500" });

  expect(judge(evidence({}, { instances: [once] })).suspect).toBeUndefined();
  expect(judge(evidence({}, { instances: [mixed] })).suspect).toBeUndefined();
});

test("holds new complaints of the Agent against the only file that it has not loaded", () => {
  const complaints = ["yaml: line 3: did not find expected node"];

  const only = judge(evidence({}, { complaints }));
  const oneOfTwo = judge(evidence({}, { complaints, isOnlySuspect: false }));
  const old = judge(evidence({ complaintsBefore: complaints }, { complaints }));

  expect(only).toMatchObject({ condition: { reason: "ConfigRejected" }, suspect: "configuration" });
  expect(oneOfTwo.condition.reason).toBe("ConfigRejected");
  expect(oneOfTwo.suspect).toBeUndefined();
  expect(old.condition.reason).toBe("WaitingForAgent");
});

test("says the same of the same error, whatever address and length it has", () => {
  const error = (address: string) => `<object at 0x${address}> ${"long ".repeat(200)}`;
  const [one, other] = ["7f01", "7f02"].map((address) =>
    judge(evidence({}, { instances: [instance({ lastError: error(address) })] })),
  );

  expect(one).toEqual(other);
  expect(one!.condition.message.length).toBeLessThan(500);
});

test("compares the endpoints of two texts", () => {
  const text = (port: number, more = "") =>
    `init_config: {}\ninstances:\n  - openmetrics_endpoint: http://a:${port}/\n${more}`;

  expect(sameEndpoints(text(1), text(1, "    tags: [a]\n"))).toBe(true);
  expect(sameEndpoints(text(1), text(2))).toBe(false);
  expect(sameEndpoints(text(1), "[")).toBe(false);
});

test("counts the worst file of a service", () => {
  const condition = (status: "True" | "False" | "Unknown") => ({
    type: "AgentLoaded",
    status,
    reason: status,
    message: "",
  });

  expect(worstOf([condition("True"), condition("False"), condition("Unknown")]).status).toBe("False");
  expect(worstOf([condition("True"), condition("Unknown")]).status).toBe("Unknown");
});
