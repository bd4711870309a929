import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";

import { keyOfFile, renderFile, type AgentFile } from "../../controllers/agent-config/file.ts";
import {
  agentConfigTarget,
  type AgentConfigOptions,
  type Backup,
} from "../../controllers/agent-config/target.ts";
import { diff, type Desired, type DesiredObject, type Plan } from "../../engine/plan/plan.ts";
import { startFakeAgent, type FakeAgentOptions } from "../fakes/agent.ts";
import { testTargetContract } from "../target-contract.ts";

const signal = new AbortController().signal;
let confd: string;
let nowMs: number;
let backups: Backup[];

beforeEach(() => {
  confd = mkdtempSync(join(tmpdir(), "confd-"));
  nowMs = Date.now();
  backups = [];
});
afterEach(() => rmSync(confd, { recursive: true, force: true }));

test("writes one file per service and check, for the Agent's group only", async () => {
  const target = start();

  await pass(target, [wish("ray"), wish("embed", { check: "openmetrics" })]);

  expect(files()).toEqual(["openmetrics.d/dd-observe-embed.yaml", "ray.d/dd-observe-ray.yaml"]);
  expect(read("ray.d/dd-observe-ray.yaml")).toBe(wish("ray").body.text);
  expect(statSync(join(confd, "ray.d/dd-observe-ray.yaml")).mode & 0o777).toBe(0o640);
});

test("finds nothing to do in the second pass, nor after a restart", async () => {
  const wishes = [wish("ray"), wish("embed", { retain: true })];
  const target = start();
  await pass(target, wishes);
  await target.close();

  const again = await plan(target, wishes);
  const afterRestart = await plan(start(), wishes);

  expect(again).toMatchObject({ actions: [], unchanged: 2 });
  expect(afterRestart).toMatchObject({ actions: [], unchanged: 2 });
});

test("rewrites a changed file and removes one that is no longer wished", async () => {
  const target = start();
  await pass(target, [wish("ray"), wish("embed")]);

  await pass(target, [wish("ray", { port: 9090 })]);

  expect(files()).toEqual(["ray.d/dd-observe-ray.yaml"]);
  expect(read("ray.d/dd-observe-ray.yaml")).toContain(":9090/");
  expect(backups).toMatchObject([{ owner: "embed", reason: "delete", text: wish("embed").body.text }]);
});

test("deletes what is gone already without complaint", async () => {
  const target = start();
  await pass(target, [wish("ray")]);
  const { actions } = await plan(target, []);
  rmSync(join(confd, "ray.d"), { recursive: true });

  const outcome = await target.apply(actions[0]!, signal);

  expect(outcome).toBeUndefined();
});

test("leaves what others made byte for byte", async () => {
  const foreign = {
    "ray.d/conf.yaml": "instances: [{}]\n",
    "ray.d/dd-observe-mine.yaml": "# made by hand\ninstances: []\n",
    "ray.d/dd-observe-theirs.yaml": wish("theirs", { clusterId: "dc2" }).body.text,
    "ray.d/dd-observe-copy.yaml": wish("other").body.text,
    "ray.d/notes.yaml.tmp-1-abcdef01-1": "not our prefix",
    "disk.d/conf.yaml.default": "instances: [{}]\n",
  };
  for (const [path, text] of Object.entries(foreign)) put(path, text);
  const target = start();

  const failures = await pass(target, [wish("mine"), wish("theirs"), wish("copy"), wish("ray")]);
  await pass(target, []);

  expect(failures.map((message) => message.replace(/^.*: /, "")).toSorted()).toEqual([
    "it belongs to another operator (dc2)",
    "it has no mark of dd-observe, so someone else made it",
    "its mark names another service (other)",
  ]);
  for (const [path, text] of Object.entries(foreign)) expect(read(path)).toBe(text);
});

test("undoes a hand edit and keeps its text", async () => {
  const target = start();
  await pass(target, [wish("ray")]);
  const edited = `${wish("ray").body.text}# edited\n`;
  put("ray.d/dd-observe-ray.yaml", edited);

  const { actions } = await plan(target, [wish("ray")]);
  await pass(target, [wish("ray")]);

  expect(actions).toMatchObject([{ type: "update", drifted: true }]);
  expect(read("ray.d/dd-observe-ray.yaml")).toBe(wish("ray").body.text);
  expect(backups).toMatchObject([{ reason: "drift", text: edited }]);
});

