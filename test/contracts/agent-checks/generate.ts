// Reads what the Agent's checks say of their own options and metrics, and writes it beside this file.
//
//   node test/contracts/agent-checks/generate.ts CHECKOUT
//
// CHECKOUT is a clone of DataDog/integrations-core, or a folder with single files of it and a
// `commits.json` that has the commit of each, by its path. Only names and types are taken.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { readModels } from "./models.ts";
import { CHECKS, FOLDER, type CheckTable, type MetricsTable } from "./tables.ts";

const BASE = "datadog_checks_base/datadog_checks/base/checks/base.py";

/**
 * Whose model says it where a check's own can't be read: their specifications take the same template.
 * `init_config` has no other options in any of these checks.
 */
const SAME_TEMPLATE = { "instance.py": "ray", "shared.py": "dcgm" } as const;

class Checkout {
  readonly #root: string;
  readonly #commits: Readonly<Record<string, string>> | undefined;
  #head: string | undefined;

  constructor(root: string) {
    this.#root = root;
    const commits = path.join(root, "commits.json");
    if (existsSync(commits))
      this.#commits = JSON.parse(readFileSync(commits, "utf8")) as Readonly<Record<string, string>>;
  }

  has(file: string): boolean {
    return existsSync(path.join(this.#root, file));
  }

  read(file: string): string {
    return readFileSync(path.join(this.#root, file), "utf8");
  }

  /** `integrations-core@<commit> <path>` */
  source(file: string): string {
    return `integrations-core@${this.#commitOf(file)} ${file}`;
  }

  #commitOf(file: string): string {
    const known = this.#commits?.[file];
    if (known !== undefined) return known;
    if (this.#commits !== undefined) throw new Error(`commits.json has no commit of ${file}`);
    this.#head ??= execFileSync("git", ["-C", this.#root, "rev-parse", "HEAD"], { encoding: "utf8" }).trim();
    return this.#head;
  }
}

function modelOf(check: string, name: "instance.py" | "shared.py"): string {
  return `${check}/datadog_checks/${check}/config_models/${name}`;
}

function optionsOf(checkout: Checkout, check: string): CheckTable {
  const files = (["instance.py", "shared.py"] as const).map((name) => {
    const own = modelOf(check, name);
    return checkout.has(own) ? own : modelOf(SAME_TEMPLATE[name], name);
  });
  const [instanceFile, sharedFile] = files as [string, string];
  const instance = readModels(checkout.read(instanceFile)).get("InstanceConfig");
  const shared = readModels(checkout.read(sharedFile)).get("SharedConfig");
  if (instance === undefined) throw new Error(`${instanceFile} has no class InstanceConfig`);
  if (shared === undefined) throw new Error(`${sharedFile} has no class SharedConfig`);
  const spec = `${check}/assets/configuration/spec.yaml`;
  const own = checkout.has(spec) && !instanceFile.startsWith(`${check}/`) ? [spec] : [];
  const base = checkout.read(BASE).includes("instance.get('max_returned_metrics'");
  return {
    check,
    sources: [...own, ...files, ...(base ? [BASE] : [])].map((file) => checkout.source(file)),
    initConfig: sorted(shared.fields),
    // No model has it everywhere; the class that all checks derive from reads it.
    instance: sorted({ ...(base ? { max_returned_metrics: "integer" } : {}), ...instance.fields }),
    required: instance.required,
  };
}

function sorted<Value>(record: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @see https://docs.datadoghq.com/developers/integrations/check_references/#metrics-metadata-file */
function metricsOf(checkout: Checkout, check: string): MetricsTable | undefined {
  const file = `${check}/metadata.csv`;
  if (!checkout.has(file)) return undefined;
  const [header = [], ...rows] = readCsv(checkout.read(file));
  const column = (row: readonly string[], name: string): string => row[header.indexOf(name)] ?? "";
  const metrics = rows
    .filter((row) => column(row, "metric_name") !== "")
    .map((row): [string, string] => {
      const unit = column(row, "unit_name");
      const per = column(row, "per_unit_name");
      const words = [column(row, "metric_type"), per === "" ? unit : `${unit}/${per}`];
      return [column(row, "metric_name"), words.filter((word) => word !== "").join(" ")];
    });
  return { check, source: checkout.source(file), metrics: sorted(Object.fromEntries(metrics)) };
}

/** Fields in quotes may hold commas and doubled quotes; none of these files has a line break in one. */
function readCsv(text: string): readonly (readonly string[])[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  return lines.map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
      ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
    ),
  );
}

function write(name: string, table: CheckTable | MetricsTable): void {
  writeFileSync(path.join(FOLDER, name), `${JSON.stringify(table, undefined, 2)}\n`);
  process.stdout.write(`${name}\n`);
}

const [root] = process.argv.slice(2);
if (root === undefined) throw new Error("Name the folder of a checkout of DataDog/integrations-core");
const checkout = new Checkout(root);
for (const check of CHECKS) {
  write(`${check}.json`, optionsOf(checkout, check));
  const metrics = metricsOf(checkout, check);
  if (metrics !== undefined) write(`${check}.metrics.json`, metrics);
}
