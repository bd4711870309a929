import { explainField, type Explanation } from "../../crds/explain.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { explainReceivers } from "../explain-receivers.ts";
import { packsOf } from "../connect.ts";
import { printData, UsageError } from "../print.ts";
import { explainMetric } from "./explain-metric.ts";
import { wrap } from "../table.ts";
import type { Terminal } from "../terminal.ts";

/**
 * `dd-observe explain`: a field of a document, as `kubectl explain` does, a metric, or how the Agent's receivers
 * are switched on. No pack has fields that are called as the latter two, and no wish either.
 */
export async function explain(call: Call): Promise<number> {
  const { args, flags, terminal, env } = call;
  const [what, name] = args;
  if (what === "metric") return explainMetric(call);
  if (what === "receivers") {
    terminal.out(explainReceivers(name, readConfig(flags, env).receivers, terminal));
    return 0;
  }
  if (name !== undefined)
    throw new UsageError(`explain takes one field, and ${name} is a second; join its parts by dots`);
  const field = (what ?? "").replace(/^\.+|\.+$/g, "");
  const packs = packsOf(readConfig(flags, env));
  const explained = explainField(field, packs, { pack: flags.pack });
  if (!explained.ok) throw new UsageError(explained.message, "dd-observe explain shows every field.");
  if (flags.output === "json" || flags.output === "yaml")
    await printData(explained.value, flags.output, terminal);
  else terminal.out(formatExplanation(explained.value, terminal));
  return 0;
}

function formatExplanation(
  { path, type, description, limits, default: byDefault, examples, facts, children }: Explanation,
  { paint, width }: Pick<Terminal, "paint" | "width">,
): string {
  const line = (name: string, text: string): string => `${paint("bold", `${name}:`.padEnd(10))} ${text}\n`;
  const written = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
  const head = [
    line("FIELD", path === "" ? "(a whole document)" : path),
    line("TYPE", [type, ...limits].join(", ")),
    byDefault === undefined ? "" : line("DEFAULT", written(byDefault)),
    ...facts.map(({ name, value }) => line(name.toUpperCase(), value)),
    ...examples.map((example) => line("EXAMPLE", written(example))),
    description === "" ? "" : `\n${wrap(description, width)}\n`,
  ].join("");
  if (children.length === 0) return head;
  const list = children.map(
    (child) =>
      `  ${paint("cyan", child.name)}  ${paint("dim", child.type)}\n${child.description === "" ? "" : `${wrap(child.description, width, "    ")}\n`}`,
  );
  return `${head}\n${paint("bold", "FIELDS:")}\n${list.join("")}`;
}
