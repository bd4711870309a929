import { fault, unknownVariables, variablesOf, type PackFault } from "./pack-fault.ts";
import type { PackPoll } from "./pack-manifest.ts";
import { sentMetrics } from "./pack-metrics.ts";
import type { Pack } from "./pack.ts";
import { compiles } from "./regex.ts";
import { didYouMean } from "./suggest.ts";

/** What `${…}` can stand for in texts for people, in names of metrics and in paths. */
const TEXT_VARIABLES = ["service", "serviceName", "env", "team", "cluster"];

/** What is wrong with the parts of pack.yaml that prove something, tell something, or ask for something. */
export function partFaults(pack: Pack): readonly PackFault[] {
  const known = variablesOf(pack, TEXT_VARIABLES);
  return [
    ...checkFaults(pack),
    // A system that sends by itself has to be told the tags that its data is found by.
    ...unknownVariables("pack.yaml", "setup", pack.setup, new Set([...known, "tags"])),
    ...(["hints", "keyMetrics", "serviceChecks", "expects"] as const).flatMap((field) =>
      unknownVariables("pack.yaml", field, pack[field], known),
    ),
    ...unknownVariables("pack.yaml", "probe", pack.probes, known),
    ...pack.expects.flatMap(({ regex }, at) =>
      regex === undefined || compiles(regex, "u")
        ? []
        : [fault("pack.yaml", `expects.${at}.regex`, "is no regular expression that compiles")],
    ),
    ...Object.entries(pack.polls).flatMap(([name, poll]) => pollFaults(pack, `polls.${name}`, poll)),
  ];
}

function checkFaults({ check, checkNeeds, conf }: Pack): readonly PackFault[] {
  if (check === undefined) {
    return [
      ...(conf === undefined
        ? []
        : [fault("pack.yaml", "check", "is missing, although there is a conf.yaml: which check reads it?")]),
      ...(checkNeeds === undefined
        ? []
        : [fault("pack.yaml", "checkNeeds", "means nothing without a check")]),
    ];
  }
  const message = "needs a conf.yaml beside pack.yaml: the Agent's file for one instance";
  return conf === undefined ? [fault("pack.yaml", "check", message)] : [];
}

/** Whatever is filled in later, the call stays on the instance's own address. */
const OWN_ADDRESS = /^https?:\/\/\$\{host\}(?::(?:\d{1,5}|\$\{option\.(?<port>[A-Za-z0-9]+)\}))?\//;

function pollFaults(pack: Pack, path: string, { url, metric, tags, each }: PackPoll): readonly PackFault[] {
  const faults: PackFault[] = [];
  const wrong = (field: string, message: string): void =>
    void faults.push(fault("pack.yaml", `${path}.${field}`, message));
  const known = new Set([
    ...variablesOf(pack, TEXT_VARIABLES),
    "host",
    ...(each === undefined ? [] : ["each"]),
  ]);
  faults.push(...unknownVariables("pack.yaml", `${path}.url`, url, known));
  faults.push(...unknownVariables("pack.yaml", `${path}.tags`, tags, known));

  const own = OWN_ADDRESS.exec(url);
  if (own === null)
    wrong("url", "must begin with http://${host}, a port and a path: a poll asks the instance's own address");
  const port = own?.groups?.["port"];
  if (port !== undefined && pack.options[port]?.type !== "integer")
    wrong("url", `has the port \${option.${port}}, which is no whole number`);
  if (each !== undefined) {
    const list = pack.options[each];
    if (list === undefined)
      wrong("each", `names no option: ${each}${didYouMean(each, Object.keys(pack.options))}`);
    else if (list.type !== "texts") wrong("each", `names an option that is no list of texts: ${each}`);
  }

  const sent = sentMetrics(pack.metrics);
  const type = sent.get(metric)?.type;
  if (type !== "gauge")
    wrong(
      "metric",
      type === undefined
        ? `is not in metrics.yaml: ${metric}`
        : `is a ${type} in metrics.yaml; a poll sends a gauge`,
    );
  return faults;
}

/** What is wrong with the table of metrics: names that it points to and doesn't have. */
export function metricFaults(pack: Pack): readonly PackFault[] {
  const { from, metrics, asked } = pack.metrics;
  const sent = sentMetrics(pack.metrics);
  const known = variablesOf(pack, []);
  const wrong = (path: string, message: string): PackFault => fault("metrics.yaml", path, message);
  return [
    ...Object.entries(metrics).flatMap(([name, { source }]) => [
      ...(source === undefined && from === undefined
        ? [wrong(`metrics.${name}`, "rests on nothing; give it a source, or the file a from")]
        : []),
      ...unknownVariables("metrics.yaml", `metrics.${name}`, name, known),
    ]),
    ...Object.entries(asked).flatMap(([name, { answer, metrics: real, instead }]) => [
      ...real
        .filter((one) => !sent.has(one))
        .map((one) =>
          wrong(`asked.${name}.metrics`, `names ${one}, which is not sent${didYouMean(one, sent.keys())}`),
        ),
      ...(answer !== "none" && real.length === 0
        ? [wrong(`asked.${name}.metrics`, `names no metric, although the answer is ${answer}`)]
        : []),
      ...(answer === "same" && !sent.has(name)
        ? [wrong(`asked.${name}.answer`, "is same, but the table has no metric of that name")]
        : []),
      ...(instead !== undefined && !instead.includes("<s>")
        ? [wrong(`asked.${name}.instead`, "has no <s>, where scope and groups go")]
        : []),
    ]),
  ];
}
