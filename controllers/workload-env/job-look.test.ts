import { expect, test } from "vitest";

import { ApiError } from "../../clients/errors.ts";
import type { Clock } from "../../engine/clock.ts";
import { JobLook } from "./job-look.ts";
import type { Published, Workload } from "./judge.ts";
import type { Found, Workloads } from "./workloads.ts";

/** A clock that stands still until it is told otherwise; each service that is looked at takes `lookMs`. */
function world({ lookMs = 0, workload = BARE } = {}) {
  const state = { nowMs: 1_000_000, looked: [] as string[], error: undefined as ApiError | undefined };
  const clock: Clock = {
    monotonicMs: () => state.nowMs,
    wallMs: () => state.nowMs,
    sleep: async () => await Promise.resolve(),
    random: () => 0.5,
  };
  const workloads: Pick<Workloads, "beginRound" | "find" | "workload"> = {
    beginRound: () => undefined,
    async find(service): Promise<Found> {
      state.looked.push(service);
      state.nowMs += lookMs;
      if (state.error !== undefined) throw state.error;
      const sites = [{ group: "api", task: undefined }];
      return await Promise.resolve({
        places: [{ namespace: "default", job: service, sites }],
        isHidden: false,
      });
    },
    workload: async () => await Promise.resolve(workload),
  };
  const looking = new JobLook({ workloads: workloads as Workloads, nomad: "http://nomad", clock });
  return {
    state,
    look: async (wanted: readonly Published[]) => await looking.look(byService(wanted), signal()),
  };
}

/** A job whose task has no template. */
const BARE: Workload = {
  job: {
    id: "shop",
    parentId: "",
    namespace: "default",
    version: 0,
    isStopped: false,
    groups: [
      {
        name: "api",
        services: [],
        tasks: [{ name: "web", hook: undefined, env: {}, services: [], templates: [] }],
      },
    ],
  },
  older: new Map(),
  sites: [{ group: "api", task: undefined }],
  allocations: [],
};

function published(service: string, changedMs = 0): Published {
  return {
    service,
    statePrefix: "dd-observe",
    variables: VARIABLES,
    change: "noop",
    inVariable: false,
    changedMs,
  };
}

const VARIABLES = { DD_ENV: "prod" };
const signal = (): AbortSignal => new AbortController().signal;
const byService = (wanted: readonly Published[]) => new Map(wanted.map((one) => [one.service, one]));
const names = (count: number): readonly Published[] =>
  Array.from({ length: count }, (_, at) => published(`service-${String(at).padStart(4, "0")}`));

/** One whose running task has it. */
const TAKING: Workload = {
  ...BARE,
  job: {
    ...BARE.job,
    groups: [
      {
        name: "api",
        services: [],
        tasks: ["a", "b"].map((service) => ({
          name: service,
          hook: undefined,
          env: {},
          services: [],
          templates: [
            {
              text: `{{ range ls "dd-observe/env/${service}" }}{{ end }}`,
              isEnvironment: true,
              changeMode: "restart",
              once: false,
              delimiters: ["{{", "}}"] as const,
            },
          ],
        })),
      },
    ],
  },
  allocations: [
    {
      id: "1",
      group: "api",
      jobVersion: 0,
      clientStatus: "running",
      desiredStatus: "run",
      startedMs: new Map(),
    },
  ],
};

test("what somebody is likely to change just now is looked at sooner", async () => {
  const { state, look } = world();
  for (let times = 0; times < 4; times++) {
    await look([published("a")]);
    state.nowMs += 5_000;
  }

  expect(state.looked).toEqual(["a", "a"]);
});

test("what was seen holds for a while, unless the environment changes", async () => {
  const { state, look } = world({ workload: TAKING });
  await look([published("a"), published("b")]);
  state.nowMs += 40_000;
  await look([published("a"), published("b", 1)]);
  state.nowMs += 40_000;

  expect(state.looked).toEqual(["a", "b", "b"]);
  expect((await look([published("a"), published("b", 1)])).get("a")).toMatchObject({
    reason: "Taken",
  });
  expect(state.looked).toEqual(["a", "b", "b", "a"]);
});

test("at most 200 are looked at in one look, and all of them in turns", async () => {
  const { state, look } = world();
  const wanted = names(500);
  for (let times = 1; times <= 3; times++) {
    await look(wanted);
    expect(state.looked).toHaveLength(Math.min(times * 200, 500));
    state.nowMs += 3_000;
  }

  expect(new Set(state.looked).size).toBe(500);
});

test("a look that takes long ends early, and the next goes on", async () => {
  const { state, look } = world({ lookMs: 1_000 });
  const wanted = names(20);
  await look(wanted);
  const first = [...state.looked];
  await look(wanted);

  expect(first.length).toBeLessThan(10);
  expect(new Set(state.looked).size).toBe(state.looked.length);
});

test("a Nomad that is away is asked once in a look, and what was known stays for ten minutes", async () => {
  const { state, look } = world();
  const wanted = names(50);
  await look(wanted);
  state.error = new ApiError("read the job", "connection refused", { failure: "unavailable" });
  const before = state.looked.length;

  state.nowMs += 60_000;
  const soon = await look(wanted);
  const asked = state.looked.length - before;
  state.nowMs += 10 * 60_000;
  const late = await look(wanted);

  expect(asked).toBeLessThanOrEqual(4);
  expect(new Set([...soon.values()].map(({ reason }) => reason))).toEqual(new Set(["JobDoesNotTake"]));
  expect(new Set([...late.values()].map(({ reason }) => reason))).toEqual(new Set(["NotLooked"]));
});

test("of whoever has no environment any more, nothing is said", async () => {
  const { look } = world();
  await look([published("a"), published("b")]);

  expect([...(await look([published("b")])).keys()]).toEqual(["b"]);
});
