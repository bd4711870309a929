import * as fc from "fast-check";
import { expect, test } from "vitest";

import { readTags, TAG_FIELD_NAMES } from "./tags.ts";

test("reads every field that a tag can set", () => {
  const { observed, layer, problems } = readTags("ray", [
    "dd-observe",
    "dd-observe.pack=ray",
    "dd-observe.env=prod",
    "dd-observe.team=ml",
    "dd-observe.tags=cost-center:42, tier:1",
    "dd-observe.notify=@slack-ml,@a@example.com",
    "dd-observe.port=8080",
    "dd-observe.path=/metrics?format=prometheus",
    "dd-observe.scheme=https",
    "dd-observe.drift=report",
    "dd-observe.deletion=retain",
    "dd-observe.profile=ddtrace",
    "dd-observe.language=node",
    "dd-observe.inject=true",
    "dd-observe.paused=true",
    "traefik.enable=true",
  ]);

  expect(problems).toEqual([]);
  expect(observed).toBe(true);
  expect(layer).toEqual({
    pack: "ray",
    env: "prod",
    team: "ml",
    tags: ["cost-center:42", "tier:1"],
    notify: ["@slack-ml", "@a@example.com"],
    endpoint: { port: 8080, path: "/metrics?format=prometheus", scheme: "https" },
    drift: "report",
    deletion: "retain",
    instrumentation: { profile: "ddtrace", language: "node", inject: true },
    paused: true,
  });
});

test("without the bare tag a service is not observed", () => {
  expect(readTags("ray", ["dd-observe.pack=ray", "dd-observed", "xdd-observe"]).observed).toBe(false);
});

test("takes the tag's name from the configuration", () => {
  const { observed, layer } = readTags("ray", ["watch", "watch.pack=ray", "dd-observe.pack=nats"], "watch");

  expect(observed).toBe(true);
  expect(layer).toEqual({ pack: "ray" });
});

test("a tag that two instances share is no contradiction", () => {
  const { layer, problems } = readTags("ray", ["dd-observe.env=prod", "dd-observe.env=prod"]);

  expect(problems).toEqual([]);
  expect(layer).toEqual({ env: "prod" });
});

test.for([
  [
    ["dd-observe.prot=1"],
    "tag dd-observe.prot=1: prot is not a field that a tag can set; did you mean port?",
  ],
  [["dd-observe.port"], "tag dd-observe.port has no value; write dd-observe.port=<value>"],
  [["dd-observe.port=http"], 'tag dd-observe.port must be a number, not "http"'],
  [["dd-observe.port=70000"], "tag dd-observe.port must be at most 65535, not 70000"],
  [["dd-observe.paused=yes"], 'tag dd-observe.paused must be true or false, not "yes"'],
  [
    ["dd-observe.path=metrics"],
    'tag dd-observe.path must begin with one / and hold no blanks, backslashes or #, not "metrics"',
  ],
  [
    ["dd-observe.env=a", "dd-observe.env=b"],
    "tags disagree: dd-observe.env is both a and b; give all instances the same tags",
  ],
  [["dd-observe.__proto__=x"], "tag dd-observe.__proto__=x: __proto__ is not a field that a tag can set"],
] as const)("says what is wrong with %s", ([tags, message]) => {
  expect(readTags("ray", tags).problems.map((problem) => problem.message)).toEqual([message]);
});

test("the order of tags never matters", () => {
  const tag = fc.oneof(
    fc.constantFrom(
      "dd-observe",
      "dd-observe.port=1",
      "dd-observe.port=2",
      "dd-observe.tags=a:1,b:2",
      "dd-observe.x",
    ),
    fc
      .tuple(fc.constantFrom(...TAG_FIELD_NAMES), fc.string())
      .map(([name, value]) => `dd-observe.${name}=${value}`),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(tag), (tags) => {
      expect(readTags("ray", tags.toReversed())).toEqual(readTags("ray", tags));
    }),
  );
});

test("other people's tags change nothing", () => {
  const foreign = fc.string().filter((text) => text !== "dd-observe" && !text.startsWith("dd-observe."));
  fc.assert(
    fc.property(fc.array(foreign), (tags) => {
      expect(readTags("ray", [...tags, "dd-observe", "dd-observe.port=1"])).toEqual({
        observed: true,
        layer: { endpoint: { port: 1 } },
        problems: [],
      });
    }),
  );
});
