import { MONITOR_VARIABLES } from "./checks.ts";
import { wrongOption } from "./options.ts";
import { fault, unknownVariables, variablesOf, type PackFault } from "./pack-fault.ts";
import { needsFaults } from "./pack-needs-check.ts";
import { metricFaults, partFaults } from "./pack-parts-check.ts";
import { placeholdersIn, type Pack, type PackConf, type PackOption } from "./pack.ts";
import {
  checkReferences,
  checkVariables,
  GLOBAL_OBJECT_VARIABLES,
  OBJECT_VARIABLES,
  textsIn,
  type OwnNames,
} from "./placeholders.ts";
import { compiles } from "./regex.ts";
import { checkSlo } from "./slo-check.ts";
import { tunedSlo } from "./slo.ts";

/** What `${…}` can stand for in conf.yaml and in the defaults of options. */
export const CONF_VARIABLES = [
  "service",
  "serviceName",
  "endpoint",
  "base",
  "env",
  "team",
  "cluster",
  "tags",
] as const;

/**
 * Options of the Agent that reach files, secrets or other hosts, or leave what dd-observe controls.
 * No pack may hand them to a wish.
 */
const NEVER_OPTIONS =
  /^(tls_|ssl_|kerberos_|aws_|ntlm_|auth_|bearer_token|proxy$|skip_proxy$|headers$|extra_headers$|username$|password$|acl_token$|allow_redirects$|log_requests$|client_cert_file$|private_key_file$|ca_bundle_file$|openmetrics_endpoint$|prometheus_url$|url$|host$|loader$|tags$|service$|hostname_|empty_default_hostname$|collect_endpoint_data_for_flare$)/;

/** Finds what the schemas of a pack's files can't say: names, placeholders and defaults that must fit one another. */
export function packFaults(pack: Pack): readonly PackFault[] {
  return [
    ...optionFaults(pack),
    ...partFaults(pack),
    ...needsFaults(pack),
    ...(pack.conf === undefined ? [] : confFaults(pack, pack.conf)),
    ...monitorFaults(pack),
    ...sloFaults(pack),
    ...dashboardFaults(pack),
    ...metricFaults(pack),
  ];
}

function optionFaults(pack: Pack): readonly PackFault[] {
  return Object.entries(pack.options).flatMap(([name, option]) => {
    const path = `options.${name}`;
    const message = wrongDefinition(option);
    return message === undefined ? [] : [{ file: "pack.yaml" as const, path, message: `${path} ${message}` }];
  });
}

function wrongDefinition(option: PackOption): string | undefined {
  if (option.wish !== undefined && (option.option !== undefined || option.default !== undefined))
    return `is given by the wish (${option.wish}), so that it has neither a default nor a name in the Agent's file`;
  if (option.option === undefined) {
    if (option.required === true) return "is required, but has no name in the Agent's file (option)";
    if (option.placement !== undefined) return "has a placement, but no name in the Agent's file (option)";
  } else if (NEVER_OPTIONS.test(option.option))
    return `hands ${option.option} to a wish, which is never allowed`;
  if (option.pattern !== undefined && !compiles(option.pattern, "u"))
    return "has a pattern that doesn't compile";
  if (option.type === "choice" && (option.values ?? []).length === 0) return "is a choice without values";
  const texts = [option.default].flat().filter((value) => typeof value === "string");
  const filledIn = texts.flatMap((text) => placeholdersIn(text));
  const unknown = filledIn.find((variable) => !(CONF_VARIABLES as readonly string[]).includes(variable));
  if (unknown !== undefined) return `has a default with \${${unknown}}, which stands for nothing`;
  if (option.default === undefined || filledIn.length > 0) return undefined;
  const wrong = wrongOption(option, option.default);
  return wrong === undefined ? undefined : `has a default that it doesn't allow itself: it ${wrong}`;
}

