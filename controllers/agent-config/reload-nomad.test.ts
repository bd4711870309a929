import { expect, onTestFinished, test } from "vitest";

import { openNomad } from "../../clients/nomad.ts";
import { startFakeNomad, type FakeNomad } from "../../test/fakes/nomad.ts";
import { parseReload, Reloader } from "./reload.ts";

const LOG = { info() {}, error() {} };
const OTHER_NODE = "00000000-0000-0000-0000-000000000001";

interface World {
  readonly nomad: FakeNomad;
  readonly reloader: Reloader;
}

async function world(reload: string, ownAllocation?: string): Promise<World> {
  const nomad = await startFakeNomad({ version: "2.0.5" });
  onTestFinished(() => nomad.stop());
  const place = { nomad: openNomad({ address: nomad.url }), ownAllocation };
  const reloader = new Reloader({ reload: parseReload(reload), nomad: place, log: LOG, minGapMs: 10 });
  return { nomad, reloader };
}

async function reloaded(reloader: Reloader): Promise<string | undefined> {
  reloader.request();
  await reloader.idle();
  return reloader.last?.message;
}

function restartsOf({ state }: FakeNomad): Record<string, number> {
  return Object.fromEntries(
    [...state.allocations.values()].flatMap(({ id, tasks }) =>
      [...tasks].map(([task, { restarts }]) => [`${id}/${task}`, restarts] as const),
    ),
  );
}

function signalsOf({ state }: FakeNomad, allocation: string): readonly string[] {
  return state.allocations.get(allocation)?.tasks.get("agent")?.signals ?? [];
}

test("restarts the Agent's task on this machine, and nothing else", async () => {
  const { nomad, reloader } = await world("nomad:datadog/agent");
  const { state } = nomad;
  state.addAllocation({ id: "here", jobId: "datadog", taskNames: ["agent", "node-role"] });
  state.addAllocation({ id: "there", jobId: "datadog", taskNames: ["agent"], nodeId: OTHER_NODE });
  state.addAllocation({ id: "ended", jobId: "datadog", taskNames: ["agent"], clientStatus: "complete" });
  state.addAllocation({ id: "stopping", jobId: "datadog", taskNames: ["agent"], desiredStatus: "stop" });
  state.addAllocation({ id: "other", jobId: "ray", taskNames: ["agent"] });

  expect(await reloaded(reloader)).toBe("");
  expect(restartsOf(nomad)).toEqual({
    "here/agent": 1,
    "here/node-role": 0,
    "there/agent": 0,
    "ended/agent": 0,
    "stopping/agent": 0,
    "other/agent": 0,
  });
});

test("sends a signal instead, if one is named", async () => {
  const { nomad, reloader } = await world("nomad:datadog/agent?signal=SIGHUP");
  nomad.state.addAllocation({ id: "here", jobId: "datadog", taskNames: ["agent"] });

  expect(await reloaded(reloader)).toBe("");
  expect(signalsOf(nomad, "here")).toEqual(["SIGHUP"]);
  expect(restartsOf(nomad)).toEqual({ "here/agent": 0 });
});

test("looks in the namespace that is named", async () => {
  const { nomad, reloader } = await world("nomad:datadog/agent?namespace=infra");
  nomad.state.addAllocation({ id: "default", jobId: "datadog", taskNames: ["agent"] });
  nomad.state.addAllocation({ id: "infra", jobId: "datadog", taskNames: ["agent"], namespace: "infra" });

  await reloaded(reloader);

  expect(restartsOf(nomad)).toEqual({ "default/agent": 0, "infra/agent": 1 });
});

test("beside the Agent in one group, the own allocation says which machine this is", async () => {
  const { nomad, reloader } = await world("nomad:datadog/agent", "here");
  nomad.state.addAllocation({ id: "here", jobId: "datadog", taskNames: ["agent", "node-role"] });

  await reloaded(reloader);

  expect(restartsOf(nomad)).toEqual({ "here/agent": 1, "here/node-role": 0 });
  expect(nomad.requests.filter((line) => line.includes("/agent/self"))).toEqual([]);
});

test("requests that come while one runs are done by one more", async () => {
  const { nomad, reloader } = await world("nomad:datadog/agent");
  nomad.state.addAllocation({ id: "here", jobId: "datadog", taskNames: ["agent"] });

  for (let at = 0; at < 20; at++) reloader.request();
  await reloader.idle();

  expect(restartsOf(nomad)).toEqual({ "here/agent": 2 });
  expect(reloader.last).toMatchObject({ ok: true });
});

test.for<[what: string, spoil: (nomad: FakeNomad) => unknown, message: RegExp]>([
  [
    "no allocation",
    ({ state }) => state.allocations.clear(),
    /^Cannot restart the task "agent" of the job "datadog": no allocation of the job runs it on this machine\. Look at "nomad job status datadog"/,
  ],
  [
    "a task that is not there",
    ({ state }) => state.allocations.get("here")?.tasks.delete("agent"),
    /no allocation of the job runs it on this machine/,
  ],
  [
    "a token without rights",
    ({ faults }) => (faults.acl = "deny"),
    /403 Permission denied\. Give the token of NOMAD_TOKEN a policy with/,
  ],
  [
    "a Nomad that is away",
    async (nomad) => await nomad.stop(),
    /ECONNREFUSED.*Start Nomad, or set NOMAD_ADDR/,
  ],
])("%s is told, and what can be done", async ([, spoil, message]) => {
  const { nomad, reloader } = await world("nomad:datadog/agent");
  nomad.state.addAllocation({ id: "here", jobId: "datadog", taskNames: ["agent"] });
  await spoil(nomad);

  expect(await reloaded(reloader)).toMatch(message);
  expect(reloader.last?.ok).toBe(false);
});
