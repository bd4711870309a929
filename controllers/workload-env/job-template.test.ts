import { expect, test } from "vitest";

import type { JobTemplate } from "../../clients/nomad-jobs.ts";
import { instrumentationOf, type InstrumentationLayer } from "../../crds/instrumentation.ts";
import { readTemplate, type Sources } from "./job-template.ts";
import { templateText } from "./template.ts";

const SOURCES: Sources = {
  all: "dd-observe/env",
  folder: "dd-observe/env/support",
  variable: "nomad/jobs/support",
  names: { NOMAD_JOB_NAME: "support", NOMAD_GROUP_NAME: "api", NOMAD_TASK_NAME: "web" },
};

function template(text: string | undefined, more: Partial<JobTemplate> = {}): JobTemplate {
  return {
    text,
    isEnvironment: true,
    changeMode: "restart",
    once: false,
    delimiters: ["{{", "}}"],
    ...more,
  };
}

/** `all`, the names among these that it takes, or what it isn't. */
function taken(text: string, sources: Partial<Sources> = {}): string {
  const reading = readTemplate(template(text), { ...SOURCES, ...sources });
  if (typeof reading === "string") return reading;
  const names = ["DD_ENV", "DD_TAGS", "DD_SERVICE"].filter(reading.takes);
  return names.length === 3 ? "all" : names.join(" ");
}

const EACH = "{{ .Key }}={{ .Value | toJSON }}\n{{ end }}";

test.for<[text: string, what: string, sources?: Partial<Sources>]>([
  // Consul's keys, each of them.
  [`{{ range ls "dd-observe/env/support" }}${EACH}`, "all"],
  [`{{- range safeLs "dd-observe/env/support/" }}${EACH}`, "all"],
  ["{{ range tree `dd-observe/env/support@dc2` }}" + EACH, "all"],
  [`{{ $folder := "dd-observe/env/support" }}{{ range ls $folder }}${EACH}`, "all"],
  [`{{ range ls (printf "dd-observe/env/%s" (env "NOMAD_JOB_NAME")) }}${EACH}`, "all"],
  // Some of them.
  ['DD_ENV={{ key "dd-observe/env/support/DD_ENV" }}', "DD_ENV"],
  [
    'DD_ENV={{ keyOrDefault "dd-observe/env/support/DD_ENV" "" }}\nDD_TAGS={{ key "dd-observe/env/support/DD_TAGS" }}',
    "DD_ENV DD_TAGS",
  ],
  // Another service's, or nobody's.
  [`{{ range ls "dd-observe/env/web" }}${EACH}`, "none"],
  [`{{ range ls "dd-observe/env/support-eu" }}${EACH}`, "none"],
  [`{{ range ls (printf "dd-observe/env/%s" (env "NOMAD_TASK_NAME")) }}${EACH}`, "unknown"],
  ["DD_ENV=prod", "none"],
  ['DD_ENV={{ key "config/env" }}', "none"],
  ["dd-observe/env/support stands in no action", "none"],
  [`{{/* range ls "dd-observe/env/support" */}}`, "none"],
  // What only the machine can work out.
  [`{{ range ls (printf "dd-observe/env/%s" (env "NOMAD_META_service")) }}${EACH}`, "unknown"],
  [`{{ range tree "dd-observe/env" }}${EACH}`, "unknown"],
  // The Variable.
  ['{{ range (nomadVar "nomad/jobs/support").Tuples }}{{ .K }}={{ .V | toJSON }}\n{{ end }}', "all"],
  [
    '{{ with nomadVar (printf "nomad/jobs/%s" (env "NOMAD_JOB_NAME")) }}{{ range .Tuples }}{{ .K }}={{ .V }}{{ end }}{{ end }}',
    "all",
  ],
  ['{{ with nomadVar "nomad/jobs/support" }}DD_ENV={{ .DD_ENV }}{{ end }}', "DD_ENV"],
  ['{{ with nomadVar "nomad/jobs/support" }}A={{ .api_key }}{{ end }}', "unknown"],
  ['{{ if nomadVarExists "nomad/jobs/support" }}A=1{{ end }}', "none"],
  [
    '{{ range (nomadVar "nomad/jobs/support").Tuples }}{{ if .K | regexMatch "^LANGFUSE_(PUBLIC|SECRET)_KEY$" }}{{ .K }}={{ .V }}{{ end }}{{ end }}',
    "none",
  ],
  ['{{ range (nomadVar "nomad/jobs/support").Tuples }}{{ .K }}{{ end }}', "none", { variable: undefined }],
])("%s takes %s", ([text, what, sources]) => {
  expect(taken(text, sources)).toBe(what);
});

