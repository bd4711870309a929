import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, describe, expect, test } from "vitest";

import { marked, only } from "../builders/monitor-world.ts";
import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

const KEY = "_monitors/disk-full";
const DOCUMENT = `observability/${KEY}`;
const DISK = `name: Disk is nearly full on {{host.name}}
type: query alert
query: avg(last_5m):avg:system.disk.in_use{*} by {host} > \${critical}
critical: 0.9
message: Make room.
`;

/** A service with monitors of its own, and one monitor of none. */
async function startWorld(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  world.register("ray", ["dd-observe"]);
  world.consul.put("observability/_defaults", "env: prod\nnotify: ['@slack-ops']\n");
  world.consul.put(DOCUMENT, DISK);
  return world;
}

/** One pass whose grace period is over at once. */
async function apply(world: CommandWorld, more = ""): Promise<string> {
  const { out, err } = await world.run(`apply --role controller --grace 0s ${more}`.trim());
  return out + err;
}

/** What is stored at a key, or at the newest one below it. */
function stored({ consul }: CommandWorld, key: string): string | undefined {
  const below = [...consul.state.keys.keys()].filter((name) => name.startsWith(`${key}/`)).sort();
  const value = consul.state.keys.get(below.at(-1) ?? key)?.Value;
  return value === null || value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
}

