import { expect, test } from "vitest";

import { readDefaults, resolve } from "../crds/resolve.ts";
import { STRICT_POLICY } from "../crds/policy.ts";
import { loadPacks } from "../engine/sources/packs.ts";
import { effectiveFields } from "./origins.ts";

const packs = loadPacks();

function fieldsOf(service: string, tags: readonly string[], text: string | undefined, defaultsText = "{}") {
  const document = text === undefined ? undefined : { text, generation: 7 };
  const defaults = { text: defaultsText, generation: 3 };
  const ground = { packs, policy: STRICT_POLICY, tagName: "dd-observe", defaults: readDefaults(defaults) };
  const resolution = resolve(service, tags, document, ground);
  if (resolution?.state !== "accepted") throw new Error(`${service} is not accepted`);
  const fields = effectiveFields(resolution.wish, { tags, document, defaults, tagName: "dd-observe" });
  return new Map(fields.map(({ path, value, from }) => [path, [value, from] as const]));
}

test("the strongest layer that states a field is its origin", () => {
  const tags = ["dd-observe", "dd-observe.env=test", "dd-observe.team=tagged", "dd-observe.port=9000"];

  const fields = fieldsOf("ray", tags, "env: prod\n", "env: dev\nteam: all\ndrift: report\n");

  expect(fields.get("env")).toEqual(["prod", "document"]);
  expect(fields.get("team")).toEqual(["tagged", "tag dd-observe.team"]);
  expect(fields.get("endpoint.port")).toEqual([9000, "tag dd-observe.port"]);
  expect(fields.get("drift")).toEqual(["report", "_defaults"]);
  expect(fields.get("deletion")).toEqual(["delete", "default"]);
});

test("tags are joined, so all that state them are named", () => {
  const fields = fieldsOf("ray", ["dd-observe"], "tags: [a:1]\n", "tags: [b:2]\n");

  expect(fields.get("tags")).toEqual([["a:1", "b:2"], "document, _defaults"]);
});

test("says why the service has its pack, and what the pack fills in", () => {
  expect(fieldsOf("ray", ["dd-observe"], undefined).get("pack")).toEqual(["ray", "the service's name"]);
  expect(fieldsOf("x", ["dd-observe"], undefined).get("pack")).toEqual(["generic", "no pack is named x"]);
  expect(fieldsOf("x", ["dd-observe"], "pack: ray\n").get("pack")).toEqual(["ray", "document"]);
  expect(fieldsOf("x", ["dd-observe"], undefined).get("endpoint.port")).toEqual(["as registered", "Consul"]);
  expect(fieldsOf("ray", ["dd-observe"], undefined).get("endpoint.path")).toEqual(["/metrics", "pack ray"]);
});

test("ports that instances name by their tags are all told, and not the pack's", () => {
  const tags = ["dd-observe", "dd-observe.port=9001", "dd-observe.port=9002"];

  expect(fieldsOf("ray", tags, undefined).get("endpoint.port")).toEqual([
    "9001, 9002",
    "tag dd-observe.port of each instance",
  ]);
  expect(fieldsOf("ray", tags, "endpoint: {port: 8080}\n").get("endpoint.port")).toEqual([8080, "document"]);
});

test("options and monitors are listed one by one", () => {
  const fields = fieldsOf(
    "ray",
    ["dd-observe"],
    "monitors: {node-cpu: false}\n",
    "agent: {minCollectionInterval: 30}\n",
  );

  expect(fields.get("monitors.node-cpu")).toEqual([false, "document"]);
  expect(fields.get("agent.minCollectionInterval")).toEqual([30, "_defaults"]);
});
