import { expect, test } from "vitest";

import { exampleGround } from "../test/builders/packs.ts";
import { formatProblem } from "./problem.ts";
import { documentOfFile, validateText } from "./validate.ts";

test.for([
  ["observability/ray.yaml", { kind: "wish", name: "ray" }],
  ["ray", { kind: "wish", name: "ray" }],
  ["C:\\wishes\\my.service.json", { kind: "wish", name: "my.service" }],
  ["observability/_defaults.yml", { kind: "defaults", name: "_defaults" }],
  ["/etc/dd-observe/policy.yaml", { kind: "policy", name: "policy" }],
  ["packs/ray/monitors.yaml", { kind: "monitors", name: "monitors" }],
  ["observability/_monitors/disk-full.yaml", { kind: "reserved", name: "_monitors/disk-full" }],
  ["_monitors\\policy.json", { kind: "reserved", name: "_monitors/policy" }],
  ["_monitor/disk-full", { kind: "reserved", name: "_monitor/disk-full" }],
  ["_nomad.yaml", { kind: "reserved", name: "_nomad" }],
  ["_default.yaml", { kind: "reserved", name: "_default" }],
  ["_site/ray.yaml", { kind: "wish", name: "ray" }],
  ["_config.yml", undefined],
  [".keep", undefined],
] as const)("the file %s holds %o", ([path, expected]) => {
  expect(documentOfFile(path)).toEqual(expected);
});

test.for([
  ["ray.yaml", "env: prod\n", []],
  [
    "ray.yaml",
    "env: prod\nmonitors:\n  nosy: false\n",
    ["ray:3:3: monitors.nosy is not in pack ray; did you mean noisy?"],
  ],
  ["_defaults.yaml", "env: prod\n", []],
  [
    "_defaults.yaml",
    "env: prod\nagent:\n  intervall: 5\n",
    ["_defaults:3:3: agent.intervall is in no pack; did you mean interval?"],
  ],
  ["policy.yaml", "packs: ray\n", ['policy:1:1: packs must be a list, not "ray"']],
  ["pack.yaml", "nam: x\n", ["pack:1:1: nam is not a field; did you mean name?"]],
  ["conf.yaml", "instances: []\n", ["conf:1:1: instances is not a field; did you mean instance?"]],
  ["monitors.yaml", "{}\n", []],
] as const)("of %s with %o it says %o", ([file, text, messages]) => {
  const { problems } = validateText(documentOfFile(file)!, text, exampleGround());

  const said = problems.map((problem) => formatProblem(problem));
  expect(
    messages.length === 0
      ? said
      : said.filter((message) => messages.some((expected) => expected === message)),
  ).toEqual(messages);
});

test("a wish without problems comes back whole, for further checks", () => {
  expect(validateText({ kind: "wish", name: "ray" }, "env: prod\n", exampleGround()).wish).toMatchObject({
    service: "ray",
    env: "prod",
    pack: { name: "ray" },
  });
});