describe("a monitor of no service", () => {
  test("is made from its document, with the mark and without a service", async () => {
    const world = await startWorld();

    await apply(world);

    expect(only(world.datadog, KEY)).toMatchObject({
      name: "Disk is nearly full on {{host.name}}",
      query: "avg(last_5m):avg:system.disk.in_use{*} by {host} > 0.9",
      message: expect.stringMatching(
        /^Make room\.\n\n@slack-ops\n\nKept by dd-observe \(document _monitors\/disk-full\)/,
      ),
      tags: expect.arrayContaining(["cluster:dc1", "env:prod", "managed-by:dd-observe"]),
    });
    expect(only(world.datadog, KEY).tags.filter((tag) => tag.startsWith("service:"))).toEqual([]);
  });

  test("is written once: a second pass changes nothing", async () => {
    const world = await startWorld();
    await apply(world);
    const writes = world.datadog.writes;

    await apply(world);

    expect(world.datadog.writes).toBe(writes);
  });

  test("stays as it is while its document is broken, and others go on", async () => {
    const world = await startWorld();
    await apply(world);
    const before = structuredClone(only(world.datadog, KEY));
    world.consul.put(DOCUMENT, "type: query alrt\n");
    world.consul.put("observability/_monitors/other", DISK);

    await apply(world);

    expect(only(world.datadog, KEY)).toEqual(before);
    expect(marked(world.datadog, "_monitors/other")).toHaveLength(1);
  });

  test("is neither written nor deleted while it is paused, by wish or by command", async () => {
    const world = await startWorld();
    await apply(world);
    const before = structuredClone(only(world.datadog, KEY));
    world.consul.put(DOCUMENT, `${DISK}priority: 1\npaused: true\n`);
    await apply(world);
    world.consul.put(DOCUMENT, `${DISK}priority: 1\n`);
    await world.run(`pause ${KEY}`);

    await apply(world);
    const paused = structuredClone(only(world.datadog, KEY));
    await world.run(`resume ${KEY}`);
    await apply(world);

    expect(paused).toEqual(before);
    expect(only(world.datadog, KEY)).toMatchObject({ priority: 1 });
  });

  test("is set right when a person changed it, unless drift is only reported", async () => {
    const world = await startWorld();
    world.consul.put("observability/_monitors/reported", `${DISK}drift: report\n`);
    await apply(world);
    for (const key of [KEY, "_monitors/reported"])
      world.datadog.edit(only(world.datadog, key).id, { message: "mine" });

    await apply(world);

    expect(only(world.datadog, KEY).message).toMatch(/^Make room/);
    expect(only(world.datadog, "_monitors/reported").message).toBe("mine");
    expect(stored(world, `dd-observe/backups/cluster/monitors/${KEY}`)).toContain('"reason":"drift"');
  });

  test("goes with its document after the grace period; what its document retains stays", async () => {
    const world = await startWorld();
    world.consul.put("observability/_monitors/kept", `${DISK}deletion: retain\n`);
    await apply(world);
    const ofRay = world.datadog.monitors.size - 2;
    world.consul.state.deleteKey(DOCUMENT);
    world.consul.state.deleteKey("observability/_monitors/kept");

    const early = await world.run("apply --role controller");
    const earlyMonitors = marked(world.datadog, KEY).length;
    await apply(world);

    expect(early.out.replaceAll(/\s+/g, " ")).toMatch(
      /the document is gone; its objects are deleted at .*Z unless it comes back/,
    );
    expect(earlyMonitors).toBe(1);
    expect(marked(world.datadog, KEY)).toEqual([]);
    expect(marked(world.datadog, "_monitors/kept")).toHaveLength(1);
    expect(world.datadog.monitors.size).toBe(ofRay + 1);
  });

  test("counts for the brake as a service's do", async () => {
    const world = await startWorld();
    await apply(world);
    world.consul.state.deleteKey(DOCUMENT);

    const said = await apply(world, "--max-deletes 0");

    expect(said).toMatch(/dd-observe approve [0-9a-f]{12}/);
    expect(marked(world.datadog, KEY)).toHaveLength(1);
  });

  test("has a status of its own, which get and describe show", async () => {
    const world = await startWorld();
    await apply(world);

    const status = JSON.parse(stored(world, `dd-observe/status/services/${KEY}`) ?? "{}") as unknown;
    const got = await world.run("get");
    const monitors = await world.run(`get monitors ${KEY}`);
    const described = await world.run(`describe ${KEY} -o json`);

    expect(status).toMatchObject({ service: KEY, objects: [{ controller: "monitors", key: KEY }] });
    expect(got.out).toMatch(/^_monitors\/disk-full\s.*True/m);
    expect(monitors.out).toMatch(/^_monitors\/disk-full\s+100000\s.*Disk is nearly full/m);
    expect(JSON.parse(described.out)).toMatchObject({
      service: KEY,
      ready: { status: "True" },
      monitors: [{ key: KEY, isWanted: true }],
      files: [],
    });
  });

  test("of a query that contradicts itself says so by its own name", async () => {
    const world = await startWorld();
    world.consul.put(DOCUMENT, DISK.replace("${critical}", "0.5"));
    await apply(world);

    const described = await world.run(`describe ${KEY}`);

    expect(described.out).toMatch(/no monitor _monitors\/disk-full: /);
  });

  test("of a field that it doesn't have says which one is meant, and how to read on", async () => {
    const world = await startWorld();
    world.consul.put(DOCUMENT, `${DISK}notfy: ['@slack-ops']\n`);

    const described = await world.run(`describe ${KEY}`);
    const listed = await world.run("get monitors");
    const explained = await world.run("explain _monitors.notify");

    expect(described.out).toContain("_monitors/disk-full:6:1: notfy is not a field; did you mean notify?");
    expect(listed.out).toContain("_monitors/disk-full cannot be made: notfy is not a field");
    expect(explained.out).toContain("Who is notified: a list");
  });

  test("is found by those who leave its folder out", async () => {
    const world = await startWorld();
    world.consul.put(DOCUMENT, DISK);

    const described = await world.run("describe disk-full");

    expect(described.err).toContain("did you mean _monitors/disk-full?");
  });

  test("that is broken isn't told of to those who ask for others", async () => {
    const world = await startWorld();
    world.consul.put(DOCUMENT, `${DISK}notfy: ['@slack-ops']\n`);
    world.consul.put("observability/_monitors/other", DISK);

    const listed = await world.run("get monitors _monitors/other");

    expect(listed.out).toContain("_monitors/other");
    expect(listed.out).not.toContain("cannot be made");
  });

  test("becomes an existing monitor by adopt", async () => {
    const world = await startWorld();
    const id = world.datadog.add({
      name: "by hand",
      query: "avg(last_5m):avg:system.disk.in_use{*} by {host} > 0.9",
    });

    const { exit, err } = await world.run(`adopt monitor ${id} ${KEY} --yes`);
    await apply(world);

    expect({ exit, err }).toEqual({ exit: 0, err: "" });
    expect(only(world.datadog, KEY).id).toBe(id);
  });
});

