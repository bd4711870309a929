import { expect, test } from "vitest";

import { examplePack } from "../test/builders/packs.ts";
import { packFaults } from "./pack-check.ts";

const OPTION = { option: "x", type: "integer", description: "d" };
const MONITOR = {
  name: "M",
  type: "query alert",
  query: "avg(last_5m):avg:a{${scope}} > ${critical}",
  critical: 1,
  summary: "s",
  runbook: ["a", "b", "c"],
};

const SLO = { name: "S", summary: "s", type: "metric", target: 99 };
const ROUND = { ...SLO, numerator: "sum:a{${scope}}", denominator: "sum:b{${scope}}" };

function section(over: object): object {
  const widgets = [note("In ${env}, see ${slos:_slos/x|all}")];
  return { dashboards: { d: { title: "T", section: "S", widgets, ...over } } };
}

function note(content: string): object {
  return { definition: { type: "note", content } };
}

const TABLE = {
  from: "the source",
  metrics: { "a.running": { type: "gauge", verified: "source", description: "d" } },
  others: { count: ["a.total"] },
};

/** A pack that fetches a number, and the table in which it stands. */
function poll(over: object): object {
  const whole = { url: "http://${host}:${option.interval}/count", value: "/count", metric: "a.running" };
  return { manifest: { polls: { p: { ...whole, ...over } } }, metrics: TABLE };
}

test("finds nothing wrong with a poll of the instance itself, once for each of a list", () => {
  const url = "https://${host}:7243/${each}/${option.mode}";

  expect(packFaults(examplePack(poll({})))).toEqual([]);
  expect(packFaults(examplePack(poll({ url, each: "labels", tags: ["x:${each}"] })))).toEqual([]);
});

test("finds nothing wrong with a pack whose parts fit", () => {
  const whole = examplePack({
    slos: { round: ROUND, up: { ...SLO, type: "monitor", monitors: ["noisy"] } },
    ...section({ per: "service", widgets: [note("${service}: ${option.interval}")] }),
  });

  expect(packFaults(examplePack())).toEqual([]);
  expect(packFaults(whole)).toEqual([]);
  expect(packFaults(examplePack(section({})))).toEqual([]);
});

