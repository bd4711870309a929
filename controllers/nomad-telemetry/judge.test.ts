import { expect, test } from "vitest";

import { ApiError } from "../../clients/errors.ts";
import type { NomadSelf } from "../../clients/nomad.ts";
import { readFileTelemetry } from "./file.ts";
import { judgeTelemetry, type TelemetryFacts } from "./judge.ts";

const OURS = `telemetry {
  prometheus_metrics = true
  collection_interval = "10s"
  use_node_name = false
}
`;

const LIVE = { PrometheusMetrics: true, CollectionInterval: "10s", UseNodeName: false };

interface Case {
  readonly ours?: string;
  readonly others?: Readonly<Record<string, string>>;
  readonly live?: Readonly<Record<string, unknown>>;
  readonly files?: readonly string[];
  readonly servesPrometheus?: boolean;
  readonly scraped?: readonly string[];
  readonly unreadable?: TelemetryFacts["unreadable"];
}

function judge(one: Case) {
  const { files = ["/etc/nomad.d/zz-dd-observe.hcl"], live = LIVE, servesPrometheus = true } = one;
  const self: NomadSelf = {
    version: "2.0.5",
    nodeName: "node-1",
    datacenter: "dc1",
    region: "global",
    nodeId: undefined,
    rpcAddress: "",
    isServer: true,
    isClient: false,
    telemetry: live,
    files,
  };
  const [active, undisputed] = judgeTelemetry({
    ours: readFileTelemetry("zz-dd-observe.hcl", one.ours ?? OURS),
    others: Object.entries(one.others ?? {}).map(([name, text]) => readFileTelemetry(name, text)),
    unreadable: one.unreadable ?? [],
    live: { state: "running", self, servesPrometheus },
    scraped: one.scraped ?? [],
  });
  return { active: active!, undisputed: undisputed! };
}

test("an agent that loaded the file and runs with it is active", () => {
  expect(judge({}).active).toEqual({
    type: "TelemetryActive",
    status: "True",
    reason: "Active",
    message: "Nomad 2.0.5 runs with /etc/nomad.d/zz-dd-observe.hcl",
  });
});

test("what a restart would change is told", () => {
  const live = { ...LIVE, PrometheusMetrics: false, CollectionInterval: "1s" };

  expect(judge({ live }).active).toMatchObject({
    status: "False",
    reason: "RestartRequired",
    message:
      'Nomad reads telemetry when it starts, and not again at a reload; restart it: prometheus_metrics: false → true, collection_interval: "1s" → "10s"',
  });
});

test("a file that was not there when the agent started is not active, even if nothing differs", () => {
  expect(judge({ files: ["/etc/nomad.d/00.hcl"] }).active).toMatchObject({
    reason: "RestartRequired",
    message: expect.stringContaining("zz-dd-observe.hcl was not there when it started"),
  });
});

test("an agent that says it serves metrics and doesn't is not believed", () => {
  expect(judge({ servesPrometheus: false }).active).toMatchObject({ status: "False", reason: "NotServed" });
});

test("of an agent that doesn't answer nothing is known", () => {
  const error = new ApiError("read the Nomad agent's configuration", "403 Permission denied", {
    failure: "unauthorized",
    hint: "Give the token more.",
  });
  const ours = readFileTelemetry("zz-dd-observe.hcl", OURS);

  const [active] = judgeTelemetry({
    ours,
    others: [],
    unreadable: [],
    live: { state: "unreachable", error },
    scraped: [],
  });

  expect(active).toMatchObject({
    status: "Unknown",
    reason: "AgentUnreachable",
    message: "Cannot read the Nomad agent's configuration: 403 Permission denied. Give the token more.",
  });
});

/** Each as seen on an agent: what two files come to. */
test.for([
  ["nothing of telemetry", { "00.hcl": 'data_dir = "/x"' }, "Undisputed", ""],
  ["the same value", { "00.hcl": 'telemetry { collection_interval = "10s" }' }, "Undisputed", ""],
  ["an earlier text", { "00.hcl": 'telemetry { collection_interval = "1s" }' }, "Undisputed", ""],
  [
    "a later text",
    { "zzz.hcl": 'telemetry { collection_interval = "1s" }' },
    "OtherFile",
    'collection_interval comes to "1s" instead of "10s": zzz.hcl says so; take it out there',
  ],
  ["a later empty text", { "zzz.hcl": 'telemetry { collection_interval = "" }' }, "Undisputed", ""],
  ["a later false", { "zzz.hcl": "telemetry { prometheus_metrics = false }" }, "Undisputed", ""],
  [
    "an earlier true that can't be unset",
    { "00.json": '{"telemetry": {"use_node_name": true}}' },
    "OtherFile",
    "use_node_name stays true: 00.json sets it, and Nomad can't set it back to false; take it out there",
  ],
  ["a setting that isn't ours", { "zzz.hcl": 'telemetry { statsd_address = "x:1" }' }, "Undisputed", ""],
] as const)("beside ours, %s", ([, others, reason, message]) => {
  const { undisputed } = judge({ others });

  expect(undisputed.reason).toBe(reason);
  if (message !== "") expect(undisputed).toMatchObject({ status: "False", message });
});

test("lists are replaced by later files, and some are added up", () => {
  const ours = 'telemetry {\n  datadog_tags = ["a:1"]\n  allowed_metadata_keys_in_metrics = ["x"]\n}';
  const others = {
    "00.hcl": 'telemetry { allowed_metadata_keys_in_metrics = ["y"] }',
    "zzz.hcl": 'telemetry { datadog_tags = ["b:2"] }',
  };

  expect(judge({ ours, others }).undisputed.message).toBe(
    'datadog_tags comes to ["b:2"] instead of ["a:1"]: zzz.hcl says so; take it out there; ' +
      'allowed_metadata_keys_in_metrics comes to ["y","x"] instead of ["x"]: 00.hcl says so; take it out there',
  );
});

test("of two blocks in one file the later one counts", () => {
  const ours = 'telemetry { datadog_tags = ["a:1"] }';
  const others = { "zzz.hcl": 'telemetry { datadog_tags = ["b:2"] }\ntelemetry { datadog_tags = ["a:1"] }' };

  expect(judge({ ours, others }).undisputed.reason).toBe("Undisputed");
});

test("a live agent is held against all files, not against ours alone", () => {
  const others = { "zzz.hcl": 'telemetry { collection_interval = "1s" }' };

  expect(judge({ others, live: { ...LIVE, CollectionInterval: "1s" } }).active.reason).toBe("Active");
});

test("metrics that are both sent and read are counted twice", () => {
  const ours = 'telemetry {\n  prometheus_metrics = true\n  datadog_address = "127.0.0.1:8125"\n}';

  expect(judge({ ours, scraped: ["nomad"] }).undisputed).toMatchObject({
    status: "False",
    reason: "SentTwice",
    message: expect.stringContaining("telemetry.datadogAddress), and the Agent reads them for nomad"),
  });
  expect(judge({ ours }).undisputed.reason).toBe("Undisputed");
});

test("a file that can't be read may say anything", () => {
  const unreadable = [{ name: "10-secret.hcl", why: "permission denied" }];

  expect(judge({ unreadable }).undisputed).toMatchObject({ status: "Unknown", reason: "FileUnreadable" });
});
