import { factsOf, namesBeginning, namesNear } from "../../controllers/metric-facts.ts";
import { metricTable, type MetricTable } from "../../crds/metric-table.ts";
import type { Pack } from "../../crds/pack.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { packsOf } from "../connect.ts";
import { formatMetric } from "../metric-text.ts";
import { printData, UsageError } from "../print.ts";
import { formatTable } from "../table.ts";

type Packs = ReadonlyMap<string, Pack>;

/** `dd-observe explain metric NAME`: what a name stands for, who sends it, and what there is in its place. */
export async function explainMetric({ args, flags, terminal, env }: Call): Promise<number> {
  const all = packsOf(readConfig(flags, env));
  const packs = flags.pack === undefined ? all : new Map([[flags.pack, packNamed(flags.pack, all)]]);
  // What people write may still have an aggregator and a scope.
  const name = (args[1] ?? "").replace(/^[a-z0-9]+:/, "").replace(/\{.*$/s, "");
  const facts = factsOf(name, packs);
  const data = facts === undefined ? list(name, packs) : undefined;
  if (flags.output === "json" || flags.output === "yaml")
    await printData(facts ?? data, flags.output, terminal);
  else if (facts !== undefined) terminal.out(formatMetric(facts, terminal));
  else
    terminal.out(
      formatTable(
        [{ head: "METRIC" }, { head: "PACK" }, { head: "WHAT" }, { head: "DESCRIPTION", flexible: true }],
        (data ?? []).map((row) => [row.name, row.pack, row.what, row.description]),
        terminal,
      ),
    );
  return 0;
}

interface Row {
  readonly name: string;
  readonly pack: string;
  /** Its type; of a name that nothing sends, what there is in its place. */
  readonly what: string;
  readonly description: string;
}

/** The metrics whose names begin so; without a beginning, those that people ask for. */
function list(prefix: string, packs: Packs): readonly Row[] {
  const table = metricTable(packs.values());
  const names = prefix === "" ? [...table.asked.keys()] : namesBeginning(prefix.replace(/\*$/, ""), table);
  if (names.length === 0) throw unknown(prefix, table);
  return names.map((name) => rowOf(name, table));
}

function rowOf(name: string, { sent, asked }: MetricTable): Row {
  const [metric] = sent.get(name) ?? [];
  const [answer] = asked.get(name) ?? [];
  if (metric !== undefined)
    return {
      name,
      pack: metric.pack,
      what: metric.type,
      description: metric.entry?.description ?? "",
    };
  return {
    name,
    pack: answer?.pack ?? "",
    what: answer?.answer ?? "",
    description: answer?.metrics.join(", ") ?? "",
  };
}

function unknown(name: string, table: MetricTable): UsageError {
  const near = namesNear(name, table);
  const hint =
    near.length === 0
      ? "dd-observe explain metric lists the names that people ask for; with a beginning, such as ray., all that begin so."
      : `Near it: ${near.join(", ")}`;
  return new UsageError(`no pack knows a metric named ${name}, or one whose name begins so`, hint);
}

function packNamed(name: string, packs: Packs): Pack {
  const pack = packs.get(name);
  if (pack === undefined)
    throw new UsageError(`no pack is named ${name}; there are ${[...packs.keys()].join(", ")}`);
  return pack;
}
