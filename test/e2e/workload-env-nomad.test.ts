import { writeFile } from "node:fs/promises";
import path from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { readConfig } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import { createConsul } from "../../clients/consul.ts";
import { jobSnippet } from "../../controllers/workload-env/snippet.ts";
import { instrumentationOf, type InstrumentationLayer } from "../../crds/instrumentation.ts";
import { SILENT } from "../builders/engine-world.ts";
import { consulBinary, NO_CONSUL, startConsul } from "../servers/consul.ts";
import { NO_NOMAD, nomadBinary, startNomad, type NomadServer } from "../servers/nomad.ts";

const reason =
  consulBinary() === undefined
    ? NO_CONSUL
    : nomadBinary() === undefined
      ? NO_NOMAD
      : process.getuid?.() === 0
        ? undefined
        : "skipped: raw_exec needs root here";

const SLOWLY = { timeout: 120_000, interval: 250 };

async function startWorld() {
  const consul = await startConsul();
  onTestFinished(async () => await consul[Symbol.asyncDispose]());
  const nomad = await startNomad({ consul: { address: consul.url } });
  onTestFinished(async () => await nomad[Symbol.asyncDispose]());
  const kv = createConsul({ address: consul.url });
  const config = readConfig(
    { resync: "1s", grace: "1s" },
    {
      CONSUL_HTTP_ADDR: consul.url,
      NOMAD_ADDR: nomad.url,
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      DD_OBSERVE_CLUSTER_ID: "dc1",
    },
  );
  const stop = new AbortController();
  const { done } = await startOperator(config, "controller", stop.signal, SILENT);
  onTestFinished(async () => {
    stop.abort();
    await done;
  });
  const condition = async (type = "EnvPublished"): Promise<Readonly<Record<string, unknown>> | undefined> => {
    const entry = await kv.kvGet("dd-observe/status/services/support");
    const { conditions } = JSON.parse(entry?.text ?? '{"conditions":[]}') as {
      readonly conditions: readonly Readonly<Record<string, unknown>>[];
    };
    return conditions.find((one) => one["type"] === type);
  };
  return { nomad, kv, condition };
}

/** Runs the job `support`, whose task notes its environment and sleeps. @param more In its `task`. */
async function runJob(nomad: NomadServer, more: string): Promise<void> {
  const file = path.join(nomad.folder, "support.nomad.hcl");
  await writeFile(
    file,
    `job "support" {
  datacenters = ["*"]
  group "api" {
    network {
      port "http" {}
    }
    service {
      name = "support"
      port = "http"
      tags = ["dd-observe"]
    }
    task "web" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "env > $NOMAD_ALLOC_DIR/env.txt; exec sleep 3600"]
      }
      resources {
        cpu    = 10
        memory = 16
      }
${more}
    }
  }
}
`,
  );
  await nomad.run("job", "run", "-detach", file);
}

/** What the newest running task was started with. */
async function taskEnvironment(nomad: NomadServer): Promise<Readonly<Record<string, string>>> {
  const answer = await nomad.call("GET", "/v1/job/support/allocations");
  const allocations = (await answer.json()) as readonly {
    readonly ID: string;
    readonly ClientStatus: string;
    readonly CreateIndex: number;
  }[];
  const newest = allocations
    .filter(({ ClientStatus }) => ClientStatus === "running")
    .sort((a, b) => b.CreateIndex - a.CreateIndex)[0];
  if (newest === undefined) return {};
  const file = await nomad.call("GET", `/v1/client/fs/cat/${newest.ID}?path=alloc/env.txt`);
  const lines = file.ok ? (await file.text()).split("\n") : [];
  return Object.fromEntries(
    lines.filter((line) => line.includes("=")).map((line) => line.split(/=(.*)/s).slice(0, 2)),
  ) as Record<string, string>;
}

