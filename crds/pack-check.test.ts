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

test("finds nothing wrong with a pack whose parts fit", () => {
  expect(packFaults(examplePack())).toEqual([]);
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
    "instance.url ${bse} stands for nothing",
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
    "a monitor that needs an unknown option",
    { monitors: { m: { ...MONITOR, needs: "nothing" } } },
    "m.needs names no option of the pack: nothing",
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
] as const)("finds %s", ([, over, message]) => {
  expect(packFaults(examplePack(over)).map((fault) => fault.message)).toContain(message);
});
