import { fileURLToPath } from "node:url";

import { afterEach, expect, test } from "vitest";
import { parse } from "yaml";

import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const env = { DD_OBSERVE_PACKS_DIR: fileURLToPath(new URL("../../docs/examples/packs", import.meta.url)) };

let world: CommandWorld;

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

/** Makes one pass over a Traefik on this machine. */
async function observe(document: string): Promise<void> {
  world.consul.put("observability/traefik", `env: prod\n${document}`);
  const { exit, out, err } = await world.run("apply", { env });
  expect({ exit, text: exit === 0 ? "" : out + err }).toEqual({ exit: 0, text: "" });
}

async function startWorld(): Promise<void> {
  world = await startCommandWorld();
  world.register("traefik", ["dd-observe"]);
}

function namesOf(kind: "monitors" | "slos"): readonly string[] {
  return world.datadog
    .objects(kind)
    .map(({ name }) => String(name))
    .sort();
}

/** Every query on the composed dashboard. */
function queries(): string {
  const overviews = world.datadog.objects("dashboards");
  return overviews.length === 0 ? "none" : JSON.stringify(overviews[0]);
}

// No line of code knows of Traefik: everything comes of the files in docs/examples/packs/traefik.
test("a folder of data is all that it takes from a registered service to file, monitors, SLO and dashboard", async () => {
  await startWorld();

  await observe("agent: {minCollectionInterval: 30, countErrors: true}\n");

  const files = await world.files();
  const text = files.get("openmetrics.d/dd-observe-traefik.yaml");
  expect(parse(text ?? "")).toMatchObject({
    instances: [
      {
        openmetrics_endpoint: "http://10.0.0.7:8080/metrics",
        namespace: "traefik",
        min_collection_interval: 30,
        rename_labels: { service: "traefik_service" },
        allow_redirects: false,
        tags: ["cluster:dc1", "env:prod", "service:traefik"],
      },
    ],
  });
  expect(namesOf("monitors")).toEqual([
    "[traefik] Metrics endpoint does not answer",
    "[traefik] Routers with errors",
    "[traefik] Too many server errors",
  ]);
  expect(namesOf("slos")).toEqual(["[traefik] Answers without a server error"]);
  expect(queries()).toContain('"title":"Traefik: traefik"');
  expect(queries()).toContain("traefik.entrypoint.requests.count{service:traefik,env:prod,");
  expect(queries()).toContain("max:traefik.routers.errors{");
  expect(queries()).not.toContain("traefik.entrypoint.request.total");
});

test("what the pack sets aside for a service that pushes comes with the option, and the rest goes", async () => {
  await startWorld();
  await observe("");
  expect([...(await world.files()).keys()]).toContain("openmetrics.d/dd-observe-traefik.yaml");

  await observe("agent: {source: push}\n");

  expect([...(await world.files()).keys()]).not.toContain("openmetrics.d/dd-observe-traefik.yaml");
  expect(namesOf("monitors")).toEqual([]);
  expect(namesOf("slos")).toEqual([]);
  expect(queries()).toContain("sum:traefik.entrypoint.request.total{service:traefik,env:prod,");
  expect(queries()).not.toContain("traefik.entrypoint.requests.count");
  expect(queries()).not.toContain("needs");
});

test("a service without a file lacks nothing for it", async () => {
  await startWorld();
  await observe("agent: {source: push}\n");

  const { out } = await world.run("describe traefik -o json", { env });

  const conditions = (JSON.parse(out) as { conditions: { type: string; status: string; reason: string }[] })
    .conditions;
  expect(conditions).toContainEqual(
    expect.objectContaining({ type: "ConfigWritten", status: "True", reason: "NothingWanted" }),
  );
  expect(conditions.map(({ type }) => type)).not.toContain("AgentLoaded");
  expect(conditions.filter(({ status, reason }) => status === "False" && reason !== "NoData")).toEqual([]);
});

test("a person is told how to set up what the service uses, and nothing else", async () => {
  await startWorld();
  await observe("agent: {source: push}\n");

  const { out } = await world.run("describe traefik", { env, width: 200 });

  expect(out).toContain("--metrics.datadog.address=");
  expect(out).toContain('DD_TAGS="service:traefik cluster:dc1"');
  expect(out).not.toContain("--metrics.prometheus");
});

test("the pack is listed with its folder, explained and validated like any other", async () => {
  await startWorld();

  const listed = await world.run("get packs traefik", { env, width: 300 });
  const explained = await world.run("explain agent.source --pack traefik", { env });
  const valid = await world.run(`validate ${env.DD_OBSERVE_PACKS_DIR}`, { env });

  expect(listed.out).toMatch(/traefik +openmetrics +3 +\S*docs\/examples\/packs\/traefik /);
  expect(explained.out).toContain("scrape or push");
  expect(valid).toMatchObject({ exit: 0, err: "" });
});
