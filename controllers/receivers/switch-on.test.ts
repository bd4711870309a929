import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import type { ReceiverAddresses } from "../../clients/receiver-address.ts";
import { switchOn, switchOnInShort, switchOnText } from "./switch-on.ts";

const USUAL: ReceiverAddresses = {
  dogstatsd: { host: "127.0.0.1", port: 8125 },
  otlpGrpc: { host: "127.0.0.1", port: 4317 },
  otlpHttp: { host: "127.0.0.1", port: 4318 },
  apm: { host: "127.0.0.1", port: 8126 },
};

test.for([
  ["dogstatsd", "DD_USE_DOGSTATSD=true DD_DOGSTATSD_PORT=8125"],
  ["otlp-grpc", "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT=localhost:4317"],
  ["otlp-http", "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_HTTP_ENDPOINT=localhost:4318"],
  ["apm", "DD_APM_ENABLED=true DD_APM_RECEIVER_PORT=8126"],
] as const)("%s is switched on by %s", ([name, env]) => {
  expect(switchOnInShort(name, USUAL)).toBe(env);
});

test("the ports are those that dd-observe looks at", () => {
  const otlpGrpc = { host: "10.0.0.5", port: 14317 };
  const dogstatsd = { path: "/var/run/datadog/dsd.socket" };
  const addresses = { ...USUAL, otlpGrpc, dogstatsd };

  expect(switchOn("otlp-grpc", addresses)).toMatchObject({
    env: { DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT: "10.0.0.5:14317" },
    containerEnv: { DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT: "0.0.0.0:14317" },
    containerFlags: ["-p 127.0.0.1:14317:14317"],
  });
  expect(switchOn("dogstatsd", addresses)).toMatchObject({
    env: { DD_DOGSTATSD_SOCKET: "/var/run/datadog/dsd.socket" },
    containerFlags: ["-v /var/run/datadog:/var/run/datadog"],
  });
});

test("core Agent and trace Agent are both told of OTLP", () => {
  expect(switchOn("otlp-http", USUAL).units).toEqual(["datadog-agent", "datadog-agent-trace"]);
  expect(switchOn("apm", USUAL).units).toEqual(["datadog-agent-trace"]);
});

test("what is printed can be pasted into a shell, and writes the drop-ins", () => {
  const folder = mkdtempSync(join(tmpdir(), "drop-ins-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const script = switchOnText("otlp-grpc", USUAL).split("datadog.yaml alone):")[1]!.split("\nContainer")[0]!;

  execFileSync("sh", ["-e"], {
    input: script
      .replaceAll("/etc/systemd/system", folder)
      .replaceAll("sudo systemctl", "true")
      .replaceAll("sudo ", ""),
  });

  for (const unit of ["datadog-agent", "datadog-agent-trace"])
    expect(readFileSync(join(folder, `${unit}.service.d`, "dd-observe-otlp-grpc.conf"), "utf8")).toBe(
      '[Service]\nEnvironment="DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT=localhost:4317"\n',
    );
});
