import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";

import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { readConfig } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import { createConsul, type Consul } from "../../clients/consul.ts";
import { packFolder, REGISTRY_PACK } from "../builders/pack-folder.ts";
import { startFakeDatadog, type FakeDatadog } from "../fakes/datadog.ts";
import { consulBinary, NO_CONSUL, startConsul, type ConsulServer } from "../servers/consul.ts";

type Role = "controller" | "node";

/** Those of deploy/policies/datadog-scopes.md, in its order. */
const SCOPES: readonly string[] = [
  "monitors_read",
  "monitors_write",
  "slos_read",
  "slos_write",
  "monitors_downtime",
  "timeseries_query",
  "metrics_read",
  "metric_tags_write",
  "dashboards_read",
  "dashboards_write",
  "apm_service_catalog_read",
  "apm_service_catalog_write",
  "llm_observability_read",
  "llm_observability_write",
];

/** What goes wrong, in the log, when a rule of a policy is taken away. Every rule has an entry. */
const SEEN: Readonly<Record<Role, Readonly<Record<string, string>>>> = {
  controller: {
    'service_prefix ""': "source failing",
    'node_prefix ""': "placement not known",
    'key_prefix "observability/"': "source failing",
    'key "dd-observe/leader"': "leadership unknown",
    'session_prefix ""': "leadership unknown",
    'key_prefix "dd-observe/control/"': "source failing",
    'key_prefix "dd-observe/control/placed/"': "placement not known",
    'key_prefix "dd-observe/status/nodes/"': "placement not known",
    'key_prefix "dd-observe/status/services/"': "status not stored",
    'key_prefix "dd-observe/intents/"': "pass failed",
    'key_prefix "dd-observe/env/"': "pass failed",
    'key_prefix "dd-observe/backups/cluster/"': "action failed",
    'key "dd-observe/state/organisation"': "waiting for consul",
    'key "dd-observe/state/progress"': "progress not stored",
    'agent_prefix ""': "waiting for consul",
  },
  node: {
    'node_prefix ""': "source failing",
    'service_prefix ""': "source failing",
    'key_prefix "observability/"': "source failing",
    'key_prefix "dd-observe/control/"': "source failing",
    'key_prefix "dd-observe/status/nodes/"': "status not stored",
    'key_prefix "dd-observe/backups/nodes/"': "backup not stored",
    'agent_prefix ""': "waiting for consul",
  },
};

