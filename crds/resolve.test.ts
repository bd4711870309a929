import { describe, expect, test } from "vitest";

import { examplePack, exampleGround } from "../test/builders/packs.ts";
import { policySchema } from "./policy.ts";
import { formatProblem } from "./problem.ts";
import { readDefaults, resolve, type Ground, type Wish } from "./resolve.ts";

/** What resolving a service comes to: its wish, what is wrong with it, or "none". */
function outcome(
  service: string,
  { tags = [], text, ground = {} }: { tags?: readonly string[]; text?: string; ground?: Partial<Ground> },
): Wish | readonly string[] | "none" {
  const document = text === undefined ? undefined : { text, generation: 7 };
  const resolution = resolve(service, tags, document, exampleGround(ground));
  if (resolution === undefined) return "none";
  return resolution.state === "accepted"
    ? resolution.wish
    : resolution.problems.map((problem) => formatProblem(problem));
}

function defaults(text: string): Partial<Ground> {
  return { defaults: readDefaults({ text, generation: 1 }) };
}

describe("who is observed", () => {
  test.for([
    ["neither tag nor document", [], undefined, "none"],
    ["other tags only", ["web"], undefined, "none"],
    ["a field's tag without the bare tag", ["dd-observe.env=prod"], undefined, "none"],
    ["the tag", ["dd-observe"], undefined, 0],
    ["an empty document", [], "", 7],
    ["the tag and a document", ["dd-observe"], "env: prod", 7],
  ] as const)("%s", ([, tags, text, generation]) => {
    const result = outcome("ray", { tags, ...(text === undefined ? {} : { text }) });

    expect(typeof result === "object" && "generation" in result ? result.generation : result).toBe(
      generation,
    );
  });
});

test("the document wins over tags, and tags over what is inherited, field by field", () => {
  const wish = outcome("ray", {
    tags: [
      "dd-observe",
      "dd-observe.env=tag",
      "dd-observe.team=tag",
      "dd-observe.port=1",
      "dd-observe.tags=a:tag,b:tag",
    ],
    text: "env: document\nendpoint: {path: /document}\ntags: ['a:document']\n",
    ground: defaults("env: inherited\nteam: inherited\nnotify: ['@inherited']\ntags: ['c:inherited']\n"),
  });

  expect(wish).toMatchObject({
    env: "document",
    team: "tag",
    notify: ["@inherited"],
    endpoint: { port: 1, path: "/document" },
    tags: ["a:document", "b:tag", "c:inherited"],
  });
});

describe("the pack", () => {
  test.for([
    ["is the one with the service's name", "ray", "", [], "ray"],
    ["is generic where none has the service's name", "web", "", [], "generic"],
    ["that the document names wins over the service's name", "ray", "pack: generic", [], "generic"],
    ["that a tag names wins over the service's name", "ray", "", ["dd-observe.pack=generic"], "generic"],
    ["that the document names wins over the tag's", "web", "pack: ray", ["dd-observe.pack=generic"], "ray"],
  ] as const)("%s", ([, service, text, tags, name]) => {
    expect(outcome(service, { tags, text })).toMatchObject({ pack: { name } });
  });

  test("that nobody has holds the service, and names those there are", () => {
    expect(outcome("web", { text: "env: a\npack: rey\n" })).toEqual([
      "web:2:1: no pack is named rey; did you mean ray? there are generic, ray",
    ]);
    expect(outcome("web", { text: "pack: temporal\n" })).toEqual([
      "web:1:1: no pack is named temporal; there are generic, ray",
    ]);
  });
});

