import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { compileMonitors } from "../../controllers/monitors/compile.ts";
import { TEMPLATE_VARIABLES } from "../../crds/message-template.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { readDefaults, resolve, type Resolution } from "../../crds/resolve.ts";
import { PACKS } from "../builders/observed.ts";

const PAGE = readFileSync(new URL("../../docs/alert-routing.md", import.meta.url), "utf8");
const DOCUMENTS = new Map(
  [...PAGE.matchAll(/```yaml\n# observability\/(\S+)\n(.*?)```/gs)].map(([, name, text]) => [name!, text!]),
);

/** The messages of a service's monitors, with the page's own `_defaults`. */
function messages(service: string): ReadonlyMap<string, string> {
  const defaults = readDefaults({ text: DOCUMENTS.get("_defaults")!, generation: 1 });
  const ground = { packs: PACKS, policy: STRICT_POLICY, defaults, tagName: "dd-observe" };
  const resolution = resolve(service, [], { text: DOCUMENTS.get(service)!, generation: 1 }, ground)!;
  if (resolution.state === "held") throw new Error(JSON.stringify(resolution.problems));
  const { objects, problems } = compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" })({
    services: new Map<string, Resolution>([[service, resolution]]),
    paused: new Set(),
  });
  expect(problems).toEqual([]);
  return new Map([...objects].map(([key, { body }]) => [key, body.message]));
}

test("every document of the page is a wish that makes monitors", () => {
  const services = [...DOCUMENTS.keys()].filter((name) => name !== "_defaults");

  expect(services).toEqual(["ray", "api", "checkout"]);
  for (const service of services) expect(messages(service).size).toBeGreaterThan(0);
});

test("the monitors of the page tell whom its table says", () => {
  const rows = [...PAGE.matchAll(/^\| `(ray\/\S+)` +\| \d +\| `([^`]+)` +\|$/gm)];
  const found = messages("ray");

  expect(rows).toHaveLength(3);
  for (const [, key, told] of rows) expect(found.get(key!)!.split("\n\n")[2]!.split("\n")[0]).toBe(told);
});

test("the placeholders of the page are those of a template", () => {
  const shown = [...PAGE.matchAll(/^\| `\$\{(\w+)\}`/gm)].map(([, name]) => name!);

  expect(shown.toSorted()).toEqual([...TEMPLATE_VARIABLES].toSorted());
});

test("the message of the page's template has the runbook before the steps", () => {
  const message = messages("api").get("api/endpoint-down")!;

  expect(message).toMatch(
    /^The Datadog Agent .*\n\n@slack-ops\n.*Runbook: https:\/\/wiki\S+\nFirst look at:/s,
  );
});
