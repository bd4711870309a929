import { expect, test } from "vitest";

import { Board } from "../engine/status/board.ts";
import { startFakeConsul } from "../test/fakes/consul.ts";
import { ClusterStatuses } from "./cluster-statuses.ts";
import { readConfig } from "./config.ts";
import { openConsul } from "./connect.ts";

test("shows what this process says as it is now, and what others have stored", async () => {
  await using consul = await startFakeConsul();
  consul.put("dd-observe/status/services/ray", stored("controller", "older"));
  consul.put("dd-observe/status/nodes/node-2/ray", stored("node-2", "of another machine"));
  consul.put("dd-observe/status/services/odd", "not a status");
  const board = new Board("controller");
  board.setConditions("ray", 2, [said("now")]);
  const statuses = statusesOf(consul.url, new Map([["controller", board]]));

  const all = await statuses.read();

  expect(all.map(({ writer, conditions }) => [writer, conditions[0]?.message])).toEqual([
    ["controller", "now"],
    ["node-2", "of another machine"],
  ]);
});

test("shows what this process says while Consul does not answer", async () => {
  await using consul = await startFakeConsul();
  await consul.stop();
  const board = new Board("controller");
  board.setConditions("ray", 2, [said("now")]);
  const statuses = statusesOf(consul.url, new Map([["controller", board]]));

  const all = await statuses.read();

  expect(all.map(({ service }) => service)).toEqual(["ray"]);
});

function statusesOf(url: string, boards: ReadonlyMap<string, Board>): ClusterStatuses {
  return new ClusterStatuses(openConsul(readConfig({}, { CONSUL_HTTP_ADDR: url })), "dd-observe", boards);
}

function said(message: string) {
  return { type: "Accepted", status: "True", reason: "Accepted", message } as const;
}

function stored(writer: string, message: string): string {
  const condition = { ...said(message), observedGeneration: 1, lastTransitionTime: "2026-01-01T00:00:00Z" };
  return JSON.stringify({
    service: "ray",
    writer,
    generation: 1,
    conditions: [condition],
    objects: [],
    events: [],
  });
}