function snippet(layer: InstrumentationLayer): string {
  const instrumentation = instrumentationOf({ profile: "ddtrace", ...layer }, "generic")!;
  return jobSnippet({
    service: "support",
    statePrefix: "dd-observe",
    instrumentation,
    preload: { version: "0.0.0" },
  });
}

describe.skipIf(reason !== undefined)(
  `the environment of a job in a real Nomad${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    test("is told of as not taken, taken, overridden, and waiting for a deployment, as it is", async () => {
      const { nomad, kv, condition } = await startWorld();
      await kv.kvPut("observability/support", "team: ml\nenv: prod\ninstrumentation: {profile: ddtrace}\n");

      await runJob(nomad, "");
      await expect
        .poll(async () => await condition(), SLOWLY)
        .toMatchObject({ status: "False", reason: "JobDoesNotTake" });
      await runJob(nomad, snippet({}));
      await expect.poll(async () => (await condition())?.["reason"], SLOWLY).toBe("Taken");
      await expect
        .poll(async () => await taskEnvironment(nomad), SLOWLY)
        .toMatchObject({ DD_SERVICE: "support", DD_ENV: "prod", DD_AGENT_HOST: "127.0.0.1" });

      await kv.kvPut(
        "observability/support",
        "team: ml\nenv: staging\ninstrumentation: {profile: ddtrace}\n",
      );
      await expect.poll(async () => (await condition())?.["reason"], SLOWLY).toBe("TakenAtNextDeploy");
      await runJob(nomad, `env { DD_ENV = "mine" }\n${snippet({})}`);
      await expect
        .poll(async () => await condition(), SLOWLY)
        .toMatchObject({
          status: "True",
          reason: "JobOverrides",
          message: expect.stringContaining("variable DD_ENV") as string,
        });
      await expect
        .poll(async () => await taskEnvironment(nomad), SLOWLY)
        .toMatchObject({ DD_SERVICE: "support", DD_ENV: "mine" });
    }, 300_000);

    test("stands in the job's Variable where that is wished, among what others put there, and tasks take it", async () => {
      const { nomad, kv, condition } = await startWorld();
      const items = async (): Promise<Readonly<Record<string, string>> | undefined> => {
        const answer = await nomad.call("GET", "/v1/var/nomad/jobs/support");
        if (!answer.ok) return undefined;
        return ((await answer.json()) as { readonly Items: Readonly<Record<string, string>> }).Items;
      };
      await nomad.run("var", "put", "nomad/jobs/support", "DD_API_KEY=hidden", "OTHER=x");
      const wish = (env: string): string =>
        `team: ml\nenv: ${env}\ninstrumentation: {profile: ddtrace, nomadVariable: true, change: restart}\n`;
      await kv.kvPut("observability/support", wish("prod"));
      await runJob(nomad, snippet({ nomadVariable: true, change: "restart" }).replace('"30s"', '"0s"'));

      await expect
        .poll(async () => await condition("VariableWritten"), SLOWLY)
        .toMatchObject({ status: "True", reason: "Synced" });
      await expect
        .poll(async () => await taskEnvironment(nomad), SLOWLY)
        .toMatchObject({ DD_SERVICE: "support", DD_ENV: "prod" });
      await expect.poll(async () => (await condition())?.["reason"], SLOWLY).toBe("Taken");
      const task = await taskEnvironment(nomad);
      expect(await items()).toMatchObject({ DD_API_KEY: "hidden", OTHER: "x", DD_ENV: "prod" });
      expect([task["DD_API_KEY"], task["OTHER"]]).toEqual([undefined, undefined]);

      await kv.kvPut("observability/support", wish("staging"));
      await expect.poll(async () => (await taskEnvironment(nomad))["DD_ENV"], SLOWLY).toBe("staging");
      await kv.kvPut("observability/support", "instrumentation: {profile: none}\n");
      await expect.poll(items, SLOWLY).toEqual({ DD_API_KEY: "hidden", OTHER: "x" });
    }, 300_000);
  },
);
