import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, describe, expect, test } from "vitest";

import { fillUsually, lead, startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

async function startWorld(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  return world;
}

async function startUsualWorld(): Promise<CommandWorld> {
  return fillUsually(await startWorld());
}

const golden = (name: string): string => `../golden/commands/${name}.txt`;

describe("commands that only look", () => {
  const LOOKING = [
    "plan",
    "plan --role controller -o json",
    "plan --role node",
    "get",
    "get services -o wide",
    "get monitors",
    "get files",
    "get packs",
    "get nodes",
    "describe ray",
    "describe api -o json",
    "describe web",
    "describe rya",
    "explain",
    "explain monitors.node-cpu --pack ray",
    "validate packs",
    "completion bash",
    "--help",
  ];

  test.for(LOOKING)("dd-observe %s works where every write fails, and tries none", async (line) => {
    const world = await startUsualWorld();
    await world.run("apply");
    await mkdir(join(world.confd, "old.d"));
    const leftover = join(world.confd, "old.d", ".dd-observe-x.yaml.1.tmp");
    await writeFile(leftover, "left by a process that died");
    await utimes(leftover, 0, 0);
    await writeFile(join(world.confd, "dd-observe.manifest.json"), "lost");
    const files = await world.files();
    world.consul.faults.acl = "readOnly";
    world.datadog.fault({ method: "POST", kind: "status", times: Infinity });
    world.datadog.fault({ method: "PUT", kind: "status", times: Infinity });
    world.datadog.fault({ method: "DELETE", kind: "status", times: Infinity });
    const requestsBefore = world.consul.requests.length;
    const datadogBefore = world.datadog.log.length;

    const { exit, err } = await world.run(line);

    expect(err).toBe("");
    expect([0, 2]).toContain(exit);
    const asked = world.consul.requests.slice(requestsBefore).map((request) => request.line);
    // Many keys are read by one transaction, and its answer would be refused if it wrote.
    const isRead = (request: string): boolean =>
      request.startsWith("GET ") || request === "PUT /v1/txn?consistent=true";
    expect(asked.filter((request) => !isRead(request))).toEqual([]);
    expect(world.datadog.log.slice(datadogBefore).filter(({ method }) => method !== "GET")).toEqual([]);
    expect(await world.files()).toEqual(files);
  });
});

describe("get", () => {
  test("lists services, those without a status as well", async () => {
    const world = await startUsualWorld();
    world.consul.put("observability/new", "");
    await world.run("apply");
    world.register("newest", ["dd-observe"]);

    await expect((await world.run("get")).out).toMatchFileSnapshot(golden("get"));
    await expect((await world.run("get -o wide")).out).toMatchFileSnapshot(golden("get-wide"));
    await expect((await world.run("get monitors ray")).out).toMatchFileSnapshot(golden("get-monitors"));
    await expect((await world.run("get files")).out).toMatchFileSnapshot(golden("get-files"));
    await expect((await world.run("get packs ray")).out).toMatchFileSnapshot(golden("get-packs"));
    await expect((await world.run("get nodes")).out).toMatchFileSnapshot(golden("get-nodes"));
  });

  test("says who leads", async () => {
    const world = await startUsualWorld();
    lead(world);

    expect((await world.run("get")).out).toMatch(/^controller: node-9\/1 leads/);
  });

  test("gives programs every field", async () => {
    const world = await startUsualWorld();
    await world.run("apply");

    const services = JSON.parse((await world.run("get services ray -o json")).out) as readonly object[];

    expect(services).toMatchObject([{ name: "ray", pack: "ray", monitors: 10, nodes: ["node-1"] }]);
  });

  test.for([
    [
      "get foo",
      "there is no kind foo; there are services, monitors, slos, dashboards, downtimes, metric-tags, catalog, evaluators, files, packs, nodes",
    ],
    ["get monitor", ""],
    ["get pakcs", "there is no kind pakcs; did you mean packs?"],
    ["get services rayy", "did you mean ray?"],
    ["get packs rya", "no pack is named rya; did you mean ray?"],
    ["get nodes node-2", "no node role has reported as node-2"],
  ] as const)("%s: %s", async ([line, message]) => {
    const world = await startUsualWorld();
    await world.run("apply");

    const { err } = await world.run(line);

    if (message === "") expect(err).toBe("");
    else expect(err).toContain(message);
  });
});

describe("one service in full", () => {
  test.for(["ray", "api", "web", "rya"])("tells everything about %s", async (service) => {
    const world = await startUsualWorld();
    await world.run("apply");

    const { exit, out } = await world.run(`describe ${service}`);

    expect(exit).toBe(0);
    await expect(out).toMatchFileSnapshot(golden(`describe-${service}`));
  });

  test("tells of a monitor of no service without asking for instances of it", async () => {
    const world = await startWorld();
    const text = 'type: query alert\nquery: "avg(last_5m):avg:system.load.1{*} > 5"\ncritical: 5\n';
    world.consul.put("observability/_monitors/load", text);
    await world.run("apply");

    const { exit, out } = await world.run("describe _monitors/load");

    expect(exit).toBe(0);
    expect(out).toContain("_monitors/load  ready");
    expect(out).not.toContain("runs on");
    expect((await world.run("get")).out).toMatch(/_monitors\/load .* True/);
  });

  test("works without keys and before any operator has run", async () => {
    const world = await startUsualWorld();

    const { exit, out } = await world.run("describe ray", { env: { DD_API_KEY: "", DD_APP_KEY: "" } });

    expect(exit).toBe(0);
    expect(out).toContain("no controller has ever run here");
    expect(out).toContain("no file on node-1: no node role has reported from there");
    expect(out).toContain("Datadog was not asked, since DD_API_KEY is not set");
  });

  test("tells a service that is gone from one that never was", async () => {
    const world = await startUsualWorld();
    await world.run("apply");
    world.consul.state.deregisterService("node-1", "ray");
    await world.run("apply");

    const gone = await world.run("describe ray");
    const never = await world.run("describe rayy");

    expect(gone.out).toMatch(/its wish is gone since /);
    expect(never.exit).toBe(1);
    expect(never.err).toContain("no service is named rayy");
    expect(never.err).toContain("did you mean ray?");
  });
});

describe("errors", () => {
  test("Consul that can't be reached: where, and how to set it", async () => {
    const world = await startWorld();

    const { exit, err } = await world.run("get", { env: { CONSUL_HTTP_ADDR: "127.0.0.1:9" } });

    expect(exit).toBe(1);
    expect(err).toBe(
      'dd-observe: Cannot read the key "observability/.keep": ECONNREFUSED 127.0.0.1:9\n  Start Consul, or set CONSUL_HTTP_ADDR to where it listens.\n',
    );
  });

  test("a token that may not read: which right it needs, and never the token", async () => {
    const world = await startUsualWorld();
    world.consul.faults.acl = "deny";

    const { exit, err } = await world.run("get", { env: { CONSUL_HTTP_TOKEN: "s3cret-token" } });

    expect(exit).toBe(1);
    expect(err).toContain('Give the token of CONSUL_HTTP_TOKEN a policy with key "observability/.keep"');
    expect(err).not.toContain("s3cret-token");
  });

  test("a wrong Datadog key: what to check, and never the key", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);

    const { exit, out, err } = await world.run("plan --role controller", {
      env: { DD_APP_KEY: "s3cret-key" },
    });

    expect(exit).toBe(1);
    expect(out).toMatch(/Check DD_API_KEY, DD_APP_KEY and\s+DD_SITE/);
    expect(out).toContain("monitors_read");
    expect(out + err).not.toContain("s3cret-key");
  });

  test.for([
    ["plan --bogus", "unknown option '--bogus'"],
    ["pln", "Did you mean plan?"],
    ["describe", "missing required argument 'service'"],
    ["get -o xml", "Allowed choices are table, wide, json, yaml"],
    ["plan --grace soon", '--grace or DD_OBSERVE_GRACE is "soon", but must be a duration'],
    ["explain endpoint.prt", "did you mean port?"],
    ["validate nowhere.yaml", "cannot read nowhere.yaml"],
    ["validate -", "--service"],
    ["completion tcsh", "there is one for bash, zsh, fish"],
  ] as const)("dd-observe %s: %s", async ([line, message]) => {
    const world = await startWorld();

    const { exit, err } = await world.run(line);

    expect(exit).toBe(1);
    expect(err).toContain(message);
    expect(err).not.toMatch(/^\s+at /m);
  });
});
