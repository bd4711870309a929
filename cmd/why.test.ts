import { expect, test } from "vitest";

import type { Resolution, Wish } from "../crds/resolve.ts";
import type { WrittenCondition } from "./service-view.ts";
import { why, type WhyFacts } from "./why.ts";

const ACCEPTED: Resolution = {
  state: "accepted",
  service: "ray",
  generation: 12,
  // What the wish itself holds makes no difference here.
  wish: {} as Wish,
};

/** A service that is well: tagged, accepted, seen by a controller that leads, its file reported by its node. */
function facts(more: Partial<WhyFacts> = {}): WhyFacts {
  return {
    service: "ray",
    tagName: "dd-observe",
    kvPrefix: "observability",
    tags: ["dd-observe"],
    nodes: ["node-1"],
    hasDocument: true,
    otherServices: ["web"],
    otherDocuments: [],
    resolution: ACCEPTED,
    order: undefined,
    pausedBy: undefined,
    hasLeader: true,
    hasRun: true,
    conditions: [],
    seenGeneration: 12,
    reportedNodes: ["node-1"],
    approved: new Set(),
    absentSince: undefined,
    leftOut: [],
    broken: [],
    ...more,
  };
}

function condition(type: string, reason: string, message: string, writer = "controller"): WrittenCondition {
  const lastTransitionTime = "2026-01-01T00:00:00.000Z";
  return { type, status: "False", reason, message, writer, observedGeneration: 12, lastTransitionTime };
}

function held(reason: string, message: string, path: string): Resolution {
  const problem = { owner: "ray", reason, message, path, at: { line: 3, column: 5 } };
  return { state: "held", service: "ray", generation: 12, problems: [problem], paused: false };
}

const UNOBSERVED = { resolution: undefined, hasDocument: false, seenGeneration: undefined };

test("says nothing of a service that is well", () => {
  expect(why(facts())).toEqual([]);
});

test.for<[string, Partial<WhyFacts>, RegExp, RegExp]>([
  [
    "neither tag nor document",
    { ...UNOBSERVED, tags: ["http"] },
    /neither the tag dd-observe nor a document at observability\/ray/,
    /consul kv put observability\/ray/,
  ],
  [
    "a tag with another line",
    { ...UNOBSERVED, tags: ["dd_observe"] },
    /its tag dd_observe looks like a slip/,
    /tag dd-observe/,
  ],
  [
    "a tag without a line",
    { ...UNOBSERVED, tags: ["ddobserve"] },
    /its tag ddobserve looks like a slip/,
    /tag dd-observe/,
  ],
  [
    "a tag in capitals",
    { ...UNOBSERVED, tags: ["DD-Observe"] },
    /its tag DD-Observe looks like a slip/,
    /tag dd-observe/,
  ],
  [
    "a tag with a value",
    { ...UNOBSERVED, tags: ["dd-observe=true"] },
    /its tag dd-observe=true looks like a slip/,
    /tag dd-observe/,
  ],
  [
    "a swapped letter",
    { ...UNOBSERVED, tags: ["dd-obsreve"] },
    /its tag dd-obsreve looks like a slip/,
    /tag dd-observe/,
  ],
  [
    "fields without the bare tag",
    { ...UNOBSERVED, tags: ["dd-observe.pack=ray"] },
    /it has dd-observe.pack=ray, but not the bare tag/,
    /Add the tag dd-observe/,
  ],
  [
    "a document under a name nearby",
    { ...UNOBSERVED, tags: [], otherDocuments: ["rya"] },
    /There is a document for rya/,
    /move it to observability\/ray/,
  ],
  [
    "a document of a service that nobody runs",
    { tags: undefined, nodes: [], reportedNodes: [], otherServices: ["rax"] },
    /Consul's catalog has no service ray; did you mean rax\?/,
    /wrong name/,
  ],
  [
    "a document with a mistake",
    { resolution: held("UnknownField", "prot is not a field; did you mean port?", "endpoint.prot") },
    /^observability\/ray:3:5: prot is not a field/,
    /dd-observe explain endpoint$/,
  ],
  [
    "an unknown pack",
    { resolution: held("UnknownPack", "no pack is named rey; did you mean ray?", "pack") },
    /no pack is named rey/,
    /dd-observe explain pack$/,
  ],
  [
    "what the policy forbids",
    { resolution: held("NotAllowed", "the handle @all is not allowed", "notify.0") },
    /the handle @all is not allowed/,
    /policy file/,
  ],
  [
    "a pause by command",
    { order: { by: "ada", at: "2026-01-01", reason: "a test" } },
    /it is paused by command by ada at 2026-01-01 \("a test"\)/,
    /dd-observe resume ray/,
  ],
  [
    "a pause by the document",
    { pausedBy: "document" },
    /its document says paused: true/,
    /out of the document/,
  ],
  ["no controller that runs", { hasLeader: false }, /no controller runs/, /dd-observe run/],
  [
    "no controller ever",
    { hasLeader: false, hasRun: false },
    /no controller has ever run here/,
    /dd-observe apply/,
  ],
  [
    "a newer document",
    { seenGeneration: 9 },
    /has not seen the newest document yet \(version 12; it saw 9\)/,
    /second/,
  ],
  ["a new service", { seenGeneration: undefined }, /has not said anything of this service yet/, /readyz/],
  [
    "no key",
    { conditions: [condition("MonitorsSynced", "NoApiKey", "waiting: no API key")] },
    /no API key/,
    /DD_API_KEY/,
  ],
  [
    "the brake",
    {
      conditions: [
        condition(
          "MonitorsSynced",
          "BrakeEngaged",
          "too many. If it is right: dd-observe approve 3f2a9c01d4be",
        ),
      ],
    },
    /MonitorsSynced: too many.*dd-observe approve 3f2a9c01d4be/,
    /^$/,
  ],
  [
    "a refusal by Datadog",
    { conditions: [condition("MonitorsSynced", "Rejected", "400 The query is invalid")] },
    /400 The query is invalid/,
    /change the document/,
  ],
  [
    "drift that is reported",
    { conditions: [condition("MonitorsSynced", "DriftReported", "ray/x was changed by hand")] },
    /changed by hand/,
    /drift: correct/,
  ],
  [
    "a file that the Agent refused",
    { conditions: [condition("AgentLoaded", "RolledBack", "the check failed", "node-1")] },
    /^AgentLoaded on node-1: the check failed/,
    /last good one/,
  ],
  ["a node that never reported", { nodes: ["node-1", "node-2"] }, /no file on node-2/, /--role node/],
  [
    "a monitor that cannot be made",
    { broken: [{ name: "mine", because: "the query has no threshold" }] },
    /no monitor ray\/mine: the query has no threshold/,
    /^$/,
  ],
])("tells of %s", ([, more, message, action]) => {
  const [first] = why(facts(more));

  expect(first?.message).toMatch(message);
  expect(first?.action ?? "").toMatch(action);
  expect(first?.weight).not.toBe("note");
});

