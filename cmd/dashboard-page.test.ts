import { describe, expect, test } from "vitest";

import { canonicalDesired } from "../controllers/dashboards/canonical.ts";
import type { Json } from "../controllers/monitors/canonical.ts";
import { dashboardPage } from "./dashboard-page.ts";
import { queriesOf } from "./dashboard-queries.ts";

function pageOf(definition: Json, layout: Json = { x: 0, y: 0, width: 4, height: 2 }): string {
  return dashboardPage(
    canonicalDesired({
      title: "T",
      description: "",
      layout_type: "ordered",
      widgets: [{ definition, layout }],
    }),
  );
}

function request(query: string, more: Json = {}): Json {
  return { queries: [{ data_source: "metrics", name: "a", query }], formulas: [{ formula: "a" }], ...more };
}

describe("what a widget asks for", () => {
  test.for([
    ["sum:ray.tasks{$cluster,$env,$service} by {state}", "sum ray.tasks by state"],
    ["sum:a.b{$env,outcome:success} by {x,y}.as_count()", "sum a.b where outcome:success by x, y"],
    ["avg:a.b{*}", "avg a.b"],
    ["avg:a.b{service:web,$env}", "avg a.b where service:web"],
    ["top(sum:a.b{$env} by {x},10,'sum','desc')", "top(sum a.b by x,10,'sum','desc')"],
    ["tag:(managed-by:dd-observe AND cluster:dc1)", "tag:(managed-by:dd-observe AND cluster:dc1)"],
  ] as const)("%s is told in short as %s", ([query, short]) => {
    expect(queriesOf({ requests: [request(query)] })).toEqual([{ full: query, short }]);
  });

  test("is told by its formula first, where that does more than show it", () => {
    const ratio = {
      queries: [
        { name: "bad", query: "sum:a{$env}" },
        { name: "all", query: "sum:b{$env}" },
      ],
      formulas: [{ formula: "100 * bad / all" }],
    };

    expect(queriesOf({ requests: [ratio] }).map(({ short }) => short)).toEqual([
      "= 100 * bad / all",
      "bad: sum a",
      "all: sum b",
    ]);
  });
});

describe("the preview of a dashboard", () => {
  test("has each query whole beside its short form, so that nothing is hidden", () => {
    const page = pageOf({
      type: "timeseries",
      title: "Tasks",
      requests: [request("sum:a.b{$env,$service} by {x}")],
    });

    expect(page).toContain('<summary><ul class="queries"><li>sum a.<wbr>b by x</li></ul></summary>');
    expect(page).toContain("<li>sum:a.b{$env,$service} by {x}</li>");
  });

  test("draws several courses where series are grouped, and one where they aren't", () => {
    const coursesIn = (query: string) =>
      pageOf({ type: "timeseries", requests: [request(query)] }).match(/<polyline/g)?.length;

    expect(coursesIn("sum:a{*} by {x}")).toBe(3);
    expect(coursesIn("sum:a{*}")).toBe(1);
  });

  test("draws bars and areas as such, thresholds with their names, and groups as a legend", () => {
    const definition = {
      type: "timeseries",
      requests: [request("sum:a{*} by {x}", { display_type: "bars" })],
      markers: [{ value: "y > 5", label: "too-many" }],
    };

    const page = pageOf(definition);

    expect(page).not.toContain("<polyline");
    expect(page).toMatch(/<rect class="fill s2"/);
    expect(page).toContain('class="threshold"');
    expect(page).toContain('<li>x</li><li class="marker">too-many</li>');
  });

  test("shows no number that could be taken for a measured one, but its unit and the colours it can have", () => {
    const formats = [
      { comparator: ">", value: 5, palette: "white_on_red" },
      { comparator: "<=", value: 5, palette: "white_on_green" },
    ];

    const page = pageOf({
      type: "query_value",
      title: "Failed (%)",
      requests: [request("sum:a{*}", { conditional_formats: formats })],
    });

    expect(page).toContain('00 %<span><i class="good"></i><i class="bad"></i></span>');
  });
});
