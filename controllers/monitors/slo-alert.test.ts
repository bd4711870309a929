import { expect, test } from "vitest";

import { resolve, type Resolution } from "../../crds/resolve.ts";
import { exampleGround, examplePack } from "../../test/builders/packs.ts";
import { compileMonitors } from "./compile.ts";

function compile(name: string) {
  const slos = {
    up: { name: "Up", type: "monitor", monitors: ["noisy"], target: 99, summary: "It is up." },
  };
  const ground = exampleGround({ packs: new Map([["ray", examplePack({ slos })]]) });
  const text = `monitors: {budget: {type: slo alert, name: Budget, query: 'error_budget("\${slo:${name}}").over("30d") > \${critical}', critical: 75}}`;
  const resolution = resolve("ray", [], { text, generation: 7 }, ground)!;
  if (resolution.state === "held") throw new Error(resolution.problems[0]?.message);
  const services = new Map<string, Resolution>([["ray", resolution]]);
  return compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" })({ services, paused: new Set() });
}

test.for([
  ["of its own service", "up", "${slos:ray/up}"],
  ["of another service", "web/up", "${slos:web/up}"],
  ["of no service", "_slos/checkout", "${slos:_slos/checkout}"],
] as const)("an alert names an SLO %s", ([, name, token]) => {
  const { objects } = compile(name);

  expect(objects.get("ray/budget")?.body.query).toBe(`error_budget("${token}").over("30d") > 75`);
});

test.for([
  ["upp", "${slo:upp} is no SLO of ray; did you mean up?"],
  ["_monitors/up", expect.stringMatching(/is no name of an SLO; write \$\{slo:<name>\}/)],
] as const)("an alert on %s, which is no SLO, is held", ([name, message]) => {
  expect([...compile(name).held]).toEqual([["ray/budget", message]]);
});
