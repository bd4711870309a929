import { expect, test } from "vitest";

import { checkDashboard } from "../../controllers/dashboards/check.ts";
import { optionsOf } from "../../controllers/dashboards/section.ts";
import { isObject, type Json } from "../../controllers/monitors/canonical.ts";
import { holds } from "../../crds/condition.ts";
import { sentMetrics } from "../../crds/pack-metrics.ts";
import type { Wish } from "../../crds/resolve.ts";
import { percentileMetrics } from "../../controllers/metric-tags/percentiles.ts";
import { CLUSTERS, composed, widgetsIn, wireOf } from "../builders/composed.ts";
import { PACKS } from "../builders/observed.ts";

const NAMES = [
  "ai-agent-performance",
  "infrastructure-overview",
  "resource-utilization",
  "safety-and-compliance",
];

/** A dashboard of more than these opens slowly, and Datadog's own page of it no longer at all. */
const MAX_WIDGETS = 300;
const MAX_BYTES = 400_000;

const clusters = Object.entries(CLUSTERS);

test("all packs together make the four dashboards, and no others", () => {
  const { dashboards } = composed(CLUSTERS["all packs together"]!);

  expect([...dashboards.keys()].sort()).toEqual(NAMES);
});

test.for(clusters)("%s: each dashboard is one that Datadog takes, in bounds", ([, documents]) => {
  for (const [name, body] of composed(documents).dashboards) {
    const wire = wireOf(body);
    const widgets = [...widgetsIn(wire["widgets"])];

    expect(NAMES).toContain(name);
    expect(checkDashboard(wire)).toEqual([]);
    expect(widgets.length).toBeGreaterThan(1);
    expect(widgets.length).toBeLessThan(MAX_WIDGETS);
    expect(JSON.stringify(wire).length).toBeLessThan(MAX_BYTES);
  }
});

test.for(clusters)("%s: no widget lies over another or beyond the twelve columns", ([, documents]) => {
  for (const { widgets } of composed(documents).dashboards.values()) {
    expect(overlaps(widgets)).toEqual([]);
    for (const { definition, layout } of widgets.filter(isObject)) {
      const inner = isObject(definition) && Array.isArray(definition["widgets"]) ? definition["widgets"] : [];
      const bottom = Math.max(...inner.map((one: unknown) => placeOf(one).y + placeOf(one).height));
      expect(overlaps(inner)).toEqual([]);
      expect(placeOf({ layout }).height).toBeGreaterThan(bottom);
    }
  }
});

test.for(clusters)("%s: every metric of a widget is one that an observed service sends", ([, documents]) => {
  const { dashboards, wishes } = composed(documents);
  const sent = wishes.flatMap(sentPatterns);

  for (const { widgets } of dashboards.values()) {
    const asked = new Set([...widgetsIn(widgets)].flatMap(metricsOf));

    expect([...asked].filter((metric) => !sent.some((pattern) => pattern.test(metric)))).toEqual([]);
  }
});

test.for(clusters)("%s: every widget but a note says by its title what it shows", ([, documents]) => {
  for (const { widgets } of composed(documents).dashboards.values()) {
    const untitled = [...widgetsIn(widgets)]
      .map(({ definition }) => definition as Json)
      .filter(({ type, title }) => type !== "note" && (typeof title !== "string" || title.trim() === ""));

    const titles = [...widgetsIn(widgets)].map(({ definition }) => String((definition as Json)["title"]));
    expect(untitled).toEqual([]);
    // Units in the same words everywhere, and groups without a comma before them.
    expect(titles.filter((title) => /, by |\(per s\)|\(B\/s\)|bytes\/s/.test(title))).toEqual([]);
  }
});

test.for(clusters)("%s: what a viewer can choose narrows something", ([, documents]) => {
  for (const { widgets, template_variables: variables } of composed(documents).dashboards.values()) {
    const text = JSON.stringify(widgets);
    const names = (variables as { name: string }[]).map(({ name }) => name);

    expect(names.filter((name) => !new RegExp(String.raw`\$${name}\b`).test(text))).toEqual([]);
  }
});

test.for([...PACKS.values()].map((pack) => [pack.name, pack] as const))(
  "pack %s asks for percentiles of distributions alone, where dd-observe can switch them on",
  ([, { monitors, slos, dashboards, metrics }]) => {
    const sent = sentMetrics(metrics);
    const asked = [...textsOf({ monitors, slos, dashboards })].flatMap(percentileMetrics);

    expect(asked.filter((metric) => sent.get(metric)?.type !== "distribution")).toEqual([]);
  },
);

/** Names that a service's pack sends with the service's options. What stands for a part of a name may be anything. */
function sentPatterns(wish: Wish): readonly RegExp[] {
  const options = optionsOf(wish, "dc1");
  return [...sentMetrics(wish.pack.metrics).values()]
    .filter(({ needs }) => holds(needs, options))
    .map(({ name }) => {
      const filled = name.replaceAll(/\$\{option\.(\w+)\}/g, (_all, option: string) =>
        String(options[option]),
      );
      return new RegExp(`^${filled.replaceAll(".", String.raw`\.`)}$`);
    });
}

const METRIC = /(?:^|[^\w.])(?:[a-z]\w*):([A-Za-z][\w.]*)\{/g;

function metricsOf({ definition }: Json): readonly string[] {
  const { widgets: _widgets, ...own } = definition as Json;
  return [...textsOf(own)].flatMap((text) => [...text.matchAll(METRIC)].map(([, metric = ""]) => metric));
}

function* textsOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const inner of value) yield* textsOf(inner);
  else if (isObject(value)) for (const inner of Object.values(value)) yield* textsOf(inner);
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function placeOf(widget: unknown): Place {
  if (!isObject(widget) || !isObject(widget["layout"]))
    throw new Error(`no place: ${JSON.stringify(widget)}`);
  return widget["layout"] as unknown as Place;
}

function overlaps(widgets: readonly unknown[]): readonly string[] {
  const places = widgets.map(placeOf);
  return places.flatMap((a, at) => [
    ...(a.x + a.width > 12 ? [`${JSON.stringify(a)} is too wide`] : []),
    ...places
      .slice(at + 1)
      .filter(
        (b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height,
      )
      .map((b) => `${JSON.stringify(a)} lies over ${JSON.stringify(b)}`),
  ]);
}