function confFaults(pack: Pack, conf: PackConf): readonly PackFault[] {
  const faults = [...unknownVariables("conf.yaml", "", conf, variablesOf(pack, CONF_VARIABLES))];
  for (const { option, type } of Object.values(pack.options)) {
    if (option === undefined || !Object.hasOwn(conf.instance, option)) continue;
    // Two lists are joined.
    const isList = Array.isArray(conf.instance[option]) && (type === "texts" || type === "regexes");
    if (!isList) faults.push(fault("conf.yaml", `instance.${option}`, "is an option of pack.yaml as well"));
  }
  if (conf.instance["allow_redirects"] !== false)
    faults.push(fault("conf.yaml", "instance", "must have allow_redirects: false"));
  return faults;
}

function monitorFaults(pack: Pack): readonly PackFault[] {
  const known = variablesOf(pack, MONITOR_VARIABLES);
  return Object.entries(pack.monitors).flatMap(([name, monitor]) => {
    const { query, type } = monitor;
    const faults = [...unknownVariables("monitors.yaml", name, monitor, known)];
    const wrong = (path: string, message: string): void =>
      void faults.push(fault("monitors.yaml", `${name}.${path}`, message));
    const isCheck = type === "service check";
    if (!isCheck && !/[<>=]\s*\$\{critical\}\s*$/.test(query))
      wrong("query", "must end in a comparison with ${critical}");
    if (!(isCheck ? query.includes("${scopeTags}") : /\$\{scope|\bservice:\$\{service\}/.test(query)))
      wrong("query", "must be narrowed to the service by ${scope}, or ${scopeTags} in a service check");
    return faults;
  });
}

function sloFaults(pack: Pack): readonly PackFault[] {
  const variables = [...variablesOf(pack, OBJECT_VARIABLES)];
  const own = { ...ownNames(pack), slos: [] };
  return Object.entries(pack.slos).flatMap(([name, slo]) => {
    const complete = { ...tunedSlo(slo, {}), type: slo.type };
    const problems = checkSlo(complete, { owner: pack.name, at: name, variables, own });
    const faults = problems.map(({ path = name, message }): PackFault => ({
      file: "slos.yaml",
      path,
      message,
    }));
    const queries = [slo.numerator, slo.denominator, slo.query, ...Object.values(slo.queries ?? {})];
    if (queries.some((query) => query !== undefined && !/\$\{scope(?:AnyCluster)?\}/.test(query)))
      faults.push(fault("slos.yaml", name, "has a query that isn't narrowed to the service by ${scope}"));
    return faults;
  });
}

/** What a viewer of every composed dashboard can choose. */
const CHOICES = ["cluster", "env", "service"];
const CHOSEN = /\$([a-z]\w*)/g;

function isMarkdown(path: string): boolean {
  return path.endsWith(".content");
}

/** What stands once for a pack can't name one service. */
function dashboardFaults(pack: Pack): readonly PackFault[] {
  return Object.entries(pack.dashboards).flatMap(([name, { per, widgets, variables }]) => {
    const common = per === "service" ? OBJECT_VARIABLES : GLOBAL_OBJECT_VARIABLES;
    const known = [...(per === "service" ? variablesOf(pack, common) : common)];
    const own = per === "service" ? ownNames(pack) : undefined;
    const choices = new Set([...CHOICES, ...variables]);
    return textsIn(widgets, `${name}.widgets`).flatMap(([path, text]) => {
      const place = { owner: pack.name, path };
      const faults = [...checkVariables(place, text, known), ...checkReferences(place, text, own)].map(
        ({ message }): PackFault => ({ file: "dashboards.yaml", path, message }),
      );
      const unknown = isMarkdown(path) ? [] : [...text.matchAll(CHOSEN)].map(([, choice = ""]) => choice);
      for (const choice of unknown.filter((one) => !choices.has(one)))
        faults.push(fault("dashboards.yaml", path, `narrows by $${choice}, which is none of its variables`));
      // Whoever switches the object off would stop the whole dashboard.
      if (/\$\{[a-z-]+:[^{}|]*\}/.test(text))
        faults.push(
          fault(
            "dashboards.yaml",
            path,
            "refers to an object that a service may switch off; add what stands there then: ${slo:latency|none}",
          ),
        );
      return faults;
    });
  });
}

function ownNames({ monitors, slos }: Pack): OwnNames {
  return { service: "", dashboards: [], monitors: Object.keys(monitors), slos: Object.keys(slos) };
}