test("tells since when a service is gone, and when its objects go", () => {
  const gone = facts({
    ...UNOBSERVED,
    tags: undefined,
    absentSince: "2026-01-01T00:05:00.000Z",
    conditions: [
      condition(
        "MonitorsSynced",
        "InGrace",
        "its objects are deleted at 2026-01-01T00:15:00.000Z unless it comes back",
      ),
    ],
  });

  expect(why(gone).map(({ weight }) => weight)).toEqual(["waiting", "waiting"]);
  expect(
    why(gone)
      .map(({ message }) => message)
      .join("\n"),
  ).toContain("deleted at 2026-01-01T00:15:00.000Z");
  expect(
    why(gone)
      .map(({ message }) => message)
      .join("\n"),
  ).toContain("gone since 2026-01-01T00:05:00.000Z");
});

test("what is approved only waits for the next pass", () => {
  const conditions = [condition("MonitorsSynced", "BrakeEngaged", "dd-observe approve 3f2a9c01d4be")];

  const [finding] = why(facts({ conditions, approved: new Set(["3f2a9c01d4be"]) }));

  expect(finding).toMatchObject({
    weight: "waiting",
    action: "3f2a9c01d4be is approved; the next pass acts on it.",
  });
});

test("tells a broken document once, not again for every condition that follows from it", () => {
  const findings = why(
    facts({
      resolution: held("UnknownField", "prot is not a field", "prot"),
      conditions: [
        condition("Accepted", "InvalidWish", "prot is not a field"),
        condition("MonitorsSynced", "Held", "nothing is changed"),
        condition("ConfigWritten", "Held", "nothing is changed", "node-1"),
      ],
    }),
  );

  expect(findings).toHaveLength(1);
});

test("puts what is wrong before what comes by itself, and notes last", () => {
  const findings = why(
    facts({
      leftOut: [{ name: "gpu-idle", because: "made only when a document names it" }],
      seenGeneration: 3,
      order: {},
    }),
  );

  expect(findings.map(({ weight }) => weight)).toEqual(["wrong", "waiting", "note"]);
});

test("what is as wished and yet good to know is a note, with what to do", () => {
  const told = {
    ...condition("EnvPublished", "JobOverrides", "the job sets DD_ENV itself"),
    status: "True",
  } as const;
  const well = { ...condition("EnvPublished", "Taken", "the job takes it"), status: "True" } as const;

  expect(why(facts({ conditions: [told] }))).toEqual([
    {
      weight: "note",
      message: "EnvPublished: the job sets DD_ENV itself",
      action: expect.stringContaining("out of the task's env") as string,
    },
  ]);
  expect(why(facts({ conditions: [well] }))).toEqual([]);
});

test("a service whose job is not known yet waits", () => {
  const conditions = [condition("VariableWritten", "NoJob", "no job of Nomad is known that runs it")];

  expect(why(facts({ conditions }))).toMatchObject([{ weight: "waiting" }]);
});
