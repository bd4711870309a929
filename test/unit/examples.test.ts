import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { renderEnvironment } from "../../controllers/workload-env/render.ts";
import { jobSnippet } from "../../controllers/workload-env/snippet.ts";
import { wishedBy } from "../builders/composed.ts";

const EXAMPLES = ["langgraph-typescript", "langgraph-python"];

function read(example: string, file: string): string {
  return readFileSync(new URL(`../../deploy/examples/${example}/${file}`, import.meta.url), "utf8");
}

function environmentOf(example: string) {
  const [wish] = wishedBy({ support: read(example, "observability.yaml") }).wishes;
  return renderEnvironment(wish!, "dc1")!;
}

/** Lines of a text, however deep they are indented. */
function linesOf(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

test.for(EXAMPLES)("the document of %s is accepted, and nothing in it is likely a mistake", (example) => {
  expect(environmentOf(example).warnings).toEqual([]);
});

test.for(EXAMPLES)("the job of %s has the template that `dd-observe env` prints", (example) => {
  const { instrumentation } = environmentOf(example);
  const snippet = jobSnippet({
    service: "support",
    statePrefix: "dd-observe",
    instrumentation,
    preload: { version: "0.1.0" },
  });
  const template = linesOf(snippet.slice(snippet.indexOf("template {")));

  const job = linesOf(read(example, "support.nomad.hcl"));

  const at = job.indexOf("template {");
  expect(job.slice(at, at + template.length)).toEqual(template);
  expect(snippet).toContain('destination = "local/dd-observe"');
  expect(job).toContain('destination = "local/dd-observe"');
});

test.for(EXAMPLES)("every variable of the job of %s is used", (example) => {
  const text = read(example, "support.nomad.hcl");
  const names = [...text.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name!);

  expect(names).toContain("preload");
  expect(names.filter((name) => !text.includes(`var.${name}`))).toEqual([]);
});

test("the tracers that are pinned are those of the packages", () => {
  const { dependencies, engines } = JSON.parse(read("langgraph-typescript", "package.json")) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly engines: { readonly node: string };
  };
  const typescript = environmentOf("langgraph-typescript").instrumentation;
  const python = environmentOf("langgraph-python").instrumentation;

  expect(typescript.tracer?.version).toBe(dependencies["dd-trace"]);
  expect(`>=${typescript.runtimeVersion}`).toBe(engines.node);
  expect(read("langgraph-typescript", "Dockerfile")).toContain(`FROM node:${typescript.runtimeVersion}-`);
  expect(read("langgraph-python", "requirements.txt")).toContain(`ddtrace==${python.tracer?.version}\n`);
  expect(read("langgraph-python", "Dockerfile")).toContain(`FROM python:${python.runtimeVersion}-`);
  expect(python.tracer?.bootstrap).toContain(`/python${python.runtimeVersion}/`);
});