describe("_defaults", () => {
  test("that are broken hold every service, with the place of the slip", () => {
    const ground = defaults("env: prod\nteem: ml\n");

    for (const service of ["ray", "web"])
      expect(outcome(service, { text: "", ground })).toEqual([
        `${service}: observability/_defaults:2:1: teem is not a field; did you mean team?`,
      ]);
    expect(outcome("other", { ground })).toBe("none");
  });

  test("can't name a pack or an endpoint", () => {
    expect(outcome("ray", { text: "", ground: defaults("pack: ray\n") })).toEqual([
      "ray: observability/_defaults:1:1: pack is not a field",
    ]);
  });

  test("may speak of what only some packs have", () => {
    const ground = defaults("agent: {interval: 30}\nmonitors: {noisy: false}\n");

    expect(outcome("ray", { text: "", ground })).toMatchObject({
      agent: { interval: 30 },
      monitors: { noisy: false },
    });
    expect(outcome("web", { text: "", ground })).toMatchObject({ agent: {}, monitors: {} });
  });

  test("may not speak of what no pack has", () => {
    expect(
      outcome("web", { text: "", ground: defaults("agent: {intervall: 30}\nmonitors: {nosy: false}\n") }),
    ).toEqual([
      "web: observability/_defaults: agent.intervall is in no pack; did you mean interval?",
      "web: observability/_defaults: monitors.nosy is in no pack; did you mean noisy?",
    ]);
  });

  test("are named where what they say doesn't suit the service's pack", () => {
    const ground = defaults("agent: {interval: 1, mode: fast}\n");

    expect(outcome("ray", { text: "agent: {mode: fat}\n", ground })).toEqual([
      "ray: observability/_defaults: agent.interval must be at least 5",
      "ray:1:9: agent.mode must be fast or slow",
    ]);
  });

  test("may define a monitor that every service gets", () => {
    const ground = defaults(
      "monitors: {mine: {type: query alert, query: 'avg(last_5m):avg:a{${scope}} > 1', critical: 1}}\n",
    );

    expect(outcome("web", { text: "", ground })).toMatchObject({ monitors: { mine: { critical: 1 } } });
  });
});

test.for([
  [
    "a slip in a monitor's name",
    "monitors:\n  object-store-presure: {critical: 0.85}\n",
    "ray:2:3: monitors.object-store-presure is not in pack ray; did you mean object-store-pressure? (a monitor of your own needs type and query)",
  ],
  [
    "an unknown monitor that is switched off",
    "monitors: {nosy: false}",
    "ray:1:12: monitors.nosy is not in pack ray; did you mean noisy?",
  ],
  [
    "a pack's query",
    "monitors: {noisy: {query: x}}",
    "ray:1:20: monitors.noisy.query belongs to pack ray; give the monitor another name to define one of your own",
  ],
  [
    "a monitor of one's own without a type",
    "monitors: {mine: {query: 'a > 1'}}",
    "ray:1:12: monitors.mine needs a type, such as type: query alert",
  ],
  [
    "a placeholder that stands for nothing",
    "monitors: {noisy: {message: 'on ${hots}'}}",
    "ray:1:20: monitors.noisy.message: ${hots} stands for nothing; there are scope, scopeAnyCluster, scopeTags, service, env, critical, warning",
  ],
  [
    "a slip in a placeholder",
    "monitors: {noisy: {message: 'in ${evn}'}}",
    "ray:1:20: monitors.noisy.message: ${evn} stands for nothing; did you mean env?",
  ],
  [
    "a query whose threshold is missing",
    "monitors: {mine: {type: query alert, query: 'avg(last_5m):avg:a{${scope}} > ${critical}'}}",
    "ray:1:38: monitors.mine.query uses ${critical}, but monitors.mine has no critical",
  ],
  [
    "an option by the Agent's name",
    "agent: {min_collection_interval: 30}",
    "ray:1:9: agent.min_collection_interval is not an option of pack ray; did you mean interval?",
  ],
  ["an option out of range", "agent: {interval: 1}", "ray:1:9: agent.interval must be at least 5"],
  ["an option of another type", "agent: {buckets: 1}", "ray:1:9: agent.buckets must be true or false"],
  ["a choice that isn't one", "agent: {mode: [fast]}", "ray:1:9: agent.mode must be fast or slow"],
  ["a text of another form", "agent: {namespace: 'a b'}", "ray:1:9: agent.namespace must match [a-z]+"],
  [
    "a regular expression that can take for ever",
    "agent: {excludeMetrics: ['(a|aa)+$']}",
    'ray:1:9: agent.excludeMetrics must not be a regular expression whose search can take for ever (nested repetition) ("(a|aa)+$")',
  ],
  [
    "an empty regular expression, which would match everything",
    "agent: {excludeMetrics: ['']}",
    'ray:1:9: agent.excludeMetrics must not be empty ("")',
  ],
] as const)("holds a service for %s", ([, text, message]) => {
  expect(outcome("ray", { text })).toEqual([message]);
});

