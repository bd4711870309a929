import { expect, test } from "vitest";

import { exampleGround } from "../test/builders/packs.ts";
import { formatProblem } from "./problem.ts";
import { resolve } from "./resolve.ts";
import { resolveReserved } from "./reserved.ts";

const OTHER = "${slos:other/secret}";
const QUERY = 'type: query alert, query: "avg(last_5m):avg:a{*} > 1"';

function problemsOf(text: string): readonly string[] {
  const resolution = resolve("ray", [], { text, generation: 1 }, exampleGround());
  return resolution?.state === "held" ? resolution.problems.map((problem) => formatProblem(problem)) : [];
}

/** A text with a reference would be sent with another service's id in it, or wait for an object that never comes. */
test.for([
  [`messageTemplate: "\${handles} ${OTHER}"`, "messageTemplate must not hold ${slos:other/secret}"],
  [`notify: ["@slack-${OTHER}"]`, "must not contain ${"],
  [`monitors: {m: {${QUERY}, message: "${OTHER}"}}`, "monitors.m.message: ${slos:…} stands for an SLO"],
  [`monitors: {m: {${QUERY}, message: "\${slo:latency}"}}`, "monitors.m.message: ${slo:…} stands for an SLO"],
  [
    `monitors: {m: {${QUERY}, name: "\${monitors:a/b|c}"}}`,
    "monitors.m.name: ${monitors:…} stands for a monitor",
  ],
  [`monitors: {m: {${QUERY}, name: "\${catalog:a/b}"}}`, "monitors.m.name: ${catalog:…} stands for nothing"],
  [
    `monitors: {m: {type: composite, query: "\${slo:latency} && 1"}}`,
    "monitors.m.query: ${slo:…} stands for an SLO",
  ],
  [
    `slos: {s: {type: metric, numerator: "a{*}", denominator: "b{*}", target: 99, description: "${OTHER}"}}`,
    "slos.s.description: ${slos:other/secret} names another object",
  ],
  [`downtimes: {d: {message: "${OTHER}"}}`, "downtimes.d.message: ${slos:other/secret} names another object"],
  [`downtimes: {d: {scope: "a:${OTHER}"}}`, "downtimes.d.scope: ${slos:other/secret} names another object"],
  [`catalog: {description: "${OTHER}"}`, "catalog.description: ${slos:other/secret} names another object"],
  [
    `catalog: {links: [{name: a, type: b, url: "https://a/${OTHER}"}]}`,
    "catalog.links.0.url: ${slos:other/secret} names another object",
  ],
] as const)("%s is refused, since nothing of another object belongs there", ([text, problem]) => {
  expect(problemsOf(text)).toEqual([expect.stringContaining(problem)]);
});

test.for([
  [`monitors: {m: {${QUERY}, message: "docker run -p \${port:-8080} \${x:y|z}"}}`],
  ['monitors: {m: {type: composite, query: "${monitor:other/a} && 1"}}'],
  [`monitors: {m: {type: slo alert, query: 'error_budget("\${slo:other/a}").over("7d") > 75'}}`],
  ['downtimes: {d: {message: "until ${date:later} @slack-ml"}}'],
] as const)("%s may be wished", ([text]) => {
  expect(problemsOf(text)).toEqual([]);
});

test("a document of no service is held to the same", () => {
  const text = `type: query alert\nquery: "avg(last_5m):avg:a{*} > 1"\nmessage: "${OTHER}"`;
  const resolution = resolveReserved("_monitors/x", { text, generation: 1 }, exampleGround());

  expect(resolution).toMatchObject({
    state: "held",
    problems: [{ message: expect.stringContaining("message: ${slos:…} stands for an SLO") }],
  });
});
