import { expect, test } from "vitest";
import { parse, stringify } from "yaml";

import type { Pack } from "../../crds/pack.ts";
import { observed, PACKS } from "../builders/observed.ts";
import { valuesOf } from "../builders/option-values.ts";
import { agentFileFaults, type AgentFile } from "../contracts/agent-checks/faults.ts";

/** What wishes of one pack may say under `agent`: nothing, the default, one option each, and all at once. */
function wishesOf(pack: Pack): readonly Readonly<Record<string, unknown>>[] {
  const options = Object.entries(pack.options);
  const single = options.flatMap(([name, option]) => valuesOf(option).map((value) => ({ [name]: value })));
  const all = (at: 0 | -1): Readonly<Record<string, unknown>> =>
    Object.fromEntries(options.map(([name, option]) => [name, valuesOf(option).at(at)]));
  return [{}, ...single, all(0), all(-1)];
}

/** Undefined if no file is written with these options. */
function fileOf(pack: string, agent: object): AgentFile | undefined {
  const { file } = observed("web", stringify({ pack, env: "production", agent }));
  return file === "" ? undefined : (parse(file) as AgentFile);
}

// An option that the check doesn't have is no error to the Agent: it is passed over, and nobody hears of it.
test.for(
  [...PACKS.values()].flatMap((pack) =>
    pack.check === undefined ? [] : [{ name: pack.name, check: pack.check, pack }],
  ),
)("the Agent's check knows every option, and takes every value, of pack $name", ({ check, pack }) => {
  for (const agent of wishesOf(pack)) {
    const file = fileOf(pack.name, agent);
    if (file !== undefined)
      expect({ agent, faults: agentFileFaults(check, file) }).toEqual({ agent, faults: [] });
  }
});

const RAY = { openmetrics_endpoint: "http://10.0.0.5:8080/metrics" };
const GENERIC = { ...RAY, metrics: [".+"] };

test.for<[check: string, instance: object, fault: RegExp]>([
  ["ray", { ...RAY, min_colection_interval: 15 }, /min_colection_interval is no option of the check/],
  ["ray", { ...RAY, min_collection_interval: "15" }, /min_collection_interval must be "number", not "15"/],
  ["ray", { ...RAY, exclude_metrics: "^python_" }, /exclude_metrics must be {"list":"text"}/],
  ["ray", { ...RAY, proxy: { http: "http://x", socks: "y" } }, /proxy must be/],
  ["ray", { ...RAY, exclude_metrics_by_labels: { worker: 5 } }, /exclude_metrics_by_labels must be/],
  ["ray", {}, /lacks openmetrics_endpoint/],
  ["ray", { ...RAY, exclude_metrics: ["(unclosed"] }, /\(unclosed does not compile/],
  ["ray", { ...RAY, hostname_format: "x" }, /hostname_format lacks <HOSTNAME>/],
  ["litellm", { kerberos_auth: "maybe" }, /kerberos_auth must be {"values"/],
  ["litellm", {}, /openmetrics_endpoint must be a URL/],
  ["openmetrics", RAY, /lacks metrics/],
  ["openmetrics", { ...GENERIC, send_monotonic_counter: true }, /means nothing beside openmetrics_endpoint/],
  ["openmetrics", { ...RAY, metrics: [{ a_b: { type: "number" } }] }, /type that the check doesn't know/],
  ["openmetrics", { ...RAY, metrics: [{ "a_.*": "a.all" }] }, /its name "a\.all" is dropped/],
  ["openmetrics", { ...RAY, metrics: [{ a: {} }] }, /neither name nor type/],
  ["http_check", { url: "http://10.0.0.5/" }, /lacks name/],
  ["consul", { url: "http://10.0.0.5:8500", services_include: { a: "b" } }, /services_include must be/],
])("%s: %o is found out", ([check, instance, fault]) => {
  expect(agentFileFaults(check, { init_config: {}, instances: [instance as never] }).join("\n")).toMatch(
    fault,
  );
});

test.for<[check: string, instance: object]>([
  ["ray", { ...RAY, proxy: { no_proxy: ["a"] }, exclude_metrics_by_labels: { worker: true, pid: ["1"] } }],
  ["openmetrics", { ...RAY, metrics: ["^a_", { b: "c" }, { d: { name: "e", type: "rate" } }] }],
  ["consul", { url: "http://10.0.0.5:8500", max_services: 50 }],
  ["http_check", { name: "a", url: "http://10.0.0.5/", http_response_status_code: 200, data: { a: 1 } }],
])("%s: %o is right", ([check, instance]) => {
  expect(agentFileFaults(check, { init_config: { timeout: 5 }, instances: [instance as never] })).toEqual([]);
});

test("what isn't in a file of ours is found out", () => {
  const file = { init_config: { timout: 5 }, instances: [RAY], logs: [] };

  expect(agentFileFaults("ray", file)).toEqual([
    "logs is no part of a file of ours",
    "init_config.timout is no option of the check",
  ]);
});
