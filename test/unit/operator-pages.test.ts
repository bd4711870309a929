import { globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { Budget } from "../../engine/budget.ts";
import { measureBudget } from "../../engine/budget/measure.ts";
import { createMetrics } from "../../engine/metrics.ts";
import { measureProcess } from "../../engine/process-metrics.ts";
import { summarize } from "../../engine/status/status.ts";

const ROOT = new URL("../../", import.meta.url);
const page = (name: string): string => readFileSync(new URL(`docs/${name}`, ROOT), "utf8");
const firstColumn = (text: string): string[] => [...text.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name!);
const section = (text: string, title: string): string => text.split(`\n## ${title}\n`)[1]!.split("\n## ")[0]!;
/** The last table of a section. */
const reasonsTable = (): string =>
  section(page("architecture.md"), "Conditions and reasons").split("\n\n| reason")[1]!;

/** Words of the same shape in these files that are no reasons of a condition: classes, conditions, events, states, names of links. */
const OTHERS = new Set(
  "ApiError HclError RefusedError UnsafeConfigError Error MonitorsSynced SLOsSynced DashboardsSynced DowntimesSynced MetricTagsSynced ConfigWritten AgentLoaded Ready Stalled Drift Created Updated Deleted DriftCorrected True False Unknown Dashboard Monitors CatalogSynced MetricsArriving EndpointReachable ReceiversReady Placed TooMany Polling TelemetryWritten TelemetryActive TelemetryUndisputed NomadRestarted EnvPublished BudgetMeasured EvaluatorsSynced VariableWritten".split(
    " ",
  ),
);

test("the metrics of operations.md are those of the program", async () => {
  const { registry } = createMetrics();
  measureProcess(registry, () => []);
  measureBudget(registry, new Budget());
  const metrics = await registry.getMetricsAsJSON();

  const shown = firstColumn(section(page("operations.md"), "Metrics"));

  expect(shown.toSorted()).toEqual(metrics.map(({ name }) => name).toSorted());
});

test("architecture.md has every reason that a condition can have", () => {
  const files = globSync(
    [
      "engine/{status/conditions,plan/policies,loop/reconcile,plan/refused,status/status}.ts",
      "controllers/**/*.ts",
    ],
    {
      cwd: ROOT,
      // What lint says of a list of alerts, import of what stands in Datadog, and a warning of an environment, is no condition.
      exclude: [
        "**/*.test.ts",
        "controllers/monitors/lint/**",
        "controllers/*/document.ts",
        "controllers/workload-env/warnings.ts",
      ],
    },
  );
  const inCode = files.flatMap((file) =>
    [...readFileSync(new URL(file, ROOT), "utf8").matchAll(/"((?:[A-Z][a-z]+){1,3}|NoApiKey)"/g)].map(
      ([, word]) => word!,
    ),
  );

  const shown = firstColumn(reasonsTable());

  expect([...new Set(inCode)].filter((word) => !OTHERS.has(word) && !shown.includes(word))).toEqual([]);
});

test("the reasons that need a person are marked, and in the runbook", () => {
  const table = reasonsTable();
  const runbook = [...page("operations.md").matchAll(/^### (\w+)$/gm)].map(([, reason]) => reason!);
  const stalling = firstColumn(table).filter((reason) =>
    summarize([{ type: "Any", status: "False", reason, message: "" }]).some(
      ({ type, status }) => type === "Stalled" && status === "True",
    ),
  );

  const marked = [...table.matchAll(/^\| `(\w+)`[^\n]*\| yes /gm)].map(([, reason]) => reason!);

  expect(marked).toEqual(stalling);
  expect(runbook.toSorted()).toEqual(stalling.toSorted());
});