test("other delimiters are those of the template", () => {
  const text = '[[ range ls "dd-observe/env/support" ]]{{ range ls "dd-observe/env/web" }}[[ end ]]';

  const reading = readTemplate(template(text, { delimiters: ["[[", "]]"] }), SOURCES);

  expect(reading).toMatchObject({ isEnvironment: true });
});

test("what stands in a file where the task runs is not known, unless it is no environment", () => {
  expect(readTemplate(template(undefined), SOURCES)).toBe("unknown");
  expect(readTemplate(template(undefined, { isEnvironment: false }), SOURCES)).toBe("none");
});

test.for<[more: Partial<JobTemplate>, restarts: boolean]>([
  [{ changeMode: "restart" }, true],
  [{ changeMode: "restart", once: true }, false],
  [{ changeMode: "noop" }, false],
  [{ changeMode: "signal" }, false],
])("with %j a change starts the task again: %s", ([more, restarts]) => {
  const reading = readTemplate(template('{{ range ls "dd-observe/env/support" }}{{ end }}', more), SOURCES);

  expect(reading).toMatchObject({ restarts });
});

test("a template leaves the job's own variables only if it asks for them", () => {
  const reads = (text: string) => {
    const reading = readTemplate(template(text), SOURCES);
    if (typeof reading === "string") throw new Error(reading);
    return reading;
  };
  const each = reads(`{{ range ls "dd-observe/env/support" }}{{ if not (env .Key) }}${EACH}{{ end }}`);
  const one = reads('{{ if not (env "DD_ENV") }}DD_ENV={{ key "dd-observe/env/support/DD_ENV" }}{{ end }}');
  const none = reads(`{{ range ls "dd-observe/env/support" }}${EACH}`);

  expect([each, one, none].map(({ leavesOwn }) => [leavesOwn("DD_ENV"), leavesOwn("DD_TAGS")])).toEqual([
    [true, true],
    [true, false],
    [false, false],
  ]);
});

test.for<[layer: InstrumentationLayer, inVariable: boolean]>([
  [{}, false],
  [{ whenMissing: "insist" }, false],
  [{ nomadVariable: true }, true],
  [{ nomadVariable: true, whenMissing: "insist" }, true],
  [{ langfuse: { keys: "nomad/jobs/support" } }, false],
])(
  "the template that we print with %j is one that takes all, leaves the job's own, and joins",
  ([layer, inVariable]) => {
    const instrumentation = instrumentationOf({ profile: "ddtrace", ...layer }, "generic")!;
    const text = templateText({ service: "support", statePrefix: "dd-observe", instrumentation });
    const names = { ...SOURCES.names, NOMAD_JOB_ID: "support", NOMAD_JOB_PARENT_ID: "support" };
    const { folder, variable } = SOURCES;
    const here = {
      ...SOURCES,
      names,
      variable: inVariable ? variable : undefined,
      folder: inVariable ? "x" : folder,
    };
    const elsewhere = { ...here, folder: "dd-observe/env/web", variable: "nomad/jobs/web" };

    const reading = readTemplate(template(text), here);

    if (typeof reading === "string") throw new Error(reading);
    expect(["DD_ENV", "DD_SERVICE"].map(reading.takes)).toEqual([true, true]);
    expect(["DD_ENV", "NODE_OPTIONS"].map(reading.leavesOwn)).toEqual([true, true]);
    expect(["NODE_OPTIONS", "PYTHONPATH", "DD_ENV"].map(reading.mentions)).toEqual([true, true, false]);
    expect(readTemplate(template(text), elsewhere)).toBe("none");
  },
);