test.for([
  [
    "an option that reads a file",
    { manifest: { options: { x: { ...OPTION, option: "tls_ca_cert" } } } },
    "options.x hands tls_ca_cert to a wish, which is never allowed",
  ],
  [
    "a default out of range",
    { manifest: { options: { x: { ...OPTION, min: 5, default: 1 } } } },
    "options.x has a default that it doesn't allow itself: it must be at least 5",
  ],
  [
    "a default with an unknown variable",
    { manifest: { options: { x: { ...OPTION, type: "text", default: "${servce}" } } } },
    "options.x has a default with ${servce}, which stands for nothing",
  ],
  [
    "a pattern that doesn't compile",
    { manifest: { options: { x: { ...OPTION, type: "text", pattern: "(" } } } },
    "options.x has a pattern that doesn't compile",
  ],
  [
    "a choice without values",
    { manifest: { options: { x: { ...OPTION, type: "choice" } } } },
    "options.x is a choice without values",
  ],
  [
    "a conf.yaml with an unknown variable",
    { conf: { instance: { url: "${bse}", allow_redirects: false } } },
    "instance.url ${bse} stands for nothing; did you mean base?",
  ],
  [
    "a conf.yaml that follows redirects",
    { conf: { instance: { url: "${base}" } } },
    "instance must have allow_redirects: false",
  ],
  [
    "a key that is fixed and an option",
    {
      manifest: { options: { x: { ...OPTION, option: "timeout" } } },
      conf: { instance: { timeout: 1, allow_redirects: false } },
    },
    "instance.timeout is an option of pack.yaml as well",
  ],
  [
    "a list that is fixed where a wish gives one value",
    {
      manifest: { options: { x: { ...OPTION, option: "timeout" } } },
      conf: { instance: { timeout: [1], allow_redirects: false } },
    },
    "instance.timeout is an option of pack.yaml as well",
  ],
  [
    "a monitor that needs an unknown option",
    { monitors: { m: { ...MONITOR, needs: "nothing" } } },
    "m.needs names no option of the pack: nothing",
  ],
  [
    "a monitor that needs what a choice never is",
    { monitors: { m: { ...MONITOR, needs: ["buckets", "mode=slwo"] } } },
    "m.needs asks whether mode is slwo, which it never is; it is fast or slow",
  ],
  [
    "a monitor that needs another word than true or false",
    { monitors: { m: { ...MONITOR, needs: "buckets!=on" } } },
    "m.needs asks whether buckets is on, which it never is; it is true or false",
  ],
  [
    "a section that needs an unknown option",
    section({ needs: "!buckts" }),
    "d.needs names no option of the pack: buckts; did you mean buckets?",
  ],
  [
    "a widget that needs an unknown option",
    section({ widgets: [note("a"), { ...note("b"), needs: "buckts" }] }),
    "d.widgets.1.needs names no option of the pack: buckts; did you mean buckets?",
  ],
  [
    "a key metric that needs an unknown option",
    { manifest: { keyMetrics: ["a.b", { name: "a.c", needs: "x=1" }] } },
    "keyMetrics.1.needs names no option of the pack: x",
  ],
  [
    "a check without a conf.yaml",
    { conf: undefined },
    "check needs a conf.yaml beside pack.yaml: the Agent's file for one instance",
  ],
  [
    "a conf.yaml without a check",
    { manifest: { check: undefined } },
    "check is missing, although there is a conf.yaml: which check reads it?",
  ],
  [
    "a condition for a check that there isn't",
    { manifest: { check: undefined, checkNeeds: "buckets" }, conf: undefined },
    "checkNeeds means nothing without a check",
  ],
  [
    "an option that steers only the pack and is asked of the check",
    { manifest: { options: { x: { type: "boolean", description: "d", required: true } } } },
    "options.x is required, but has no name in the Agent's file (option)",
  ],
  [
    "a setup with an unknown variable",
    { manifest: { setup: [{ text: "a" }, { text: "See ${option.mdoe}." }] } },
    "setup.1.text ${option.mdoe} stands for nothing; did you mean option.mode?",
  ],
  [
    "an expectation that doesn't compile",
    { manifest: { expects: [{ regex: "(" }] } },
    "expects.0.regex is no regular expression that compiles",
  ],
  [
    "a poll of another host",
    poll({ url: "http://${option.namespace}/count" }),
    "polls.p.url must begin with http://${host}, a port and a path: a poll asks the instance's own address",
  ],
  [
    "a poll whose host only looks like the instance's own",
    poll({ url: "http://${host}.example.com/count" }),
    "polls.p.url must begin with http://${host}, a port and a path: a poll asks the instance's own address",
  ],
  [
    "a poll whose port a text decides",
    poll({ url: "http://${host}:${option.namespace}/count" }),
    "polls.p.url has the port ${option.namespace}, which is no whole number",
  ],
  [
    "a poll for each of what is no list",
    poll({ each: "mode" }),
    "polls.p.each names an option that is no list of texts: mode",
  ],
  [
    "a poll with ${each} of nothing",
    poll({ tags: ["x:${each}"] }),
    "polls.p.tags.0 ${each} stands for nothing",
  ],
  [
    "a poll of a metric that the table hasn't",
    poll({ metric: "a.runing" }),
    "polls.p.metric is not in metrics.yaml: a.runing",
  ],
  [
    "a poll of what is no gauge",
    poll({ metric: "a.total" }),
    "polls.p.metric is a count in metrics.yaml; a poll sends a gauge",
  ],
  [
    "a metric that rests on nothing",
    { metrics: { metrics: { "a.b": { type: "gauge", verified: "source", description: "d" } } } },
    "metrics.a.b rests on nothing; give it a source, or the file a from",
  ],
  [
    "an asked name whose answer isn't sent",
    { metrics: { ...TABLE, asked: { "a.run": { answer: "renamed", metrics: ["a.runing"] } } } },
    "asked.a.run.metrics names a.runing, which is not sent; did you mean a.running?",
  ],
  [
    "an asked name without an answer",
    { metrics: { ...TABLE, asked: { "a.run": { answer: "poll" } } } },
    "asked.a.run.metrics names no metric, although the answer is poll",
  ],
  [
    "a monitor whose threshold can't be tuned",
    { monitors: { m: { ...MONITOR, query: "avg(last_5m):avg:a{${scope}} > 1" } } },
    "m.query must end in a comparison with ${critical}",
  ],
  [
    "a monitor of everybody's services",
    { monitors: { m: { ...MONITOR, query: "avg(last_5m):avg:a{*} > ${critical}" } } },
    "m.query must be narrowed to the service by ${scope}, or ${scopeTags} in a service check",
  ],
  [
    "a runbook with an unknown variable",
    { monitors: { m: { ...MONITOR, runbook: ["a", "b", "${hots}"] } } },
    "m.runbook.2 ${hots} stands for nothing",
  ],
  [
    "an SLO of everybody's services",
    { slos: { s: { ...ROUND, denominator: "sum:b{*}" } } },
    "s has a query that isn't narrowed to the service by ${scope}",
  ],
  [
    "an SLO without a query",
    { slos: { s: { ...ROUND, denominator: undefined } } },
    "s needs denominator, as it is of type metric",
  ],
  [
    "an SLO over a monitor that the pack hasn't",
    { slos: { s: { ...SLO, type: "monitor", monitors: ["nosy"] } } },
    "s.monitors.0: the pack has no monitor nosy; did you mean noisy?",
  ],
  [
    "an SLO that needs an unknown option",
    { slos: { s: { ...ROUND, needs: "nothing" } } },
    "s.needs names no option of the pack: nothing",
  ],
  [
    "an SLO with an unknown variable",
    { slos: { s: { ...ROUND, numerator: "sum:a{${scope},${hots}}" } } },
    "s.numerator: ${hots} stands for nothing; there are scope, scopeAnyCluster, scopeTags, service, env, team, cluster",
  ],
  [
    "a section that names one service, though it stands once for all",
    section({ widgets: [note("${service}")] }),
    "d.widgets.0.definition.content: ${service} stands for nothing; there are scope, scopeAnyCluster, scopeTags, env, team, cluster",
  ],
  [
    "a section that refers to a kind that there isn't",
    section({ widgets: [note("${slo:_slos/x}")] }),
    "d.widgets.0.definition.content: ${slo:_slos/x} names no kind; did you mean slos?",
  ],
  [
    "a section that lets nobody choose what its widgets ask for",
    section({
      variables: ["model"],
      widgets: [{ definition: { type: "timeseries", requests: [{ q: "avg:a{$env,$model,$agent}" }] } }],
    }),
    "d.widgets.0.definition.requests.0.q narrows by $agent, which is none of its variables",
  ],
] as const)("finds %s", ([, over, message]) => {
  expect(packFaults(examplePack(over)).map((fault) => fault.message)).toContain(message);
});
