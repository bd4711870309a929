import { expect, test } from "vitest";

import { levelOf } from "../../crds/nomad-telemetry.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { Resolver, type NodeSnapshot } from "../../engine/sources/snapshot.ts";
import { compileNomadTelemetry } from "./compile.ts";
import { readFileTelemetry, readTelemetryMark } from "./file.ts";

const EVERYTHING = `
telemetry:
  collectionInterval: 30s
  datadogAddress: 127.0.0.1:8125
  prefixFilter: ["-nomad.raft", "+nomad.raft.apply"]
  filterDefault: true
  useNodeName: true
  disableDispatchedJobSummaryMetrics: true
  disableRpcRateMetricsLabels: true
  inMemoryCollectionInterval: 1s
  inMemoryRetentionPeriod: 30s
  disableQuotaUtilizationMetrics: true
  includeAllocMetadataInMetrics: true
  allowedMetadataKeysInMetrics: [owner, tier]
  disableAllocationHookMetrics: true
env: production
team: infra
tags: ["cost-center:42"]
`;

function snapshotOf(documents: Readonly<Record<string, string>>): NodeSnapshot {
  const resolver = new Resolver({ packs: new Map(), policy: STRICT_POLICY, tagName: "dd-observe" });
  return resolver.ofNode({
    node: { name: "node-1", address: "10.0.0.1" },
    instances: new Map(),
    documents: new Map(
      Object.entries(documents).map(([name, text]) => [name, { name, text, generation: 1 }]),
    ),
  });
}

function compileFor(version: string | undefined, documents: Readonly<Record<string, string>>) {
  const compile = compileNomadTelemetry({
    clusterId: "dc1",
    level: () =>
      version === undefined ? undefined : { level: levelOf(version), version: `Nomad ${version}` },
  });
  return compile(snapshotOf(documents));
}

test.for(["1.0.18", "1.5.17", "1.7.7", "1.8.4", "1.9.3", "2.0.5"])(
  "Nomad %s gets every setting that it reads, and no other",
  async (version) => {
    const { objects } = compileFor(version, { _nomad: EVERYTHING });

    await expect(objects.get("_nomad/telemetry")?.body.text).toMatchFileSnapshot(
      `../../test/golden/nomad-telemetry/${version}.hcl`,
    );
  },
);

test("what is left out for an old Nomad is told, setting by setting", () => {
  const { problems, objects } = compileFor("1.0.18", {
    _nomad: "telemetry: {includeAllocMetadataInMetrics: true, disableAllocationHookMetrics: false}",
  });

  expect(problems).toEqual([
    {
      owner: "_nomad",
      reason: "NotInThisVersion",
      path: "telemetry.includeAllocMetadataInMetrics",
      message:
        "telemetry.includeAllocMetadataInMetrics is left out of this machine's file: Nomad 1.0.18 doesn't read it, and would not start with it; Nomad 1.9.0 and newer do",
    },
  ]);
  expect(objects.size).toBe(1);
});

test("tags of what Nomad sends are inherited, and only there where it sends", () => {
  const defaults = { _defaults: "env: prod\ntags: [tier:1]\n" };
  const sends = compileFor("2.0.5", {
    ...defaults,
    _nomad: "telemetry: {datadogAddress: localhost:8125, service: nomad-client}",
  });
  const isRead = compileFor("2.0.5", { ...defaults, _nomad: "" });

  const tagsIn = (desired: typeof sends): unknown =>
    Object.fromEntries(readFileTelemetry("x", desired.objects.get("_nomad/telemetry")!.body.text).settings)[
      "datadog_tags"
    ];
  expect(tagsIn(sends)).toEqual(["cluster:dc1", "env:prod", "service:nomad-client", "tier:1"]);
  expect(tagsIn(isRead)).toBeUndefined();
});

test("a machine without Nomad gets nothing, and loses nothing", () => {
  const { objects, held, problems } = compileFor(undefined, { _nomad: EVERYTHING });

  expect([objects.size, problems]).toEqual([0, []]);
  expect(held.get("_nomad/telemetry")).toBe("no Nomad was found on this machine");
});

test("no document, no file; a document that can't be read, whatever stands there stays", () => {
  expect(compileFor("2.0.5", {}).objects.size).toBe(0);
  const broken = compileFor("2.0.5", { _nomad: "telemetry: [" });
  expect(broken.objects.size).toBe(0);
  expect(broken.held.has("_nomad")).toBe(true);
});

test("the file says whose it is, and that it is to stay", () => {
  const { objects } = compileFor("1.9.4", { _nomad: "deletion: retain" });
  const { body, retain } = objects.get("_nomad/telemetry")!;

  expect(retain).toBe(true);
  expect(readTelemetryMark(body.text)).toEqual({ owner: "dc1", level: "1.9.4", retain: true });
});
