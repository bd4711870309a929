import path from "node:path";

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";

import { fileAt, pathOf, readMark, renderFile, unsafeConfig, UnsafeConfigError } from "./file.ts";

const RAY = {
  check: "ray",
  service: "ray",
  clusterId: "dc1",
  config: { init_config: {}, instances: [{ openmetrics_endpoint: "http://10.0.0.5:8080/metrics" }] },
};

test("renders the mark, then the configuration without redirects", () => {
  const file = renderFile(RAY);

  expect(file.text)
    .toBe(`# Managed by dd-observe (owner dc1, service ray). Edits are undone; change the wish instead: dd-observe describe ray
init_config: {}
instances:
  - openmetrics_endpoint: http://10.0.0.5:8080/metrics
    allow_redirects: false
`);
});

test("reads back the mark that it rendered", () => {
  const kept = renderFile({ ...RAY, retain: true });

  expect(readMark(renderFile(RAY).text)).toEqual({ owner: "dc1", service: "ray", retain: false });
  expect(readMark(kept.text)).toEqual({ owner: "dc1", service: "ray", retain: true });
  expect(readMark("# Managed by Ansible\n")).toBeUndefined();
});

test("undoes a wish for redirects", () => {
  const file = renderFile({
    ...RAY,
    config: {
      init_config: {},
      instances: [{ openmetrics_endpoint: "http://a/metrics", allow_redirects: true }],
    },
  });

  expect(parse(file.text)).toMatchObject({ instances: [{ allow_redirects: false }] });
});

test("writes texts that the Agent's YAML 1.1 reads back as texts", () => {
  const tags = ["on", "yes", "012", "1:30", "2026-01-01", "null", "~", "a # b", "* x", "0x1f"];

  const { text } = renderFile({ ...RAY, config: { init_config: {}, instances: [{ tags }] } });

  expect(parse(text, { version: "1.1" })).toMatchObject({ instances: [{ tags }] });
});

test("never leaves the folder, whatever the names are", () => {
  const name = fc.oneof(
    fc.string({ unit: "binary", maxLength: 120 }),
    fc.constantFrom("..", ".", "../x", "a/../../b", "ray"),
  );
  fc.assert(
    fc.property(name, name, (check, service) => {
      let rendered: string;
      try {
        rendered = pathOf(renderFile({ ...RAY, check, service }));
      } catch (error) {
        expect(error).toBeInstanceOf(UnsafeConfigError);
        return;
      }

      expect(path.posix.normalize(rendered)).toBe(rendered);
      expect(rendered.split("/")).toHaveLength(2);
      expect(path.posix.resolve("/conf.d", rendered).startsWith("/conf.d/")).toBe(true);
      expect(fileAt(rendered)).toEqual({ check, service });
    }),
  );
});

test.for<[what: string, instance: Record<string, unknown>]>([
  ["a template variable in a value", { openmetrics_endpoint: "http://a/%%env_DD_API_KEY%%" }],
  ["a template variable deep in a list", { metrics: [{ x: { name: "%%host%%" } }] }],
  ["a template variable in a key", { rename_labels: { "%%env_X%%": "y" } }],
  ["a secret handle", { tags: ["team:ENC[datadog_key]"] }],
  ["a client certificate", { tls_cert: "/etc/shadow" }],
  ["a CA file", { tls_ca_cert: "/etc" }],
  ["a token read from a file", { auth_token: { reader: { type: "file", path: "/etc/shadow" } } }],
  ["headers", { headers: { Authorization: "x" } }],
  ["a proxy", { proxy: { http: "http://evil" } }],
  ["Kerberos", { kerberos_keytab: "/etc/krb5.keytab" }],
  ["the Kubernetes token", { bearer_token_auth: true }],
  ["cloud credentials", { auth_type: "aws" }],
  ["another loader", { loader: "core" }],
  ["cloud metadata", { openmetrics_endpoint: "http://169.254.169.254/latest" }],
  ["cloud metadata by number", { openmetrics_endpoint: "http://2852039166/latest" }],
  ["cloud metadata by mapped IPv6", { url: "http://[::ffff:169.254.169.254]/" }],
  ["a link-local address", { url: "http://[fe80::1]/" }],
  ["a file URL", { url: "file:///etc/shadow" }],
  ["credentials in a URL", { url: "http://user:secret@a/" }],
])("refuses %s", ([, instance]) => {
  const config = { init_config: {}, instances: [instance] };

  expect(unsafeConfig(config)).toMatch(/^(a key in )?instances\.0/);
  expect(unsafeConfig(config)).not.toContain("secret@");
  expect(() => renderFile({ ...RAY, config })).toThrow(UnsafeConfigError);
});

test("refuses forbidden options in init_config and other top-level keys", () => {
  const logs = { init_config: {}, instances: [], logs: [{ type: "file", path: "/etc/shadow" }] };

  expect(unsafeConfig({ init_config: { proxy: {} }, instances: [] })).toContain("init_config.proxy");
  expect(unsafeConfig(logs)).toBe("logs is not allowed in an Agent file");
});

test("allows labels and metrics that are named like options", () => {
  const instance = {
    openmetrics_endpoint: "https://10.0.0.5/metrics",
    rename_labels: { proxy: "via" },
    metrics: [{ headers: { name: "headers" } }],
  };

  expect(unsafeConfig({ init_config: {}, instances: [instance] })).toBeUndefined();
});

test("renders equal specs to equal bytes", () => {
  const texts = new Set(Array.from({ length: 50 }, () => renderFile(structuredClone(RAY)).text));

  expect(texts.size).toBe(1);
});
