import { expect, test } from "vitest";

import { CORRECT } from "../../crds/drift.ts";
import { globalMonitorLayer, type GlobalMonitor } from "../../crds/global-monitor.ts";
import type { Resolution } from "../../crds/resolve.ts";
import { fieldChanges } from "../../engine/plan/plan.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { canonicalObserved, type Json, type MonitorBody } from "./canonical.ts";
import { compileMonitors } from "./compile.ts";
import { documentOf } from "./document.ts";

const KEY = "_monitors/imported";

/** What a document makes of a monitor, without our marks and the line that says where it comes from. */
function compiled(layer: Json): MonitorBody | string {
  const { env, team, tags = [], notify = [], ...monitor } = globalMonitorLayer.parse(layer);
  const wish: GlobalMonitor = {
    kind: "monitor",
    key: KEY,
    name: "imported",
    generation: 1,
    env,
    team,
    tags,
    notify,
    drift: CORRECT,
    freeze: [],
    deletion: "delete",
    paused: false,
    monitor,
  };
  const services = new Map<string, Resolution>([
    [KEY, { state: "global", kind: "monitor", service: KEY, generation: 1, wish }],
  ]);
  const { objects, problems } = compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" })({
    services,
    paused: new Set(),
  });
  const body = objects.get(KEY)?.body;
  if (body === undefined) return problems.map(({ message }) => message).join("; ");
  return {
    ...body,
    message: body.message.replace(/\s*Kept by dd-observe \(document .*$/s, ""),
    tags: body.tags.filter((one) => !/^(managed-by|dd-observe-[a-z]+|cluster):/.test(one)),
  };
}

/** Recorded monitors that no document can express, each with the reason. */
const EXCEPTIONS: readonly RegExp[] = [];

test.skipIf(!hasRecordings)("every recorded monitor comes back the same from its document", () => {
  const stored = recordings(/^\/api\/v1\/monitor(\/\d+)?$/).filter(({ status }) => status === 200);

  const differences = stored.flatMap(({ answer, scenario }) => {
    const document = documentOf(answer, scenario);
    if (!document.ok) return document.problems.map(({ message }) => `${scenario}: ${message}`);
    const body = compiled(document.layer);
    if (typeof body === "string") return [`${scenario}: ${body}`];
    const observed = canonicalObserved(answer, body);
    const tags = observed.tags.filter((one) => !document.lost.includes(one));
    return fieldChanges(body, { ...observed, tags }).map(
      (change) =>
        `${scenario}: ${change.path}: ${JSON.stringify(change.wanted)} → ${JSON.stringify(change.found)}`,
    );
  });

  expect(differences.filter((line) => !EXCEPTIONS.some((known) => known.test(line)))).toEqual([]);
  expect(stored.length).toBeGreaterThan(220);
});