describe.skipIf(consulBinary() === undefined)(
  `the policies of deploy/policies${consulBinary() === undefined ? ` (${NO_CONSUL})` : ""}`,
  () => {
    let server: ConsulServer;
    let root: Consul;
    beforeAll(async () => {
      server = await startConsul({ acls: true });
      root = createConsul({ address: server.url, token: server.rootToken });
      await root.serviceRegister({
        id: "web-1",
        name: "web",
        address: "127.0.0.1",
        port: 8080,
        tags: ["dd-observe", "dd-observe.profile=otel"],
      });
      // Has something that only one machine may do.
      await root.serviceRegister({
        id: "registry-1",
        name: "registry",
        address: "127.0.0.1",
        port: 8500,
        tags: ["dd-observe"],
      });
    }, 60_000);
    afterAll(async () => await server[Symbol.asyncDispose]());

    test.for<Role>(["controller", "node"])("the policy of the role %s is enough", async (role) => {
      const world = await start(server, root, role, await policy(role));

      await expect.poll(() => world.said(), { timeout: 20_000 }).toContain("action applied");
      await world.editByHand();
      await expect.poll(() => world.backups(), { timeout: 20_000 }).toBe(1);
      await expect.poll(() => world.isRight(), { timeout: 20_000 }).toBe(true);
      // Of the services, and of the dashboard that the packs compose, or of the node itself.
      await expect.poll(() => world.statuses(), { timeout: 20_000 }).toBe(3);
      if (role === "controller") await expect.poll(() => world.placed(), { timeout: 20_000 }).toBe(1);
      await root.kvPut("dd-observe/control/paused/web", "");
      await root.kvPut("observability/web", "env: other\n");
      await expect.poll(() => world.reasonsOfStatus(), { timeout: 20_000 }).toContain("Paused");

      expect(world.complaints()).toEqual([]);
    });

    test("a node's policy may be narrowed to its own machine", async () => {
      const narrow = (await policy("node")).replaceAll("/nodes/", "/nodes/node-1/");
      const world = await start(server, root, "node", narrow);

      await expect.poll(() => world.statuses(), { timeout: 20_000 }).toBe(3);

      expect(narrow).toContain("status/nodes/node-1/");
      expect(world.complaints()).toEqual([]);
    });

    test("the scopes of datadog-scopes.md are enough", async () => {
      const scopes = [...(await text("datadog-scopes.md")).matchAll(/^\| `(\w+_\w+)`/gm)].map(
        ([, scope]) => scope!,
      );
      const world = await start(server, root, "controller", await policy("controller"), scopes);

      await expect.poll(() => world.said(), { timeout: 20_000 }).toContain("action applied");
      await world.editByHand();
      await expect.poll(() => world.isRight(), { timeout: 20_000 }).toBe(true);

      expect(scopes).toEqual(SCOPES);
      expect(world.complaints()).toEqual([]);
    });

    test.for([
      ["monitors_read", "pass failed"],
      ["monitors_write", "action failed"],
    ] as const)("without the scope %s the log says: %s", async ([scope, message]) => {
      const scopes = SCOPES.filter((one) => one !== scope);
      const world = await start(server, root, "controller", await policy("controller"), scopes);

      await expect.poll(() => world.complaints(), { timeout: 20_000 }).toContain(message);
      await expect.poll(() => world.reasonsOfStatus(), { timeout: 20_000 }).toContain("Unauthorized");
    });

    describe.for<Role>(["controller", "node"])("each rule of the role %s is needed", (role) => {
      test.for(Object.entries(SEEN[role]))("without %s the log says: %s", async ([rule, message]) => {
        const whole = await policy(role);
        const lines = whole.split("\n");
        const without = lines.filter((line) => !line.startsWith(`${rule} {`)).join("\n");
        const world = await start(server, root, role, without);

        if (rule.includes("/backups/")) {
          await expect.poll(() => world.said(), { timeout: 20_000 }).toContain("action applied");
          await world.editByHand();
        }

        expect(without).not.toBe(whole);
        await expect.poll(() => world.complaints(), { timeout: 20_000 }).toContain(message);
      });

      test("and there is no rule besides", async () => {
        const rules = [...(await policy(role)).matchAll(/^(\w+ "[^"]*") \{/gm)].map(([, rule]) => rule);

        expect(rules).toEqual(Object.keys(SEEN[role]));
      });
    });
  },
);

async function policy(role: Role): Promise<string> {
  return await text(`consul-${role}.hcl`);
}

async function text(name: string): Promise<string> {
  return await readFile(new URL(`../../deploy/policies/${name}`, import.meta.url), "utf8");
}

interface World {
  /** Messages of the log, `ended` if the role ended by itself. */
  said(): readonly string[];
  /** Those of warnings and errors. */
  complaints(): readonly string[];
  /** A person changes what the role has made. */
  editByHand(): Promise<void>;
  isRight(): Promise<boolean>;
  backups(): Promise<number>;
  statuses(): Promise<number>;
  placed(): Promise<number>;
  reasonsOfStatus(): Promise<string>;
}

/** Runs one role with a token of these rules, against a Consul whose keys are gone. */
async function start(
  server: ConsulServer,
  root: Consul,
  role: Role,
  rules: string,
  permissions?: readonly string[],
): Promise<World> {
  await root.kvDelete("observability/", { recurse: true });
  await root.kvDelete("dd-observe/", { recurse: true });
  // As deploy/policies says; the roles may not put them.
  await root.kvPut("observability/.keep", "");
  await root.kvPut("dd-observe/control/.keep", "");
  // A node has reported.
  if (role === "controller") await root.kvPut("dd-observe/status/nodes/node-1/registry", "{}");
  const token = await server.createToken(rules);
  const datadog = await startFakeDatadog(permissions === undefined ? {} : { permissions });
  const confd = await mkdtemp(join(tmpdir(), "dd-observe-confd-"));
  const lines: { level: string; message: string }[] = [];
  const log = pino(
    { messageKey: "message", base: null, formatters: { level: (level) => ({ level }) } },
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(JSON.parse(chunk.toString()) as (typeof lines)[number]);
        done();
      },
    }),
  );
  const stop = new AbortController();
  const config = readConfig(
    { resync: "1s" },
    {
      CONSUL_HTTP_ADDR: server.url,
      CONSUL_HTTP_TOKEN: token,
      DD_API_URL: datadog.url,
      DD_API_KEY: datadog.apiKey,
      DD_APP_KEY: datadog.appKey,
      DD_OBSERVE_CONFD_DIR: confd,
      DD_OBSERVE_AGENT_URL: "http://127.0.0.1:9",
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      DD_OBSERVE_PACKS_DIR: packFolder({ registry: REGISTRY_PACK }),
    },
  );
  const running = startOperator(config, role, stop.signal, log)
    .then(async ({ done }) => await done)
    .catch((error: unknown) => {
      if (!stop.signal.aborted) lines.push({ level: "error", message: "ended" });
      return error;
    });
  onTestFinished(async () => {
    stop.abort();
    await running;
    await datadog.stop();
    await rm(confd, { recursive: true, force: true });
  });

  const file = join(confd, "openmetrics.d", "dd-observe-web.yaml");
  const statusPrefix = `dd-observe/status/${role === "node" ? "nodes" : "services"}/`;
  return {
    said: () => lines.map(({ message }) => message),
    complaints: () =>
      lines.filter(({ level }) => level === "warn" || level === "error").map(({ message }) => message),
    async editByHand() {
      if (role === "node") await writeFile(file, `${await readFile(file, "utf8")}# mine\n`);
      else {
        // What the monitors link to is made first.
        await expect.poll(() => datadog.monitors.size, { timeout: 20_000 }).toBe(1);
        datadog.edit(onlyId(datadog), { message: "mine" });
      }
    },
    async isRight() {
      if (role === "node") return !(await readFile(file, "utf8")).includes("# mine");
      return [...datadog.monitors.values()].every(({ message }) => message !== "mine");
    },
    backups: async () => (await root.kvKeys("dd-observe/backups/")).length,
    statuses: async () => (await root.kvKeys(statusPrefix)).length,
    placed: async () => (await root.kvKeys("dd-observe/control/placed/")).length,
    reasonsOfStatus: async () => (await root.kvList(statusPrefix)).map((entry) => entry.text).join(""),
  };
}

function onlyId({ monitors }: FakeDatadog): number {
  const [id] = monitors.keys();
  if (id === undefined) throw new Error("no monitor was made");
  return id;
}