test("holds a service whose name cannot become a file", () => {
  expect(outcome("../etc", { text: "" })).toEqual([
    "../etc: the service's name cannot become a file's name or a tag; use letters, digits, dots, dashes and underscores, at most 100",
  ]);
});

test("says of a held service whether it asked for a pause", () => {
  const resolution = resolve(
    "ray",
    [],
    { text: "paused: true\nagent: {intervl: 1}\n", generation: 1 },
    exampleGround(),
  );

  expect(resolution).toMatchObject({ state: "held", paused: true });
});

describe("the policy", () => {
  const policy = policySchema.parse({
    packs: ["ray"],
    handles: ["@slack-*", "@oncall@example.com"],
    maxMonitors: 2,
  });

  test.for([
    [
      "another pack",
      "pack: generic",
      "ray:1:1: pack generic is not allowed by the operator's policy; allowed: ray",
    ],
    [
      "another handle",
      "notify: ['@pagerduty-x']",
      "ray:1:1: notify: @pagerduty-x may not be notified by the operator's policy; allowed: @slack-*, @oncall@example.com",
    ],
    [
      "one on a monitor",
      "monitors: {noisy: {notify: ['@webhook-x']}}",
      "ray:1:20: monitors.noisy.notify: @webhook-x may not be notified by the operator's policy; allowed: @slack-*, @oncall@example.com",
    ],
    [
      "one inside a message",
      "monitors: {noisy: {message: '{{#is_alert}}@webhook-x{{/is_alert}}'}}",
      "ray:1:20: monitors.noisy.message: @webhook-x may not be notified by the operator's policy; allowed: @slack-*, @oncall@example.com",
    ],
    [
      "too many monitors",
      "monitors: {noisy: true, object-store-pressure: true, a: {type: query alert, query: 'avg(last_5m):avg:a{*} > 1'}}",
      "ray:1:1: monitors has 3 entries; the operator's policy allows 2",
    ],
  ] as const)("refuses %s", ([, text, message]) => {
    expect(outcome("ray", { text, ground: { policy } })).toEqual([message]);
  });

  test("lets pass what it allows", () => {
    const text =
      "notify: ['@slack-ml', '@oncall@example.com']\nmonitors: {noisy: {message: 'Mail a@b.example, or @slack-ml.'}}\n";

    expect(outcome("ray", { text, ground: { policy } })).toMatchObject({ service: "ray" });
  });
});

test("a wish has every field, and its pack", () => {
  expect(outcome("ray", { tags: ["dd-observe"] })).toEqual({
    service: "ray",
    pack: examplePack(),
    generation: 0,
    tags: [],
    endpoint: {},
    agent: {},
    monitors: {},
    slos: {},
    dashboards: {},
    downtimes: {},
    instrumentation: {},
    metrics: {},
    catalog: false,
    dependencies: [],
    budget: {},
    evaluators: {},
    freeze: [],
    notify: [],
    drift: { rule: "correct", fields: {} },
    deletion: "delete",
    paused: false,
  });
});

test.for<[what: string, text: string, pack: string | undefined]>([
  ["a field of it is wrong", "env: dev\nmonitors: {noisy: fasle}\n", "ray"],
  ["it names what its pack hasn't", "pack: ray\nenv: dev\nmonitors: {noisiy: false}\n", "ray"],
  ["it names no pack that there is", "pack: vlm\n", undefined],
  ["it can't be read at all", "monitors: [\n", undefined],
  ["its pack is no text", "pack: [ray]\n", undefined],
])("of a refused document the pack is known as far as that is certain: %s", ([, text, pack]) => {
  const resolution = resolve("ray", ["dd-observe"], { text, generation: 1 }, exampleGround());

  expect(resolution).toMatchObject({ state: "held", mayUse: exampleGround().packs });
  expect(resolution?.state === "held" ? resolution.known?.pack.name : "accepted").toBe(pack);
});
