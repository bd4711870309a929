import http from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createConsul } from "../../clients/consul.ts";
import { effectiveEnvironment, valuesOf } from "../../controllers/workload-env/effective.ts";
import { jobSnippet, type PreloadArchive } from "../../controllers/workload-env/snippet.ts";
import { instrumentationOf, type InstrumentationLayer } from "../../crds/instrumentation.ts";
import { consulBinary, NO_CONSUL, startConsul, type ConsulServer } from "../servers/consul.ts";
import { nomadTemplateBinary, NO_NOMAD_TEMPLATE, renderTemplates } from "../servers/nomad-template.ts";

const missing = [
  ...(consulBinary() === undefined ? [NO_CONSUL] : []),
  ...(nomadTemplateBinary() === undefined ? [NO_NOMAD_TEMPLATE] : []),
];

const MACHINE = { "attr.unique.network.ip-address": "10.1.2.3" };
const IN_CONTAINER = { NOMAD_TASK_DIR: "/local" };
const PLACE = { nodeIp: "10.1.2.3", preload: "/local/dd-observe" };

/** What people and tracers put into values. */
const VALUES = {
  PLAIN: "prod",
  JSON_RULES: '[{"sample_rate":0.1,"name":"a b"}]',
  BLANKS: "  two  words ",
  HASH: "a #b",
  DOLLAR: "$HOME ${HOME} $(id) `id`",
  BACKSLASH: String.raw`C:\new\tab\\`,
  LINES: "one\ntwo\r\nthree\t.",
  ESCAPED: "%22a%22%7b",
  UNICODE: "grüße 日本 🚀 \u2028",
  QUOTES: `'single' "double"`,
  HTML: "<a&b>",
  ASSIGN: "a=b=c",
  BRACES: "{{ env `HOME` }}",
  NODE_OPTIONS: "--import=data:text/javascript,a%22b",
  PYTHONPATH: "__PRELOAD__/python:/usr/lib/bootstrap",
  DD_DOGSTATSD_URL: "udp://__NODE_IP__:8125",
};

const why = missing.length === 0 ? "" : ` (${missing.join("; ")})`;

