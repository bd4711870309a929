import { isPlain } from "../openmetrics-names.ts";
import { compiles } from "../../../crds/regex.ts";
import { checkTable, type CheckTable, type OptionType } from "./tables.ts";

type Options = Readonly<Record<string, unknown>>;

/** The Agent's file of a check, parsed. */
export interface AgentFile {
  readonly init_config?: Options | null;
  readonly instances: readonly Options[];
}

/**
 * Says what the Agent would ignore or refuse in a file: an option that the check doesn't have (it says
 * nothing of those), a value of another type, and what the check only finds out when it runs.
 */
export function agentFileFaults(check: string, file: AgentFile): readonly string[] {
  const table = checkTable(check);
  if (table === undefined) return [`there is no table of the options of ${check}`];
  const keys = Object.keys(file).filter((key) => key !== "init_config" && key !== "instances");
  return [
    ...keys.map((key) => `${key} is no part of a file of ours`),
    ...optionFaults("init_config", file.init_config ?? {}, table.initConfig),
    ...file.instances.flatMap((instance, index) => {
      const at = `instances.${index}`;
      return [...optionFaults(at, instance, table.instance), ...ruleFaults(at, instance, table)];
    }),
  ];
}

function optionFaults(
  at: string,
  options: Options,
  known: Readonly<Record<string, OptionType>>,
): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    const type = Object.hasOwn(known, name) ? known[name] : undefined;
    if (type === undefined) return [`${at}.${name} is no option of the check`];
    return fits(value, type)
      ? []
      : [`${at}.${name} must be ${JSON.stringify(type)}, not ${JSON.stringify(value)}`];
  });
}

function fits(value: unknown, type: OptionType): boolean {
  switch (type) {
    case "any":
      return true;
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number" && Number.isFinite(value);
    case "text":
      return typeof value === "string";
    default:
      break;
  }
  if ("list" in type) return Array.isArray(value) && value.every((one) => fits(one, type.list));
  if ("either" in type) return type.either.some((one) => fits(value, one));
  if ("values" in type) return typeof value === "string" && type.values.includes(value);
  if (!isMap(value)) return false;
  if ("map" in type) return Object.values(value).every((one) => fits(one, type.map));
  return Object.entries(value).every(([name, one]) => {
    const inner = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
    return inner === undefined ? type.isOpen === true : fits(one, inner);
  });
}

function isMap(value: unknown): value is Options {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * What a check that reads OpenMetrics refuses, or misunderstands, at its first run.
 *
 * @see integrations-core, datadog_checks_base/datadog_checks/base/checks/openmetrics/v2/{scraper/base_scraper,transform}.py
 */
function ruleFaults(at: string, instance: Options, table: CheckTable): readonly string[] {
  const faults = table.required
    .filter((name) => !Object.hasOwn(instance, name))
    .map((name) => `${at} lacks ${name}, without which the check doesn't run`);
  if (!Object.hasOwn(table.instance, "openmetrics_endpoint")) return faults;

  if (typeof instance["openmetrics_endpoint"] !== "string" || instance["openmetrics_endpoint"] === "")
    faults.push(`${at}.openmetrics_endpoint must be a URL`);
  // Nothing but the check that reads Prometheus' own format knows these, and this file is not for it.
  const older = checkTable("ray")?.instance ?? {};
  const unread = Object.keys(instance).filter(
    (name) => table.check === "openmetrics" && !Object.hasOwn(older, name),
  );
  faults.push(...unread.map((name) => `${at}.${name} means nothing beside openmetrics_endpoint`));
  const format = instance["hostname_format"];
  if (typeof format === "string" && !format.includes("<HOSTNAME>"))
    faults.push(`${at}.hostname_format lacks <HOSTNAME>`);
  for (const name of ["exclude_metrics", "raw_line_filters", "ignore_tags"])
    faults.push(...textsOf(instance[name]).flatMap((text) => patternFaults(`${at}.${name}`, text)));
  for (const name of ["metrics", "extra_metrics"]) {
    const entries = instance[name];
    if (Array.isArray(entries))
      faults.push(...entries.flatMap((entry, index) => metricFaults(`${at}.${name}.${index}`, entry)));
  }
  return faults;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function patternFaults(at: string, pattern: string): readonly string[] {
  return compiles(pattern, "u") ? [] : [`${at}: ${pattern} does not compile`];
}

/** How a metric may be read, whatever its endpoint says of it. */
const METRIC_TYPES: ReadonlySet<string> = new Set([
  "counter",
  "counter_gauge",
  "gauge",
  "histogram",
  "metadata",
  "native",
  "native_dynamic",
  "rate",
  "service_check",
  "summary",
  "temporal_percent",
  "time_elapsed",
]);

function metricFaults(at: string, entry: unknown): readonly string[] {
  if (typeof entry === "string") return patternFaults(at, entry);
  if (!isMap(entry)) return [`${at} must be a name, or a map from an exposed name`];
  return Object.entries(entry).flatMap(([exposed, sent]) => {
    const faults = [...patternFaults(at, exposed)];
    const { name, type } = isMap(sent) ? sent : { name: sent, type: undefined };
    if (name === undefined && type === undefined) faults.push(`${at}.${exposed} says neither name nor type`);
    if (type !== undefined && !(typeof type === "string" && METRIC_TYPES.has(type)))
      faults.push(`${at}.${exposed} has a type that the check doesn't know: ${JSON.stringify(type)}`);
    // A key with any sign of a regular expression is one, and then the name is dropped without a word.
    if (name !== undefined && !isPlain(exposed))
      faults.push(
        `${at}.${exposed} is read as a regular expression, so its name ${JSON.stringify(name)} is dropped`,
      );
    return faults;
  });
}
