import { describe, expect, test } from "vitest";

import { resolve, type Resolution } from "../../crds/resolve.ts";
import { resolveReserved } from "../../crds/reserved.ts";
import { exampleGround, examplePack } from "../../test/builders/packs.ts";
import { canonicalDesired, toWire } from "./canonical.ts";
import { compileSlos } from "./compile.ts";

const OF_PACK = {
  available: {
    name: "Is there",
    type: "monitor",
    monitors: ["noisy"],
    target: 99,
    warning: 99.5,
    summary: "It is there.",
  },
  rare: {
    name: "Rare",
    type: "time-slice",
    query: "avg:ray.rare{${scope}}",
    comparator: "<",
    threshold: 5,
    target: 90,
    default: false,
    summary: "A matter of taste.",
  },
  bucketed: {
    name: "Bucketed",
    type: "metric",
    numerator: "sum:ray.good{${scope}}.as_count()",
    denominator: "sum:ray.all{${scope}}.as_count()",
    target: 99,
    needs: "buckets",
    summary: "Needs an option.",
  },
};

const METRIC =
  "type: metric, numerator: 'sum:web.good{${scope}}.as_count()', denominator: 'sum:web.all{${scope}}.as_count()', target: 99.9";

function compile(
  document: string,
  { service = "ray", ...over }: { service?: string; monitors?: object } = {},
) {
  const ground = exampleGround({
    packs: new Map([["ray", examplePack({ slos: OF_PACK, ...over })]]),
  });
  const text = `pack: ray\n${document}`;
  const resolution = resolve(service, [], { text, generation: 7 }, ground)!;
  if (resolution.state === "held")
    throw new Error(resolution.problems.map(({ message }) => message).join("\n"));
  return compiled(service, resolution);
}

function compileDocument(name: string, text: string) {
  const resolution = resolveReserved(name, { text, generation: 7 }, exampleGround());
  if (resolution === undefined) throw new Error(`${name} is no document`);
  if (resolution.state === "held")
    throw new Error(resolution.problems.map(({ message }) => message).join("\n"));
  return compiled(name, resolution);
}

function compiled(owner: string, resolution: Resolution) {
  const desired = compileSlos("dc1")({ services: new Map([[owner, resolution]]), paused: new Set() });
  return {
    desired,
    keys: [...desired.objects.keys()].sort(),
    body: (key: string) => desired.objects.get(key)?.body,
  };
}

describe("the pack's SLOs", () => {
  test("are made with the service's tags, the mark, and its monitors by name", () => {
    const { keys, body } = compile("env: prod\nteam: ml");

    expect(keys).toEqual(["ray/available"]);
    expect(body("ray/available")).toEqual({
      type: "monitor",
      name: "[ray] Is there",
      description:
        "It is there.\n\nMeasures the time in which the monitor ray/noisy is OK.\n\nKept by dd-observe for service ray (pack ray). Edits here are undone; change the wish instead.",
      tags: [
        "cluster:dc1",
        "dd-observe-key:ray/available",
        "dd-observe-owner:dc1",
        "env:prod",
        "managed-by:dd-observe",
        "service:ray",
        "team:ml",
      ],
      thresholds: [{ timeframe: "30d", target: 99, warning: 99.5 }],
      timeframe: "30d",
      target_threshold: 99,
      warning_threshold: 99.5,
      monitor_ids: ["${monitors:ray/noisy}"],
      groups: [],
    });
  });

  test.for([
    ["one is switched off", "slos: {available: false}", []],
    ["one is named", "slos: {rare: true}", ["ray/available", "ray/rare"]],
    ["one is tuned", "slos: {rare: {target: 95}}", ["ray/available", "ray/rare"]],
    ["an option brings its metric", "agent: {buckets: true}", ["ray/available", "ray/bucketed"]],
    ["its monitor is switched off", "monitors: {noisy: false}", []],
  ] as const)("where %s", ([, document, expected]) => {
    expect(compile(document).keys).toEqual(expected);
  });

  test("take over what a document tunes, and nothing else changes", () => {
    const { body } = compile("slos: {available: {target: 99.7, tags: ['tier:1']}}");

    expect(body("ray/available")).toMatchObject({
      name: "[ray] Is there",
      thresholds: [{ timeframe: "30d", target: 99.7 }],
      tags: expect.arrayContaining(["tier:1", "service:ray"]),
      monitor_ids: ["${monitors:ray/noisy}"],
    });
  });

  test("say so where a document names one whose monitor it switches off", () => {
    const { desired } = compile("monitors: {noisy: false}\nslos: {available: true}");

    expect(desired.problems).toMatchObject([{ reason: "UnknownReference", path: "slos.available.monitors" }]);
    expect([...desired.held.keys()]).toEqual(["ray/available"]);
  });
});

