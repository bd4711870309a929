import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { PACKS } from "../builders/observed.ts";
import { parseExposition } from "./exposition.ts";

const pack = PACKS.get("consul")!;
const RECORDED = readFileSync(new URL("../fixtures/endpoints/consul.prom", import.meta.url), "utf8");

test("a recorded answer of Consul's telemetry has what the pack expects, and what its monitors rest on", () => {
  const names = new Set(parseExposition(RECORDED).map(({ name }) => name));

  expect(pack.expects.map(({ metric }) => metric).filter((name) => !names.has(name ?? ""))).toEqual([]);
  expect([...names]).toEqual(
    expect.arrayContaining([
      "consul_serf_member_flap",
      "consul_raft_commitTime",
      "consul_memberlist_udp_sent",
    ]),
  );
});

test("the table has the type that each recorded family comes to, and none that the Agent's check doesn't take", () => {
  const recorded = new Map(parseExposition(RECORDED).map(({ name, type }) => [name, type]));
  const table = Object.values(pack.metrics.metrics).flatMap(({ exposed, type }) =>
    exposed === undefined || !recorded.has(exposed)
      ? []
      : [[exposed, type === "count" ? "counter" : type] as const],
  );

  expect(table.length).toBeGreaterThan(15);
  expect(table.filter(([exposed, type]) => recorded.get(exposed) !== type)).toEqual([]);
  // The check looks for consul_raft_state_apply and consul_serf_snapshot_appendline; Consul spells both otherwise.
  const untaken = new Set([
    "consul_raft_apply",
    "consul_serf_snapshot_appendLine",
    "consul_health_service_query",
  ]);
  expect(table.filter(([exposed]) => untaken.has(exposed))).toEqual([]);
  expect([...untaken].filter((name) => !recorded.has(name))).toEqual([]);
});