test("keeps the text of a hand edit that meets a new wish", async () => {
  const target = start();
  await pass(target, [wish("ray")]);
  const edited = `${wish("ray").body.text}# edited\n`;
  put("ray.d/dd-observe-ray.yaml", edited);

  await pass(target, [wish("ray", { port: 9090 })]);

  expect(backups).toMatchObject([{ reason: "drift", text: edited }]);
});

test("gives a new folder the mode and owner of conf.d, and its files those of the folder", async () => {
  chmodSync(confd, 0o2750);
  if (process.geteuid?.() === 0) chownSync(confd, 1234, 1235);
  chmodSync(confd, 0o2750);
  const target = start();

  await pass(target, [wish("ray")]);

  const root = statSync(confd);
  const folder = statSync(join(confd, "ray.d"));
  const file = statSync(join(confd, "ray.d/dd-observe-ray.yaml"));
  expect(folder.mode).toBe(root.mode);
  expect([folder.uid, folder.gid, file.uid, file.gid]).toEqual([root.uid, root.gid, root.uid, root.gid]);
});

test("keeps the mode that someone gave to a file", async () => {
  const target = start();
  await pass(target, [wish("ray")]);
  chmodSync(join(confd, "ray.d/dd-observe-ray.yaml"), 0o644);

  await pass(target, [wish("ray", { port: 9090 })]);

  expect(statSync(join(confd, "ray.d/dd-observe-ray.yaml")).mode & 0o777).toBe(0o644);
});

test("removes what a process left that died between writing and renaming, and nothing else", async () => {
  const dead = "ray.d/dd-observe-ray.yaml.tmp-4194000-abcdef01-7";
  const living = `ray.d/dd-observe-ray.yaml.tmp-${process.ppid}-abcdef01-8`;
  const old = `ray.d/dd-observe-ray.yaml.tmp-${process.ppid}-abcdef01-9`;
  const manifest = "dd-observe.manifest.json.tmp-4194000-abcdef01-7";
  for (const path of [dead, living, old, manifest]) put(path, "half a fi");
  utimesSync(join(confd, old), nowMs / 1000 - 3600, nowMs / 1000 - 3600);

  const observed = await start().observe(signal);

  expect(observed).toEqual([]);
  expect(files()).toEqual([living]);
});

test("refuses to write through links", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "elsewhere-"));
  onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
  writeFileSync(join(elsewhere, "target.yaml"), "precious");
  symlinkSync(elsewhere, join(confd, "ray.d"));
  mkdirSync(join(confd, "openmetrics.d"));
  symlinkSync(join(elsewhere, "target.yaml"), join(confd, "openmetrics.d/dd-observe-embed.yaml"));

  const failures = await pass(start(), [
    wish("ray"),
    wish("embed", { check: "openmetrics" }),
    wish("ok", { check: "vllm" }),
  ]);

  expect(failures).toHaveLength(2);
  expect(failures.join()).toContain("link");
  expect(readdirSync(elsewhere)).toEqual(["target.yaml"]);
  expect(read("openmetrics.d/dd-observe-embed.yaml")).toBe("precious");
  expect(existsSync(join(confd, "vllm.d/dd-observe-ok.yaml"))).toBe(true);
});

test("says what to do when conf.d is not there, instead of seeing no files", async () => {
  const target = start({ confd: join(confd, "absent") });

  await expect(target.observe(signal)).rejects.toMatchObject({
    failure: "unavailable",
    message: expect.stringContaining("no such file or folder (ENOENT)"),
    hint: expect.stringContaining("Create the folder"),
  });
});

test.skipIf(process.geteuid?.() === 0)("says what to do when it may not write", async () => {
  mkdirSync(join(confd, "ray.d"), { mode: 0o555 });

  const failures = await pass(start(), [wish("ray")]);

  expect(failures).toEqual([expect.stringContaining("permission denied (EACCES)")]);
  chmodSync(join(confd, "ray.d"), 0o755);
});

test("writes a lost or broken manifest again, and takes nothing for an edit meanwhile", async () => {
  const wishes = [wish("ray"), wish("embed", { retain: true })];
  const first = start();
  await pass(first, wishes);
  await first.close();
  put("dd-observe.manifest.json", '{"version":1,"clusterId":"dc1","fil');

  const second = start();
  const { actions } = await plan(second, [wish("ray", { port: 9090 }), wishes[1]!]);
  const observed = await second.observe(signal);
  await second.close();

  expect(actions).toMatchObject([{ type: "update", drifted: false }]);
  expect(observed.map(({ owner, retain }) => [owner, retain])).toEqual([
    ["embed", true],
    ["ray", false],
  ]);
  expect(JSON.parse(read("dd-observe.manifest.json"))).toMatchObject({
    files: { "ray.d/dd-observe-ray.yaml": { service: "ray" } },
  });
});