describe("an SLO of one's own", () => {
  test("counts events by two queries over the service's own data", () => {
    const { body } = compile(`env: prod\nslos: {answers: {name: Answers, ${METRIC}}}`, { service: "web" });

    expect(body("web/answers")).toMatchObject({
      type: "metric",
      name: "[web] Answers",
      query: {
        numerator: "sum:web.good{service:web,env:prod,cluster:dc1}.as_count()",
        denominator: "sum:web.all{service:web,env:prod,cluster:dc1}.as_count()",
      },
    });
  });

  test("is titled by its name where it has no title", () => {
    expect(compile(`slos: {answers: {${METRIC}}}`).body("ray/answers")?.name).toBe("[ray] answers");
  });

  test("measures slices of a formula over several queries", () => {
    const { body } = compile(
      "slos: {fast: {type: time-slice, queries: {errors: 'sum:a.errors{${scope}}', hits: 'sum:a.hits{${scope}}'}, formula: errors / hits, comparator: '<', threshold: 0.01, queryIntervalSeconds: 60, thresholds: [{timeframe: 7d, target: 99}, {timeframe: 90d, target: 99.9}]}}",
    );

    expect(toWire(body("ray/fast")!)).toMatchObject({
      type: "time_slice",
      timeframe: "7d",
      thresholds: [
        { timeframe: "7d", target: 99 },
        { timeframe: "90d", target: 99.9 },
      ],
      sli_specification: {
        time_slice: {
          query: {
            formulas: [{ formula: "errors / hits" }],
            queries: [
              { data_source: "metrics", name: "errors", query: "sum:a.errors{service:ray,cluster:dc1}" },
              { data_source: "metrics", name: "hits", query: "sum:a.hits{service:ray,cluster:dc1}" },
            ],
          },
          comparator: "<",
          threshold: 0.01,
          query_interval_seconds: 60,
        },
      },
    });
  });

  test("measures monitors of its own, of others and of no service, each once", () => {
    const { body } = compile(
      "slos: {up: {type: monitor, monitors: [noisy, web/down, _monitors/disk, ray/noisy], target: 99}}",
    );

    expect(body("ray/up")?.monitor_ids).toEqual([
      "${monitors:_monitors/disk}",
      "${monitors:ray/noisy}",
      "${monitors:web/down}",
    ]);
  });

  test("is held where its monitor is one that only a document that names it brings, with the nearest name", () => {
    const calm = {
      name: "Calm",
      type: "query alert",
      query: "avg(last_5m):avg:ray.calm{${scope}} > ${critical}",
      critical: 1,
      default: false,
      summary: "s",
      runbook: ["one", "two", "three"],
    };

    const { desired } = compile("slos: {up: {type: monitor, monitors: [calm], target: 99}}", {
      monitors: { calm, cam: { ...calm, default: true } },
    });

    expect(desired.problems).toEqual([
      {
        owner: "ray",
        reason: "UnknownReference",
        path: "slos.up.monitors",
        message: "slos.up: ray has no monitor calm; did you mean cam?",
      },
    ]);
    expect(desired.held).toEqual(new Map([["ray/up", "ray has no monitor calm; did you mean cam?"]]));
  });

  test("is held with the reason where Datadog would refuse it, and the others are made", () => {
    const { desired, keys } = compile(
      "slos: {bad: {type: metric, numerator: 'sum:a.b{*}', denominator: 'sum:a.c{*}.as_count()', target: 99}}",
    );

    expect(keys).toEqual(["ray/available"]);
    expect(desired.problems).toMatchObject([
      {
        reason: "InvalidQuery",
        path: "slos.bad.numerator",
        message: expect.stringMatching(/write \.as_count\(\) after a\.b/),
      },
    ]);
  });

  test("is held where Datadog would cut off its mark", () => {
    const long = "x".repeat(99);
    const { desired } = compile(`slos: {${long}: {${METRIC}}}`, { service: "y".repeat(99) });

    expect(desired.problems).toMatchObject([{ reason: "Rejected", path: `slos.${long}` }]);
  });

  test("keeps its own rules of drift", () => {
    const { desired } = compile(`drift: report\nslos: {a: {${METRIC}, drift: correct}, b: {${METRIC}}}`);

    expect(desired.objects.get("ray/a")?.drift).toMatchObject({ rule: "correct" });
    expect(desired.objects.get("ray/b")?.drift).toMatchObject({ rule: "report" });
  });
});

describe("an SLO of no service", () => {
  test("is made from its document, titled as it says", () => {
    const { body, desired } = compileDocument(
      "_slos/checkout",
      "name: Checkout\nenv: prod\ntype: monitor\nmonitors: [web/down, _monitors/disk]\ntarget: 99\ndeletion: retain\n",
    );

    expect(desired.objects.get("_slos/checkout")).toMatchObject({ owner: "_slos/checkout", retain: true });
    expect(body("_slos/checkout")).toMatchObject({
      name: "Checkout",
      monitor_ids: ["${monitors:_monitors/disk}", "${monitors:web/down}"],
      description: expect.stringMatching(/Kept by dd-observe \(document _slos\/checkout\)/),
      tags: [
        "cluster:dc1",
        "dd-observe-deletion:retain",
        "dd-observe-key:_slos/checkout",
        "dd-observe-owner:dc1",
        "env:prod",
        "managed-by:dd-observe",
      ],
    });
  });

  test("is held with the reason where its query is broken", () => {
    const { desired } = compileDocument(
      "_slos/checkout",
      "type: time-slice\nquery: 'avg:a.b'\nthreshold: 1\ntarget: 99\n",
    );

    expect([...desired.held]).toEqual([
      ["_slos/checkout", "The metric a.b has no scope; write a.b{*} for all of it"],
    ]);
    expect(desired.problems).toMatchObject([{ owner: "_slos/checkout", path: "query" }]);
  });
});

test("every body is in canonical form already", () => {
  const { desired } = compile(`agent: {buckets: true}\nslos: {rare: true, a: {${METRIC}}}`);

  for (const { body } of desired.objects.values()) expect(canonicalDesired(body)).toEqual(body);
});
