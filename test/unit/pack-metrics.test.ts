import { expect, test } from "vitest";

import { conditionsOf, holds, type Needs, type OptionValues } from "../../crds/condition.ts";
import { metricTable } from "../../crds/metric-table.ts";
import { sentMetrics, type SentMetric } from "../../crds/pack-metrics.ts";
import type { Pack } from "../../crds/pack.ts";
import { COMMON_TAGS } from "../../controllers/metric-facts.ts";
import { metricsIn, packQueries } from "../../controllers/pack-queries.ts";
import { checkMetricExpression } from "../../controllers/monitors/query.ts";
import { PACKS } from "../builders/observed.ts";
import { metricsTable } from "../contracts/agent-checks/tables.ts";

/** Packs that say which metrics there are. */
const TABLED = [...PACKS.values()].filter(({ metrics }) => Object.keys(metrics.metrics).length > 0);

/** What options may be, as far as some conditions can tell: each value that they name, any other, and none. */
function* states(pack: Pack, needs: readonly Needs[]): Generator<OptionValues> {
  const conditions = needs.flatMap((one) => conditionsOf(one));
  const names = [...new Set(conditions.map(({ option }) => option))];
  let all: readonly OptionValues[] = [{}];
  for (const name of names) {
    const { type, values = [] } = pack.options[name] ?? { type: "text" };
    const named = conditions.flatMap(({ option, value }) => (option === name ? [value ?? "x"] : []));
    const possible =
      type === "boolean" ? [true, false] : type === "choice" ? values : [undefined, "another", ...named];
    all = all.flatMap((state) => possible.map((value) => ({ ...state, [name]: value })));
  }
  yield* all;
}

/** Whether what is made under `use` finds `metric` sent, whatever the options are. */
function isSentWherever(use: readonly string[], metric: SentMetric, pack: Pack): boolean {
  const of: Needs[] = [use, metric.needs ?? []];
  return [...states(pack, of)].every(
    (options) => !use.every((one) => holds(one, options)) || holds(metric.needs, options),
  );
}

function whatIsWrong(
  pack: Pack,
  { metric, tags, needs }: { metric: string; tags: readonly string[]; needs: readonly string[] },
): readonly string[] {
  // The person's own metric, by its whole name.
  if (/^\$\{option\.\w+\}$/.test(metric)) return [];
  const sent = sentMetrics(pack.metrics).get(metric);
  if (sent?.entry === undefined) return [`${metric} is not among the metrics of metrics.yaml`];
  const faults = tags
    .filter((tag) => !(COMMON_TAGS as readonly string[]).includes(tag) && !sent.tags.includes(tag))
    .map((tag) => `${metric} has no tag ${tag}; it has ${sent.tags.join(", ")}`);
  if (!isSentWherever(needs, sent, pack))
    faults.push(
      `${metric} is sent only where ${[sent.needs].flat().join(", ")}; here it is asked for where ${needs.join(", ") || "anything"} holds`,
    );
  return faults;
}

test.for(TABLED)("every query of pack $name asks for metrics and tags that there are", (pack) => {
  const faults = packQueries(pack).flatMap(({ kind, object, widget, query, needs }) =>
    metricsIn(query).flatMap(({ metric, tags }) =>
      whatIsWrong(pack, { metric, tags, needs }).map(
        (fault) => `${kind} ${object}${widget === undefined ? "" : ` (${widget})`}: ${fault}`,
      ),
    ),
  );

  expect(faults).toEqual([]);
});

test.for(TABLED)("the key metrics of pack $name are sent", (pack) => {
  const faults = pack.keyMetrics.flatMap(({ name, needs }) =>
    whatIsWrong(pack, { metric: name, tags: [], needs: [needs ?? []].flat() }),
  );

  expect(faults).toEqual([]);
});

test.for(TABLED)("what pack $name has in place of asked names are queries of its metrics", (pack) => {
  for (const [name, { instead, tag, metrics }] of Object.entries(pack.metrics.asked)) {
    if (instead === undefined) continue;
    const scope = tag === undefined ? "{*}" : `{${tag}}`;
    const query = instead.replaceAll("<a>", "avg").replaceAll("<s>", scope);
    const used = metricsIn(query);

    expect({ name, problems: checkMetricExpression(query) }).toEqual({ name, problems: [] });
    expect(metrics).toEqual(expect.arrayContaining(used.map(({ metric }) => metric)));
    for (const { metric, tags } of used)
      expect(
        whatIsWrong(pack, { metric, tags, needs: [pack.metrics.metrics[metric]?.needs ?? []].flat() }),
      ).toEqual([]);
  }
});

test("a name that several packs know is the same to all of them", () => {
  const differing = [...metricTable(PACKS.values()).sent].filter(
    ([, senders]) => new Set(senders.map(({ type, unit, per }) => `${type} ${unit} ${per}`)).size > 1,
  );

  expect(differing.map(([name, senders]) => [name, senders.map(({ pack }) => pack)])).toEqual([]);
});

/** `gauge byte/second` */
function stated({ type, unit, per }: SentMetric): readonly [type: string, unit: string | undefined] {
  return [type, unit === undefined ? undefined : per === undefined ? unit : `${unit}/${per}`];
}

// Where an entry differs from what the Agent's check says of itself, it must say what it rests on.
test.for(TABLED)("pack $name says of its metrics what the Agent's check does", (pack) => {
  const upstream = pack.check === undefined ? undefined : metricsTable(pack.check);
  if (upstream === undefined) return;
  const faults = [...sentMetrics(pack.metrics).values()].flatMap((metric) => {
    const own = metric.entry?.source;
    const restsOnIt =
      own === undefined ? pack.metrics.from?.includes("metadata.csv") : own.endsWith("metadata.csv");
    if (restsOnIt !== true) return [];
    const fact = Object.hasOwn(upstream.metrics, metric.name) ? upstream.metrics[metric.name] : undefined;
    if (fact === undefined)
      return metric.entry !== undefined ? [`${metric.name} is not in ${upstream.source}`] : [];
    const [type = "", unit] = fact.split(/ (.*)/s);
    const [ownType, ownUnit] = stated(metric);
    return [
      ...(type !== "" && type !== ownType
        ? [`${metric.name} is a ${type} in ${upstream.source}, not a ${ownType}`]
        : []),
      ...(unit !== undefined && ownUnit !== undefined && unit !== ownUnit
        ? [`${metric.name} is measured in ${unit} in ${upstream.source}, not in ${ownUnit}`]
        : []),
    ];
  });

  expect(faults).toEqual([]);
});
