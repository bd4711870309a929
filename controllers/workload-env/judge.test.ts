import { expect, test } from "vitest";

import type { JobAllocation, JobTask, JobTemplate, NomadJob } from "../../clients/nomad-jobs.ts";
import { judge, type Published, type Workload } from "./judge.ts";

const CHANGED = Date.parse("2026-11-26T10:00:00Z");
const LATER = CHANGED + 60_000;

const PUBLISHED: Published = {
  service: "support",
  statePrefix: "dd-observe",
  variables: { DD_ENV: "prod", DD_SERVICE: "support", NODE_OPTIONS: "--import=x" },
  change: "noop",
  inVariable: false,
  changedMs: CHANGED,
};

/** Of the kind that `dd-observe env -o nomad` prints. */
const OURS =
  '{{ range ls "dd-observe/env/support" }}{{ $own := env .Key }}{{ if not $own }}{{ .Key }}={{ .Value | toJSON }}\n{{ else if eq .Key "NODE_OPTIONS" }}…{{ end }}{{ end }}';
const PLAIN = '{{ range ls "dd-observe/env/support" }}{{ .Key }}={{ .Value | toJSON }}\n{{ end }}';

function template(text: string, more: Partial<JobTemplate> = {}): JobTemplate {
  return { text, isEnvironment: true, changeMode: "noop", once: false, delimiters: ["{{", "}}"], ...more };
}

function task(more: Partial<JobTask> = {}): JobTask {
  return { name: "web", hook: undefined, env: {}, services: [], templates: [template(OURS)], ...more };
}

function job(tasks: readonly JobTask[] = [task()], version = 1): NomadJob {
  const groups = [{ name: "api", services: ["support"], tasks }];
  return { id: "support", parentId: "", namespace: "default", version, isStopped: false, groups };
}

function allocation(startedMs = LATER, more: Partial<JobAllocation> = {}): JobAllocation {
  return {
    id: "1",
    group: "api",
    jobVersion: 1,
    clientStatus: "running",
    desiredStatus: "run",
    startedMs: new Map([["web", startedMs]]),
    ...more,
  };
}

function workload(more: Partial<Workload> = {}): Workload {
  return {
    job: job(),
    older: new Map(),
    sites: [{ group: "api", task: undefined }],
    allocations: [allocation()],
    ...more,
  };
}

test("a job whose running tasks have it takes it", () => {
  expect(judge(PUBLISHED, [workload()])).toEqual({
    status: "True",
    reason: "Taken",
    message: '1 allocation of the job "support" takes it',
  });
});

test("a job without such a template doesn't, and what to paste is said", () => {
  const bare = job([task({ templates: [template("A=1"), template(PLAIN.replace("support", "web"))] })]);

  expect(judge(PUBLISHED, [workload({ job: bare })])).toEqual({
    status: "False",
    reason: "JobDoesNotTake",
    message:
      'published, but no template of the job "support" (task api/web) takes it. "dd-observe env support -o nomad" prints what to paste into the task',
  });
});

test("a file without env = true is nobody's environment", () => {
  const file = job([task({ templates: [template(OURS, { isEnvironment: false })] })]);

  expect(judge(PUBLISHED, [workload({ job: file })])).toMatchObject({
    reason: "JobDoesNotTake",
    message: expect.stringContaining("into a file only, without env = true") as string,
  });
});

test("a template that can't be read is no template that doesn't take it", () => {
  const file = job([task({ templates: [{ ...template(""), text: undefined }] })]);

  expect(judge(PUBLISHED, [workload({ job: file })])).toMatchObject({
    status: "Unknown",
    reason: "NotLooked",
  });
});

test("only the task that has the service counts, and of a group its main tasks", () => {
  const tasks = [
    task({ name: "init", hook: "prestart" }),
    task({ name: "web", templates: [] }),
    task({ name: "agent", templates: [] }),
  ];
  const reasonAt = (site: string | undefined, all = tasks): string =>
    judge(PUBLISHED, [workload({ job: job(all), sites: [{ group: "api", task: site }] })]).reason;

  expect(reasonAt(undefined)).toBe("JobDoesNotTake");
  expect(reasonAt(undefined, [...tasks, task({ name: "other" })])).toBe("Taken");
  expect(reasonAt("web", [...tasks, task({ name: "other" })])).toBe("JobDoesNotTake");
});

test("what the job sets itself is named, unless it says the same or nothing", () => {
  const env = { DD_ENV: "staging", DD_SERVICE: "support", NODE_OPTIONS: "" };

  expect(judge(PUBLISHED, [workload({ job: job([task({ env })]) })])).toEqual({
    status: "True",
    reason: "JobOverrides",
    message: 'the job "support" takes it, and sets variable DD_ENV itself, which wins',
  });
});