describe.skipIf(missing.length > 0)(`what a job pastes, read and rendered as Nomad does${why}`, () => {
  let consul: ConsulServer;
  let variables: {
    readonly url: string;
    stop: () => Promise<void>;
    items: Record<string, string> | undefined;
  };

  beforeAll(async () => {
    consul = await startConsul();
    variables = await startVariables();
  });
  afterAll(async () => {
    await variables.stop();
    await consul[Symbol.asyncDispose]();
  });

  async function publish(service: string, values: Readonly<Record<string, string>>): Promise<void> {
    const client = createConsul({ address: consul.url });
    const ops = Object.entries(values).map(([name, value]) => ({
      verb: "set" as const,
      key: `dd-observe/env/${service}/${name}`,
      text: value,
    }));
    expect(await client.txn(ops)).toMatchObject({ ok: true });
  }

  function snippetOf(
    service: string,
    layer: InstrumentationLayer = {},
    preload: PreloadArchive = { version: "1.2.3" },
  ): string {
    const instrumentation = instrumentationOf({ profile: "ddtrace", ...layer }, "generic")!;
    return jobSnippet({ service, statePrefix: "dd-observe", instrumentation, preload });
  }

  async function render(service: string, job: Readonly<Record<string, string>>, hcl = snippetOf(service)) {
    return await renderTemplates({
      consul: consul.url,
      nomad: variables.url,
      env: { ...IN_CONTAINER, ...MACHINE, ...job },
      hcl,
      timeoutMs: 5_000,
    });
  }

  /** What the task has in the end: what the template gives wins over the job's own. */
  function taskOf(job: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> | null) {
    return { ...IN_CONTAINER, ...job, ...env };
  }

  test.each<[string, Record<string, string>]>([
    ["that sets nothing", {}],
    ["that sets one of them", { PLAIN: "dev", OTHER: "x" }],
    ["that leaves one empty", { PLAIN: "" }],
    ["with NODE_OPTIONS and a PYTHONPATH", { NODE_OPTIONS: "--inspect --title='a b'", PYTHONPATH: "/app" }],
    ["with a preload elsewhere", { DD_OBSERVE_PRELOAD: "/opt/preload" }],
  ])("gives a job %s what is worked out for it", async (_what, job) => {
    await publish("all", VALUES);

    const { env } = await render("all", job);

    const worked = effectiveEnvironment({
      published: VALUES,
      job: { ...IN_CONTAINER, ...job },
      place: PLACE,
    });
    expect(taskOf(job, env)).toEqual(valuesOf(worked));
  });

  test("is the same when Nomad starts the task's templates again", async () => {
    await publish("again", VALUES);
    const job = { PLAIN: "dev", NODE_OPTIONS: "--inspect", PYTHONPATH: "/app" };

    const first = await render("again", job);
    const second = await render("again", taskOf(job, first.env));
    await publish("again", { HASH: "changed", NODE_OPTIONS: "--import=data:other" });
    const third = await render("again", taskOf(job, second.env));

    expect(second.env).toEqual(first.env);
    expect(third.env).toEqual({
      ...first.env,
      HASH: "changed",
      NODE_OPTIONS: "--inspect --import=data:other",
    });
  });

  test("is HCL, with what the wish says of changes and of the preload", async () => {
    await publish("quiet", { DD_ENV: "prod" });
    const inject = { inject: true, language: "node", change: "restart" } as const;

    const { blocks: quiet } = await render("quiet", {});
    const { blocks } = await render("quiet", {}, snippetOf("quiet", inject));
    const archive = { version: "1.2.3", source: "s3::https://b/${x}", checksum: "sha256:ab" };
    const { blocks: given } = await render("quiet", {}, snippetOf("quiet", inject, archive));

    expect(quiet).toMatchObject([
      {
        type: "template",
        attributes: { env: "true", change_mode: "noop", destination: "secrets/dd-observe.env" },
      },
    ]);
    expect(quiet[0]?.attributes).not.toHaveProperty("splay");
    expect(blocks).toMatchObject([
      {
        type: "artifact",
        attributes: {
          source: "https://artifacts.example.com/dd-observe-preload-1.2.3.tar.gz",
          destination: "local/dd-observe",
        },
      },
      { type: "template", attributes: { change_mode: "restart", splay: "30s" } },
    ]);
    expect(given[0]?.attributes).toMatchObject({
      source: archive.source,
      "options.checksum": archive.checksum,
    });
  });

  test("leaves out a key that is no name of a variable, which would fail the task", async () => {
    await publish("odd", { "ray-head": "x", "1ST": "x", DD_ENV: "prod", lower_case: "y" });

    const { env } = await render("odd", {});

    expect(env).toMatchObject({ DD_ENV: "prod", lower_case: "y" });
    expect(Object.keys(env ?? {})).not.toContain("ray-head");
  });

  test("gives nothing while nothing is published, with whenMissing: ignore", async () => {
    const { env } = await render("nobody", { A: "1" });

    expect(env).toEqual({});
  });

  test("waits while nothing is published, with whenMissing: insist", async () => {
    const hcl = snippetOf("later", { whenMissing: "insist" });

    const { env, missing: waits } = await renderTemplates({
      consul: consul.url,
      env: { ...MACHINE },
      hcl,
      timeoutMs: 1_500,
    });
    await publish("later", { DD_ENV: "prod" });
    const later = await render("later", {}, hcl);

    expect(env).toBeNull();
    expect(waits).toEqual([expect.stringContaining("dd-observe/env/later")]);
    expect(later.env).toMatchObject({ DD_ENV: "prod" });
  });

  test("takes Langfuse's keys, and nothing else, from the Nomad Variable", async () => {
    await publish("traced", { DD_ENV: "prod" });
    variables.items = { LANGFUSE_PUBLIC_KEY: "pk-1", LANGFUSE_SECRET_KEY: 'sk-"1"', PASSWORD: "x" };
    const hcl = snippetOf("traced", { langfuse: { keys: "nomad/jobs/traced" } });

    const { env } = await render("traced", {}, hcl);
    const again = await render("traced", taskOf({}, env), hcl);
    const own = await render("traced", { LANGFUSE_SECRET_KEY: "mine" }, hcl);

    expect(env).toEqual({
      DD_ENV: "prod",
      LANGFUSE_PUBLIC_KEY: "pk-1",
      LANGFUSE_SECRET_KEY: 'sk-"1"',
      DD_OBSERVE_GIVEN: ",DD_ENV,LANGFUSE_PUBLIC_KEY,LANGFUSE_SECRET_KEY,",
    });
    expect(again.env).toEqual(env);
    expect(own.env).not.toHaveProperty("LANGFUSE_SECRET_KEY");
  });

  test("starts without the Nomad Variable with whenMissing: ignore, and waits for it with insist", async () => {
    await publish("traced", { DD_ENV: "prod" });
    variables.items = undefined;
    const langfuse = { keys: "nomad/jobs/traced" };

    const ignoring = await render("traced", {}, snippetOf("traced", { langfuse }));
    const insisting = await renderTemplates({
      consul: consul.url,
      nomad: variables.url,
      env: { ...MACHINE },
      hcl: snippetOf("traced", { langfuse, whenMissing: "insist" }),
      timeoutMs: 1_500,
    });

    expect(ignoring.env).toEqual({ DD_ENV: "prod", DD_OBSERVE_GIVEN: ",DD_ENV," });
    expect(insisting.env).toBeNull();
  });

  test("needs to list its own service's keys, and no more, where Consul has ACLs", async () => {
    const policy = (service: string): string => `key_prefix "dd-observe/env/${service}/" { policy = "list" }`;
    await using guarded = await startConsul({ acls: true });
    await guarded.run("kv", "put", "dd-observe/env/support/DD_ENV", "prod");
    await guarded.run("kv", "put", "dd-observe/env/support-2/DD_ENV", "other");
    const renderAs = async (rules: string) =>
      await renderTemplates({
        consul: guarded.url,
        token: await guarded.createToken(rules),
        env: { ...MACHINE },
        hcl: snippetOf("support", { whenMissing: "insist" }),
        timeoutMs: 3_000,
      });

    const own = await renderAs(policy("support"));
    const others = await renderAs(policy("support-2"));

    expect(own.env).toMatchObject({ DD_ENV: "prod" });
    expect(others.env).toBeNull();
  });
});

/** The part of Nomad's API that has the variables of tasks. */
async function startVariables() {
  const state: { items: Record<string, string> | undefined } = { items: undefined };
  const server = http.createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://nomad").pathname;
    response.setHeader("content-type", "application/json");
    response.setHeader("x-nomad-index", "7");
    if (path !== "/v1/var/nomad/jobs/traced" || state.items === undefined) {
      response.statusCode = 404;
      response.end(JSON.stringify({ error: "variable not found" }));
      return;
    }
    response.end(
      JSON.stringify({ Namespace: "default", Path: "nomad/jobs/traced", ModifyIndex: 7, Items: state.items }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    async stop(): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  });
}
