import type { Instrumentation } from "../../crds/instrumentation.ts";
import { PLACEHOLDERS } from "../../controllers/workload-env/variable.ts";
import { formatTable, wrap, type Cell } from "../table.ts";
import { printable, type Style, type Terminal } from "../terminal.ts";
import type { PublishedState, ServiceEnvironment } from "./data.ts";

type Look = Pick<Terminal, "width" | "paint">;

/** The environment of a service's workload, for a person: each variable, then how it stands, then what is to be said. */
export function formatEnvironment(environment: ServiceEnvironment, look: Look): string {
  const { service, instrumentation, warnings } = environment;
  const { paint } = look;
  const sections = [
    `${paint("bold", printable(service))}  ${inWords(instrumentation)}\n`,
    variablesTable(environment, look),
    standing(environment, look),
    warnings.length === 0
      ? ""
      : `${paint("bold", "Likely not meant")}\n${warnings.map(({ message }) => item("!", "yellow", message, look)).join("")}`,
    placeholders(environment, look),
    `${paint("dim", `What a job's task pastes to take it: dd-observe env ${printable(service)} -o nomad`)}\n`,
  ];
  return sections.filter((text) => text !== "").join("\n");
}

function inWords({ profile, language, runtimeVersion, mode, inject }: Instrumentation): string {
  const runs = [language, runtimeVersion].filter((part) => part !== undefined).join(" ");
  return [
    `profile ${profile}`,
    ...(runs === "" ? [] : [runs]),
    `mode ${mode}`,
    inject ? "injected" : "not injected",
  ].join(", ");
}

const STATES: Readonly<Record<PublishedState, Cell>> = {
  same: "yes",
  differs: { text: "differs", style: "yellow" },
  missing: { text: "missing", style: "yellow" },
  "another's": { text: "another's", style: "red" },
  unknown: "?",
};

/** Of how each stands in Consul only where not all stand as wished. */
function variablesTable({ variables }: ServiceEnvironment, look: Look): string {
  const states = new Set(variables.map(({ published }) => published));
  const isMixed = states.size > 1;
  return formatTable(
    [
      { head: "VARIABLE" },
      { head: "VALUE", flexible: true, least: 16 },
      { head: "FIELD", spare: true },
      { head: "FROM" },
      ...(isMixed ? [{ head: "IN CONSUL" }] : []),
    ],
    variables.map(({ name, value, field = "", from, published }) => [
      name,
      value,
      // The wish has an env of its own.
      field.startsWith("instrumentation.env.")
        ? "instrumentation.env"
        : field.replace("instrumentation.", ""),
      { text: from, style: "dim" as const },
      ...(isMixed ? [STATES[published]] : []),
    ]),
    look,
  );
}

/** How the whole stands in Consul, and what the operator says. */
function standing(environment: ServiceEnvironment, look: Look): string {
  const { variables, others, folder, unknown, condition, hasLeader } = environment;
  const count = (state: PublishedState): number =>
    variables.filter(({ published }) => published === state).length;
  if (unknown !== undefined)
    return item("?", "yellow", `What stands in Consul isn't known: ${unknown}`, look);
  const same = count("same");
  const lines: string[] = [];
  if (same === variables.length)
    lines.push(item("✓", "green", `All ${same} stand below ${folder} in Consul.`, look));
  else {
    const rest = (["missing", "differs", "another's"] as const)
      .filter((state) => count(state) > 0)
      .map((state) => `${count(state)} ${WORDS[state]}`);
    const who = hasLeader
      ? "The controller puts that right with its next pass."
      : "No controller runs: dd-observe run, or once: dd-observe apply --role controller.";
    const needs = count("another's") === 0 ? ` ${who}` : "";
    lines.push(
      item(
        "✗",
        "yellow",
        `${same} of ${variables.length} stand below ${folder} in Consul; ${rest.join(", ")}.${needs}`,
        look,
      ),
    );
  }
  if (count("another's") > 0)
    lines.push(
      item(
        "✗",
        "red",
        "What another wrote is never overwritten, and nothing of this service is published or changed while it stands: remove its key.",
        look,
      ),
    );
  const stale = others.filter(({ isOurs }) => isOurs).map(({ name }) => name);
  const foreign = others.filter(({ isOurs }) => !isOurs).map(({ name }) => name);
  if (stale.length > 0)
    lines.push(item("·", "dim", `No longer wished, and still there: ${stale.join(", ")}.`, look));
  if (foreign.length > 0)
    lines.push(
      item("·", "dim", `Put there by others, and taken by the job as well: ${foreign.join(", ")}.`, look),
    );
  if (condition !== undefined && !IN_ORDER.has(condition.reason)) {
    const [sign, style] = condition.status === "True" ? (["·", "dim"] as const) : (["✗", "yellow"] as const);
    lines.push(item(sign, style, `${condition.type}: ${condition.reason}: ${condition.message}`, look));
  }
  return lines.join("");
}

/** Reasons of the condition that say no more than the lines before. */
const IN_ORDER = new Set(["Synced", "Taken"]);

const WORDS = {
  missing: "missing",
  differs: "other than wished",
  "another's": "written by somebody else",
} as const;

function placeholders({ variables }: ServiceEnvironment, look: Look): string {
  const meanings = [
    [PLACEHOLDERS.nodeIp, "the address of the machine that the task runs on"],
    [
      PLACEHOLDERS.preload,
      "the folder of the preload: DD_OBSERVE_PRELOAD of the job, else local/dd-observe of the task",
    ],
  ] as const;
  return meanings
    .filter(([name]) => variables.some(({ value }) => value.includes(name)))
    .map(([name, meaning]) => item("·", "dim", `${name} is filled in by the template: ${meaning}.`, look))
    .join("");
}

function item(sign: string, style: Style, text: string, { paint, width }: Look): string {
  return `${paint(style, sign)} ${wrap(text, width, "  ").trimStart()}\n`;
}