test("what is joined with the job's own is no override", () => {
  const env = { NODE_OPTIONS: "--max-old-space-size=400" };

  expect(judge(PUBLISHED, [workload({ job: job([task({ env })]) })]).reason).toBe("Taken");
});

test("a template that doesn't ask puts its own in place of the job's, which is told", () => {
  const env = { DD_ENV: "staging", NODE_OPTIONS: "--max-old-space-size=400" };
  const plain = job([task({ env, templates: [template(PLAIN)] })]);

  const { reason, message } = judge(PUBLISHED, [workload({ job: plain })]);

  expect(reason).toBe("Taken");
  expect(message).toContain("puts variables DD_ENV, NODE_OPTIONS in place of the job's own");
});

test("variables that a template leaves out are named", () => {
  const one = job([task({ templates: [template('DD_ENV={{ key "dd-observe/env/support/DD_ENV" }}')] })]);

  expect(judge(PUBLISHED, [workload({ job: one })])).toMatchObject({
    status: "True",
    reason: "TakenInPart",
    message: 'the job "support" takes 1 of 3 variables, without variables DD_SERVICE, NODE_OPTIONS',
  });
});

test.for<
  [what: string, change: "noop" | "restart", mode: string, startedMs: number, reason: string, status: string]
>([
  ["started after the change", "noop", "noop", LATER, "Taken", "True"],
  ["started before it", "noop", "noop", CHANGED - 1, "TakenAtNextDeploy", "True"],
  ["started before it, restart wished", "restart", "noop", CHANGED - 1, "TakenAtNextDeploy", "False"],
  ["started before it, signalled", "restart", "signal", CHANGED - 1, "TakenAtNextDeploy", "False"],
  ["started before it, restarted by it", "restart", "restart", CHANGED - 1, "Taken", "True"],
])("a task %s", ([, change, changeMode, startedMs, reason, status]) => {
  const tasks = [task({ templates: [template(OURS, { changeMode })] })];
  const found = judge({ ...PUBLISHED, change }, [
    workload({ job: job(tasks), allocations: [allocation(startedMs), allocation()] }),
  ]);

  expect(found).toMatchObject({ reason, status });
  if (reason === "TakenAtNextDeploy")
    expect(found.message).toBe(
      '1 of 2 allocations of the job "support" started before the last change (2026-11-26T10:00:00.000Z) and take it up when they start again',
    );
});

test("where nobody noted when it changed, no task is said to be older", () => {
  const old = workload({ allocations: [allocation(1)] });

  expect(judge({ ...PUBLISHED, changedMs: undefined }, [old]).reason).toBe("Taken");
});

test("allocations of a version that doesn't take it wait for the deployment", () => {
  const older = new Map([[0, job([task({ templates: [] })], 0)]]);
  const allocations = [allocation(LATER, { jobVersion: 0 }), allocation()];

  expect(judge(PUBLISHED, [workload({ older, allocations })])).toMatchObject({
    status: "True",
    reason: "TakenAtNextDeploy",
    message:
      '1 of 2 allocations of the job "support" run an older version, which doesn\'t take it; version 1 does',
  });
});

test("allocations of an older version that takes it have it", () => {
  const older = new Map([[0, job([task()], 0)]]);

  expect(
    judge(PUBLISHED, [workload({ older, allocations: [allocation(LATER, { jobVersion: 0 })] })]).reason,
  ).toBe("Taken");
});

test("what doesn't run, or runs another group, doesn't count", () => {
  const allocations = [
    allocation(1, { clientStatus: "complete" }),
    allocation(1, { desiredStatus: "stop" }),
    allocation(1, { group: "other" }),
  ];

  expect(judge(PUBLISHED, [workload({ allocations })])).toMatchObject({
    reason: "TakenAtNextDeploy",
    message: 'no allocation of the job "support" runs; the next one takes it when it starts',
  });
});

test("of several jobs the gravest counts", () => {
  const bare = workload({ job: job([task({ templates: [] })]) });

  expect(judge(PUBLISHED, [workload(), bare, workload()]).reason).toBe("JobDoesNotTake");
});

test("the Variable of the job counts where it is wished, that of a dispatched one under its parent's name", () => {
  const text = '{{ range (nomadVar "nomad/jobs/support").Tuples }}{{ .K }}={{ .V }}{{ end }}';
  const dispatched = {
    ...job([task({ templates: [template(text)] })]),
    id: "support/dispatch-1",
    parentId: "support",
  };
  const reasonOf = (inVariable: boolean): string =>
    judge({ ...PUBLISHED, inVariable }, [workload({ job: dispatched })]).reason;

  expect([reasonOf(true), reasonOf(false)]).toEqual(["Taken", "JobDoesNotTake"]);
});
