import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { readConfig } from "./config.ts";
import type { Env, Flags } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "dd-observe-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("has defaults for everything", () => {
  expect(readConfig({}, {})).toMatchObject({
    consul: { address: "http://127.0.0.1:8500", token: undefined },
    datadog: { url: "https://api.datadoghq.com", apiKey: undefined },
    http: { host: "127.0.0.1", port: 8620 },
    kvPrefix: "observability",
    statePrefix: "dd-observe",
    graceMs: 600_000,
    limit: { count: 10, share: 0.2 },
  });
});

test("the Agent's receivers are on this machine unless somebody says otherwise", () => {
  const { receivers } = readConfig({}, { DD_OBSERVE_OTLP_HTTP: "[::1]:14318" });

  expect(receivers).toEqual({
    dogstatsd: { host: "127.0.0.1", port: 8125 },
    otlpGrpc: { host: "127.0.0.1", port: 4317 },
    otlpHttp: { host: "::1", port: 14318 },
    apm: { host: "127.0.0.1", port: 8126 },
  });
});

test.for(["unix:/var/run/datadog/dsd.socket", "unix:///var/run/datadog/dsd.socket"])(
  "DogStatsD may be the socket %s",
  (text) => {
    const { receivers } = readConfig({ dogstatsd: text }, {});

    expect(receivers.dogstatsd).toEqual({ path: "/var/run/datadog/dsd.socket" });
  },
);

test.for(["8125", ":8125", "localhost:0", "localhost:65536", "http://localhost:8125", "unix:dsd.socket"])(
  "DogStatsD at %s is refused",
  (text) => {
    expect(() => readConfig({ dogstatsd: text }, {})).toThrow(/--dogstatsd or DD_OBSERVE_DOGSTATSD is/);
  },
);

test("a flag wins over the environment, and an empty variable is none", () => {
  const env = { CONSUL_HTTP_ADDR: "10.0.0.1:8500", DD_SITE: "" };

  expect(readConfig({}, env).consul.address).toBe("http://10.0.0.1:8500");
  expect(readConfig({ consulAddr: "https://consul:8501/" }, env).consul.address).toBe("https://consul:8501");
  expect(readConfig({}, env).datadog.url).toBe("https://api.datadoghq.com");
  expect(readConfig({}, { ...env, CONSUL_HTTP_SSL: "true" }).consul.address).toBe("https://10.0.0.1:8500");
});

test("reads the token's file at every call, and the certificate's text once", () => {
  const tokenFile = file("token", "first\n");
  const caCert = file("ca.pem", "-----BEGIN CERTIFICATE-----\n");

  const { consul } = readConfig({ consulTokenFile: tokenFile, consulCaCert: caCert }, {});
  const read = consul.token as () => string;
  const before = read();
  file("token", "second\n");

  expect([before, read()]).toEqual(["first", "second"]);
  expect(consul.caCert).toBe("-----BEGIN CERTIFICATE-----\n");
});

test.for<[string, number]>([
  ["0", 0],
  ["250ms", 250],
  ["90s", 90_000],
  ["1h30m", 5_400_000],
  ["1.5m", 90_000],
])("the duration %s is %d ms", ([text, ms]) => {
  expect(readConfig({ grace: text }, {}).graceMs).toBe(ms);
});

test.for<[string, { count: number; share: number }]>([
  ["5", { count: 5, share: 0 }],
  ["50%", { count: 0, share: 0.5 }],
  ["10,20%", { count: 10, share: 0.2 }],
])("the limit %s is %o", ([text, limit]) => {
  expect(readConfig({ maxDeletes: text }, {}).limit).toEqual(limit);
});

test.for<[string, Flags, Env, RegExp]>([
  ["a duration", { grace: "soon" }, {}, /--grace or DD_OBSERVE_GRACE is "soon", but must be a duration/],
  ["a limit", {}, { DD_OBSERVE_MAX_DELETES: "120%" }, /--max-deletes or DD_OBSERVE_MAX_DELETES/],
  ["a URL", { datadogUrl: "ftp://x" }, {}, /--datadog-url or DD_API_URL is "ftp:\/\/x", but must be a URL/],
  ["a key prefix", {}, { DD_OBSERVE_KV_PREFIX: "a//b" }, /DD_OBSERVE_KV_PREFIX/],
  ["an address", { httpAddr: "8620" }, {}, /host:port/],
  ["a cluster's id", { clusterId: "a b" }, {}, /--cluster-id/],
  ["a level", { logLevel: "loud" }, {}, /trace, debug, info, warn, error, silent/],
  ["a file that isn't there", { policy: "/nowhere" }, {}, /a file that can be read/],
  ["a namespace", { nomadNamespaces: "prod,b c" }, {}, /--nomad-namespaces or DD_OBSERVE_NOMAD_NAMESPACES/],
  ["a folder that isn't there", { packsDir: "/nowhere" }, {}, /a folder that exists/],
])("names %s that cannot be used, and what it must be", ([, flags, env, message]) => {
  expect(() => readConfig(flags, env)).toThrow(message);
});

test("within a task of Nomad that has a token, its API's socket is Nomad's address", () => {
  const dir = dirname(file("api.sock", ""));
  const env = { NOMAD_SECRETS_DIR: dir, NOMAD_TOKEN: "t" };

  expect(readConfig({}, env).nomad.address).toBe(`unix://${dir}/api.sock`);
  expect(readConfig({}, { NOMAD_SECRETS_DIR: dir }).nomad.address).toBe("http://127.0.0.1:4646");
  expect(readConfig({ nomadAddr: "10.0.0.1:4646" }, env).nomad.address).toBe("http://10.0.0.1:4646");
});

test("all namespaces of Nomad count unless some are named", () => {
  expect(readConfig({}, {}).nomad).toMatchObject({ services: false, namespaces: "all" });
  expect(readConfig({ nomadNamespaces: "default, prod" }, {}).nomad.namespaces).toEqual(["default", "prod"]);
});

test("says where a policy file is wrong", () => {
  const policy = file("policy.yaml", "packs: [ray]\nhandels: []\n");

  expect(() => readConfig({ policy }, {})).toThrow(
    `${policy}:2:1: handels is not a field; did you mean handles?`,
  );
});