describe("other reserved names", () => {
  test("are problems under their own names, and stop nothing", async () => {
    const world = await startWorld();
    for (const name of ["_monitor/x", "_foo", "_dashboards/all"])
      world.consul.put(`observability/${name}`, "");

    await apply(world);
    const { out } = await world.run("get -o json");
    const described = await world.run("describe _monitor/x");

    const rows = JSON.parse(out) as readonly { name: string; message: string; ready: string }[];
    const said = Object.fromEntries(rows.map(({ name, message }) => [name, message]));
    expect(said).toMatchObject({
      "_monitor/x": "_monitor/x is no name that means anything; did you mean _monitors/x?",
      _foo: "_foo is no name that means anything; there are _defaults, _nomad, _monitors/<name>, _slos/<name>, _dashboards/<name>, and _downtimes/<name>",
      "_dashboards/all": "no pack adds to a dashboard all (a dashboard of your own needs a definition)",
    });
    expect(described.out).toContain("did you mean _monitors/x?");
    expect(described.out).toContain("consul kv delete observability/_monitor/x");
    expect(marked(world.datadog, KEY)).toHaveLength(1);
    expect(rows.find(({ name }) => name === "ray")).toBeDefined();
  });

  test("show before any controller has seen them, and go with their document", async () => {
    const world = await startWorld();
    world.consul.put("observability/_foo", "");

    const before = await world.run("describe _foo");
    await apply(world);
    world.consul.state.deleteKey("observability/_foo");
    await apply(world);

    expect(before.out).toContain("_foo is no name that means anything");
    expect(stored(world, "dd-observe/status/services/_foo")).toBeUndefined();
  });
});

test("validate reads a monitor of no service by its path, with the _defaults of the folder above", async () => {
  const world = await startWorld();
  const folder = join(world.confd, "wishes");
  await mkdir(join(folder, "_monitors"), { recursive: true });
  await writeFile(join(folder, "_defaults.yaml"), "notify: ['@pagerduty-a']\n");
  await writeFile(join(folder, "_monitors", "disk-full.yaml"), DISK);
  await writeFile(join(world.confd, "policy.yaml"), "handles: ['@slack-*']\n");

  const free = await world.run(`validate ${folder}`);
  const bound = await world.run(`validate ${folder} --policy ${join(world.confd, "policy.yaml")}`);

  expect(free).toMatchObject({ exit: 0, out: expect.stringContaining("2 documents") });
  expect(bound.out).toContain(
    "disk-full.yaml: observability/_defaults: notify: @pagerduty-a may not be notified",
  );
});

test("validate reads a monitor of no service from standard input", async () => {
  const world = await startWorld();

  const good = await world.run(`validate - --service ${KEY}`, { stdin: DISK });
  const bad = await world.run(`validate - --service ${KEY}`, { stdin: `${DISK}service: ray\n` });
  const contradicting = await world.run(`validate - --service ${KEY}`, {
    stdin: DISK.replace("${critical}", "0.5"),
  });

  expect(good.exit).toBe(0);
  expect(bad).toMatchObject({
    exit: 1,
    out: expect.stringContaining("_monitors/disk-full:6:1: service is not a field"),
  });
  expect(contradicting.exit).toBe(1);
});