test("doesn't take over a manifest of another cluster", async () => {
  const other = start({ clusterId: "dc2" });
  await pass(other, [wish("ray", { clusterId: "dc2" })]);
  await other.close();

  const observed = await start().observe(signal);

  expect(observed).toEqual([]);
});

test("runs the reload command once for a burst of passes after the one that runs", async () => {
  const journal = join(confd, "reloads");
  const gate = join(confd, "gate");
  const script = `while [ ! -e ${gate} ]; do sleep 0.02; done; echo reloaded >> ${journal}`;
  const target = start({ reload: { kind: "command", argv: ["/bin/sh", "-c", script] }, reloadGapMs: 0 });
  await pass(target, [wish("ray")]);

  for (const port of [9001, 9002, 9003, 9004]) await pass(target, [wish("ray", { port })]);
  writeFileSync(gate, "");
  await target.close();

  expect(readFileSync(journal, "utf8")).toBe("reloaded\nreloaded\n");
});

test("doesn't reload when a pass wrote nothing", async () => {
  const journal = join(confd, "reloads");
  const target = start({ reload: { kind: "command", argv: ["/bin/sh", "-c", `echo x >> ${journal}`] } });

  await pass(target, [wish("ray")]);
  await pass(target, [wish("ray")]);
  await target.close();

  expect(readFileSync(journal, "utf8")).toBe("x\n");
});

test("an Agent that can't be asked isn't reloaded again and again", async () => {
  const journal = join(confd, "reloads");
  const script = `echo x >> ${journal}`;
  const target = start({
    agent: "http://127.0.0.1:1",
    reload: { kind: "command", argv: ["/bin/sh", "-c", script] },
    reloadGapMs: 0,
  });
  await pass(target, [wish("ray")]);
  await expect.poll(() => existsSync(journal)).toBe(true);
  await sleep(100);

  for (let at = 0; at < 3; at++) {
    await target.verify(signal);
    await sleep(30);
  }
  await target.close();

  expect(readFileSync(journal, "utf8")).toBe("x\n");
});

test("says that the reload command failed, and runs it again at the next look", async () => {
  const script = `test -e ${join(confd, "ok")} || { echo no such unit >&2; exit 5; }`;
  const agent = await fakeAgent();
  const target = start({
    agent: agent.url,
    reload: { kind: "command", argv: ["/bin/sh", "-c", script] },
    reloadGapMs: 0,
  });
  await pass(target, [wish("ray")]);
  await target.close();

  const failed = await conditionOf(target, "ray");
  await target.close();
  writeFileSync(join(confd, "ok"), "");
  await conditionOf(target, "ray");
  await target.close();
  const later = await conditionOf(target, "ray");

  expect(failed).toMatchObject({
    status: "Unknown",
    reason: "WaitingForAgent",
    message: "The reload command failed: it ended with 5: no such unit",
  });
  expect(later.message).toBe("The Agent was reloaded and has not run ray.d/dd-observe-ray.yaml yet");
});

test("tells the states of a file apart as the Agent goes through them", async () => {
  const agent = await fakeAgent();
  const target = start({ agent: agent.url });
  await pass(target, [wish("ray")]);

  const waiting = await conditionOf(target, "ray");
  await agent.reload();
  const running = await conditionOf(target, "ray");

  expect(waiting).toMatchObject({
    status: "Unknown",
    reason: "WaitingForAgent",
    message: expect.stringContaining("Restart the Agent"),
  });
  expect(running).toMatchObject({ type: "AgentLoaded", status: "True", reason: "Running" });
});

test("doesn't take the Agent's runs of the old text for runs of the new one", async () => {
  const agent = await fakeAgent();
  const target = start({ agent: agent.url });
  await pass(target, [wish("ray")]);
  await agent.reload();
  await conditionOf(target, "ray");
  nowMs += 5_000;
  await pass(target, [wish("ray", { port: 9090 })]);
  nowMs += 5_000;

  await agent.run();
  const before = await conditionOf(target, "ray");
  await agent.reload("poll");
  const after = await conditionOf(target, "ray");

  expect(before.reason).toBe("WaitingForAgent");
  expect(after.reason).toBe("Running");
});

