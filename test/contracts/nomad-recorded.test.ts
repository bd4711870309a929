import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { startFakeNomad, type FakeNomad } from "../fakes/nomad.ts";
import { fits, headerNames, readRecorded, type Recorded } from "./recorded.ts";

/** Answers recorded from a real Nomad 1.0.18. They lie beside the project; where they are absent, this is skipped. */
const recordings = readRecorded(new URL("../../../shared/contracts/nomad-1.0.18/", import.meta.url));

/** What can't be held against the stand-in, and why. */
const NOT_COMPARABLE: Readonly<Record<string, string>> = Object.fromEntries([
  ...[
    "acl-job-register-403",
    "job-plan-200",
    "job-register-200",
    "job-register-bad-json-400",
    "job-register-missing-job-400",
    "job-register-validation-500",
    "job-stop-200",
    "job-stop-unknown",
    "job-summary-200",
    "jobs-list-200",
  ].map((name) => [name, "we register no jobs, and neither does the stand-in by its API"] as const),
  ["acl-event-stream-denied", "we follow no event stream"],
  ["event-stream-frames", "we follow no event stream"],
  ["client-stats-200", "we read no client's figures"],
]);

/** A path of ours where we don't use the recorded one. */
const PATHS: Readonly<Record<string, string>> = {
  "acl-jobs-403": "/v1/nodes",
  "acl-token-not-found-403": "/v1/nodes",
};

/** What our recordings of an agent were cut short by. The real one tells it: seen in 2.0.6, and in the source of 1.0.18. */
const TRIMMED_AWAY: ReadonlySet<string> = new Set([
  "body.config.AdvertiseAddrs is nothing that was recorded",
]);

const ALLOCATION = "95947360-6700-85bf-3a9d-d206f21696bf";

const TELEMETRY = `telemetry {
  publish_allocation_metrics = true
  publish_node_metrics       = true
  prometheus_metrics         = true
  datadog_address            = "127.0.0.1:8125"
  datadog_tags               = ["team:ml", "managed_by:dd-observe"]
  collection_interval        = "10s"
  disable_hostname           = true
}
`;

/** Brings the stand-in into the state that the lab was in. */
async function furnished({ name }: Recorded): Promise<FakeNomad> {
  const configDir = mkdtempSync(join(tmpdir(), "dd-observe-nomad-"));
  onTestFinished(() => rmSync(configDir, { recursive: true }));
  writeFileSync(join(configDir, "00-base.hcl"), 'datacenter = "dc1"\n');
  if (!/telemetry-off|prometheus-off/.test(name))
    writeFileSync(join(configDir, "90-dd-observe.hcl"), TELEMETRY);
  const fake = await startFakeNomad({ configDir });
  onTestFinished(() => fake.stop());
  for (let version = 0; version <= 5; version++)
    fake.state.runJob({
      id: "ray",
      groups: [
        { name: "head", services: ["ray-head"], tasks: [{ name: "web", services: ["ray-task-svc"] }] },
      ],
    });
  // The recorded list of the node's was cut to a job with another task.
  const isOther = name === "node-allocations-200";
  const allocation = fake.state.addAllocation({ id: ALLOCATION, taskNames: [isOther ? "node" : "web"] });
  if (isOther) allocation.tasks.get("node")!.restarts = 1;
  if (name === "acl-token-not-found-403") fake.faults.acl = "unknownToken";
  else if (name.startsWith("acl-")) fake.faults.acl = "deny";
  return fake;
}

const comparable = recordings.filter(({ name }) => NOT_COMPARABLE[name] === undefined);

describe.skipIf(recordings.length === 0)(
  "the stand-in answers as the recorded Nomad 1.0.18 (skipped where ../shared is absent)",
  () => {
    test.for(comparable)("$name", async (recorded) => {
      const fake = await furnished(recorded);
      const { request } = recorded;
      const body =
        request.body === undefined || request.method === "GET"
          ? {}
          : { body: typeof request.body === "string" ? request.body : JSON.stringify(request.body) };

      const answer = await fetch(`${fake.url}${PATHS[recorded.name] ?? request.path}`, {
        method: request.method,
        ...body,
      });
      const text = await answer.text();

      const { status, headers, json, text: recordedText, trimmed } = recorded.response;
      expect(answer.status).toBe(status);
      expect(headerNames(answer.headers)).toEqual(headerNames(Object.entries(headers)));
      expect(answer.headers.get("content-type")).toBe(headers["content-type"] ?? null);
      expect(answer.headers.get("vary")).toBe(headers["vary"] ?? null);
      if (recorded.name === "metrics-bad-format") expect(Object.keys(JSON.parse(text))).toContain("Gauges");
      else if (json !== undefined) {
        const differences = fits(JSON.parse(text), json, "body");
        // What the stand-in leaves out of an allocation or an agent, nothing of ours reads.
        const unlike = differences.filter((one) => !one.endsWith(" is missing"));
        expect(unlike.filter((one) => trimmed !== true || !TRIMMED_AWAY.has(one))).toEqual([]);
      }
      if (recordedText !== undefined && trimmed !== true) expect(text).toBe(recordedText);
    });

    test.for([
      ["agent-self-telemetry-on", "Telemetry"],
      ["agent-self-telemetry-off", "Telemetry"],
    ] as const)("the live telemetry of %s is what its files say", async ([name, part]) => {
      const recorded = recordings.find((one) => one.name === name)!;
      const fake = await furnished(recorded);

      const answer = await fetch(`${fake.url}/v1/agent/self`);
      const { config } = (await answer.json()) as { config: Record<string, Record<string, unknown>> };

      const was = (recorded.response.json as { config: Record<string, Record<string, unknown>> }).config[
        part
      ]!;
      const left = Object.entries(was).filter(([field]) => !field.startsWith("Circonus"));
      expect(config[part]).toEqual(Object.fromEntries(left));
    });

    test("leaves out nothing without a reason", () => {
      const names = new Set(recordings.map(({ name }) => name));

      expect(Object.keys(NOT_COMPARABLE).filter((name) => !names.has(name))).toEqual([]);
    });
  },
);