test("tells to check the endpoint when nobody answers there", async () => {
  const agent = await fakeAgent({ scrape: true });
  const target = start({ agent: agent.url });
  await pass(target, [wish("ray", { port: 1 })]);
  await agent.reload();

  const condition = await conditionOf(target, "ray");

  expect(condition).toMatchObject({ status: "False", reason: "CheckFailing" });
  expect(condition.message).toContain("Check that the endpoint answers");
});

test("says that the Agent cannot be asked, and what to do", async () => {
  const target = start({ agent: "http://127.0.0.1:1" });
  await pass(target, [wish("ray")]);

  const condition = await conditionOf(target, "ray");

  expect(condition).toMatchObject({ status: "Unknown", reason: "AgentUnreachable" });
  expect(condition.message).toContain("expvar_port");
});

test("recognises AirPlay on the Agent's port", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(403, { server: "AirTunes/770.8.1" }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const target = start({ agent: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  await pass(target, [wish("ray")]);

  const condition = await conditionOf(target, "ray");

  expect(condition).toMatchObject({ status: "Unknown", reason: "AgentUnreachable" });
  expect(condition.message).toContain("AirPlay");
});

test("goes back to the last good file when the check refuses the new one, and writes it no second time", async () => {
  const { target, agent, good } = await startWithGoodFile();
  const bad = wish("ray", { extra: { made_up: true } });
  await pass(target, [bad]);
  await agent.reload("poll");

  const condition = await conditionOf(target, "ray");
  const again = await plan(target, [bad]);
  await pass(target, [bad]);

  expect(condition).toMatchObject({ status: "False", reason: "RolledBack" });
  expect(condition.message).toContain("made_up");
  expect(read("ray.d/dd-observe-ray.yaml")).toBe(good.body.text);
  expect(again.actions).toEqual([]);
});

test("remembers across a restart what was taken back", async () => {
  const { target, agent, good } = await startWithGoodFile();
  const bad = wish("ray", { extra: { made_up: true } });
  await pass(target, [bad]);
  await agent.reload("poll");
  await conditionOf(target, "ray");
  await target.close();

  const restarted = start({ agent: agent.url });
  await pass(restarted, [bad]);
  put("ray.d/dd-observe-ray.yaml", `${good.body.text}# edited\n`);
  await pass(restarted, [bad]);

  expect(read("ray.d/dd-observe-ray.yaml")).toBe(good.body.text);
  expect(await conditionOf(restarted, "ray")).toMatchObject({ reason: "RolledBack" });
});

test.for<[how: string, next: Parameters<typeof wish>[1]]>([
  ["another wish", { extra: { tags: ["x:y"] } }],
  ["the old wish", {}],
])("forgets what was taken back with %s", async ([, next]) => {
  const { target, agent } = await startWithGoodFile();
  await pass(target, [wish("ray", { extra: { made_up: true } })]);
  await agent.reload("poll");
  await conditionOf(target, "ray");

  nowMs += 5_000;
  await pass(target, [wish("ray", next)]);
  await agent.reload("restart");
  nowMs += 60_000;
  await agent.run();

  expect(read("ray.d/dd-observe-ray.yaml")).toBe(wish("ray", next).body.text);
  expect(await conditionOf(target, "ray")).toMatchObject({ reason: "Running" });
  expect(files()).toEqual(["ray.d/dd-observe-ray.yaml"]);
});

test("goes back when the same endpoint fails with the new text, run after run", async () => {
  const page = await metricsServer();
  const { target, agent, good } = await startWithGoodFile({ scrape: true }, { port: page.port });
  page.status = 500;
  await pass(target, [wish("ray", { port: page.port, extra: { tags: ["a:b"] } })]);
  await agent.reload("poll");

  const first = await conditionOf(target, "ray");
  await agent.run();
  const second = await conditionOf(target, "ray");

  expect(first).toMatchObject({ reason: "CheckFailing" });
  expect(second).toMatchObject({ reason: "RolledBack" });
  expect(read("ray.d/dd-observe-ray.yaml")).toBe(good.body.text);
});

test("keeps the new text when its other endpoint fails", async () => {
  const page = await metricsServer();
  const broken = await metricsServer();
  broken.status = 500;
  const { target, agent } = await startWithGoodFile({ scrape: true }, { port: page.port });
  const moved = wish("ray", { port: broken.port });
  await pass(target, [moved]);
  await agent.reload("poll");
  await agent.run();

  const condition = await conditionOf(target, "ray");

  expect(condition).toMatchObject({ status: "False", reason: "CheckFailing" });
  expect(read("ray.d/dd-observe-ray.yaml")).toBe(moved.body.text);
});

test.for<[what: string, path: string]>([
  ["the last good file was changed", "ray.d/dd-observe-ray.yaml.last-good"],
  ["the refused file was changed by hand", "ray.d/dd-observe-ray.yaml"],
])("takes nothing back when %s meanwhile", async ([, path]) => {
  const { target, agent } = await startWithGoodFile();
  await pass(target, [wish("ray", { extra: { made_up: true } })]);
  await agent.reload("poll");
  put(path, `${read(path)}# edited\n`);
  const before = read("ray.d/dd-observe-ray.yaml");

  const condition = await conditionOf(target, "ray");

  expect(condition).toMatchObject({ status: "False", reason: "ConfigRejected" });
  expect(read("ray.d/dd-observe-ray.yaml")).toBe(before);
});

test("knows the old text again when a wish comes and goes before the Agent looks", async () => {
  const { target, agent, good } = await startWithGoodFile();
  await pass(target, [wish("ray", { port: 9090 })]);
  await conditionOf(target, "ray");
  await pass(target, [good]);
  nowMs += 5_000;
  await agent.run();

  const condition = await conditionOf(target, "ray");

  expect(condition).toMatchObject({ status: "True", reason: "Running" });
});

test("puts the last good file back when the one that was taken back is deleted by hand", async () => {
  const { target, agent, good } = await startWithGoodFile();
  const bad = wish("ray", { extra: { made_up: true } });
  await pass(target, [bad]);
  await agent.reload("poll");
  await conditionOf(target, "ray");
  rmSync(join(confd, "ray.d/dd-observe-ray.yaml"));

  await pass(target, [bad]);

  expect(read("ray.d/dd-observe-ray.yaml")).toBe(good.body.text);
});

test("tries a refused text again once its last good file is removed by hand", async () => {
  const { target, agent } = await startWithGoodFile();
  const bad = wish("ray", { extra: { made_up: true } });
  await pass(target, [bad]);
  await agent.reload("poll");
  await conditionOf(target, "ray");
  rmSync(join(confd, "ray.d/dd-observe-ray.yaml.last-good"));

  await pass(target, [bad]);

  expect(read("ray.d/dd-observe-ray.yaml")).toBe(bad.body.text);
});

test("never removes a first file, whatever the Agent says of it", async () => {
  const agent = await fakeAgent({ known: ["openmetrics"] });
  const target = start({ agent: agent.url });
  await pass(target, [wish("ray")]);
  await agent.reload();

  const condition = await conditionOf(target, "ray");

  expect(condition).toMatchObject({ status: "False", reason: "ConfigRejected" });
  expect(condition.message).toContain("No module named 'ray'");
  expect(files()).toEqual(["ray.d/dd-observe-ray.yaml"]);
});

test("doesn't blame our file for a broken one of someone else", async () => {
  put("ray.d/zzz.yaml", "instances: [\n");
  const { target, agent } = await startWithGoodFile();
  const next = wish("ray", { extra: { tags: ["a:b"] } });
  await pass(target, [next]);

  const waiting = await conditionOf(target, "ray");
  await agent.reload("poll");
  const running = await conditionOf(target, "ray");

  expect(waiting.reason).toBe("WaitingForAgent");
  expect(running.reason).toBe("Running");
  expect(read("ray.d/dd-observe-ray.yaml")).toBe(next.body.text);
});

test("tells of a hand edit at once", async () => {
  const target = start();
  await pass(target, [wish("ray")]);
  const watching = new AbortController();
  onTestFinished(() => watching.abort());
  const edited = new Promise<string>((resolve) => target.watchEdits(resolve, watching.signal));

  put("ray.d/dd-observe-ray.yaml", "edited");

  expect(await edited).toBe("ray.d/dd-observe-ray.yaml");
});

test("leaves the old or the new text when it is killed at any moment", async () => {
  const script = join(import.meta.dirname, "../fakes/agent-config-writer.ts");
  for (const afterMs of [0, 3, 7, 13, 21, 34]) {
    const writer = spawn(process.execPath, [script, confd], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(writer, "exit");
    await once(writer.stdout, "data");
    await sleep(afterMs);
    writer.kill("SIGKILL");
    await ended;

    for (const path of files().filter((name) => name.endsWith(".yaml"))) {
      expect(read(path)).toMatch(/^# Managed by dd-observe [^]*\n {2}- end\n$/);
    }
  }

  await start().observe(signal);

  expect(files().filter((name) => name.includes(".tmp-"))).toEqual([]);
});

testTargetContract<AgentFile>("Agent files", async () => {
  const dir = mkdtempSync(join(tmpdir(), "confd-"));
  const target = start({ confd: dir });
  let writes = 0;
  let last = new Map<string, string>();
  return {
    target,
    wish: (name, variant) => wish(name, { port: 8000 + variant }),
    writes() {
      const current = new Map(list(dir).map((path) => [path, versionOf(join(dir, path))]));
      for (const [path, version] of current) if (last.get(path) !== version) writes++;
      last = current;
      return writes;
    },
    count: () => list(dir).length,
    async stop() {
      await target.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
});

function versionOf(path: string): string {
  const { ino, mtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${mtimeNs}`;
}

interface WishOptions {
  readonly check?: string;
  readonly port?: number;
  readonly clusterId?: string;
  readonly retain?: boolean;
  readonly extra?: Readonly<Record<string, unknown>>;
}

function wish(
  service: string,
  { check = "ray", port = 8080, clusterId = "dc1", retain = false, extra = {} }: WishOptions = {},
): DesiredObject<AgentFile> {
  const instance = { openmetrics_endpoint: `http://127.0.0.1:${port}/metrics`, ...extra };
  const config = { init_config: {}, instances: [instance] };
  const body = renderFile({ check, service, clusterId, config, retain });
  return { key: keyOfFile(body), owner: service, body, drift: { rule: "correct", fields: {} }, retain };
}

function start(options: Partial<AgentConfigOptions> = {}) {
  return agentConfigTarget({
    confd,
    clusterId: "dc1",
    reload: { kind: "none" },
    onBackup: (backup) => void backups.push(backup),
    now: () => nowMs,
    ...options,
  });
}

type Started = ReturnType<typeof start>;

async function plan(target: Started, wishes: readonly DesiredObject<AgentFile>[]): Promise<Plan<AgentFile>> {
  const desired: Desired<AgentFile> = {
    objects: new Map(wishes.map((one) => [one.key, one])),
    held: new Map(),
    paused: new Set(),
    problems: [],
  };
  const observed = await target.observe(signal);
  return diff(desired, new Map(observed.map((object) => [object.key, object])));
}

/** One pass of the engine. Returns the messages of what failed. */
async function pass(
  target: Started,
  wishes: readonly DesiredObject<AgentFile>[],
): Promise<readonly string[]> {
  const { actions } = await plan(target, wishes);
  const outcomes = await Promise.allSettled(actions.map((action) => target.apply(action, signal)));
  if (outcomes.some(({ status }) => status === "fulfilled")) await target.settle();
  return outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [(outcome.reason as Error).message] : [],
  );
}

async function conditionOf(target: Started, service: string) {
  const conditions = await target.verify(signal);
  return conditions.get(service)![0]!;
}

async function fakeAgent(options: Partial<FakeAgentOptions> = {}) {
  const agent = await startFakeAgent({ confdDir: confd, scrape: false, now: () => nowMs, ...options });
  onTestFinished(() => agent.stop());
  return agent;
}

/** A file that the Agent has been seen running without error, on an Agent that polls. */
async function startWithGoodFile(options: Partial<FakeAgentOptions> = {}, wishOptions: WishOptions = {}) {
  const agent = await fakeAgent({
    options: { ray: ["openmetrics_endpoint", "allow_redirects", "tags"] },
    ...options,
  });
  const target = start({ agent: agent.url });
  const good = wish("ray", wishOptions);
  await pass(target, [good]);
  await agent.reload();
  expect(await conditionOf(target, "ray")).toMatchObject({ reason: "Running" });
  nowMs += 5_000;
  return { agent, target, good };
}

async function metricsServer() {
  const state = { port: 0, status: 200 };
  const server = createServer((_request, response) => void response.writeHead(state.status).end("up 1\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  state.port = (server.address() as AddressInfo).port;
  return state;
}

function put(path: string, text: string): void {
  mkdirSync(dirname(join(confd, path)), { recursive: true });
  writeFileSync(join(confd, path), text);
}

function read(path: string): string {
  return readFileSync(join(confd, path), "utf8");
}

function files(): readonly string[] {
  return list(confd);
}

/** Every file in the checks' folders. */
function list(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((path) => path.includes("/"))
    .toSorted();
}
