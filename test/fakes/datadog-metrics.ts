import { errors, fieldsOf, type FakeWorld, type Point, type Route } from "./datadog-api.ts";

/** Enough to tell whether metrics arrive: the key check, active metrics, and a query for one metric. */
export const metricRoutes: readonly Route[] = [
  {
    method: "GET",
    path: /^\/api\/v1\/validate$/,
    run: () => ({ status: 200, body: { valid: true } }),
  },
  {
    method: "GET",
    path: /^\/api\/v1\/metrics$/,
    permission: "metrics_read",
    run({ world, query }) {
      const from = Number(query.get("from"));
      if (!Number.isFinite(from) || query.get("from") === null) {
        return errors(400, "The parameter 'from' is required");
      }
      const tags = (query.get("tag_filter") ?? "*").split(" AND ");
      const active = [...world.metrics].filter(([, points]) =>
        points.some((point) => point.at >= from && isInScope(point, tags)),
      );
      return { status: 200, body: { from: String(from), metrics: active.map(([name]) => name).sort() } };
    },
  },
  {
    method: "GET",
    path: /^\/api\/v1\/metrics\/([^/]+)$/,
    permission: "metrics_read",
    run({ world, params }) {
      const name = params[0] ?? "";
      if (!world.metrics.has(name)) return errors(404, "metric_name not found");
      const type = world.metricTypes.get(name) ?? "gauge";
      const integration = world.integrationMetrics.has(name) ? { integration: name.split(".")[0] } : {};
      return { status: 200, body: { type, ...integration } };
    },
  },
  {
    method: "GET",
    path: /^\/api\/v1\/query$/,
    permission: "timeseries_query",
    limit: { limit: 600, periodSeconds: 3_600 },
    run({ world, query }) {
      const text = query.get("query") ?? "";
      const asked = readQuery(text);
      if (asked === undefined) return unreadable(text);
      const from = Number(query.get("from"));
      const to = Number(query.get("to"));
      const { name, scope } = asked;
      const points = pointsOf(world, asked, from, to);
      const pointlist = points.map((point) => [point.at * 1_000, point.value]);
      const series = { metric: name, scope: scope.join(","), pointlist, length: pointlist.length };
      return {
        status: 200,
        body: {
          status: "ok",
          res_type: "time_series",
          query: text,
          from_date: from * 1_000,
          to_date: to * 1_000,
          series: pointlist.length === 0 ? [] : [series],
        },
      };
    },
  },
  {
    method: "POST",
    path: /^\/api\/v2\/query\/timeseries$/,
    permission: "timeseries_query",
    run({ world, body }) {
      const { from, to, interval, queries } = fieldsOf(fieldsOf(body["data"])["attributes"]);
      if (typeof from !== "number" || typeof to !== "number" || !Array.isArray(queries))
        return errors(400, "from, to and queries are required");
      const stepMs = typeof interval === "number" ? interval : 20_000;
      const found: { series: object; values: ReadonlyMap<number, number> }[] = [];
      for (const [index, one] of queries.map(fieldsOf).entries()) {
        const text = String(one["query"]);
        const asked = readQuery(text);
        if (asked === undefined) return unreadable(text);
        const points = pointsOf(world, asked, from / 1_000, to / 1_000);
        for (const [group, inGroup] of Map.groupBy(points, (point) => groupOf(point, asked.by).join(","))) {
          const values = bucketsOf(inGroup, stepMs, text.trimStart().startsWith("sum:"));
          const tags = group === "" ? [] : group.split(",");
          const name = world.metricUnits.get(asked.name);
          const unit = name === undefined ? null : [{ family: "money", name, scale_factor: 1 }, null];
          found.push({ series: { group_tags: tags, query_index: index, unit }, values });
        }
      }
      const times = [...new Set(found.flatMap(({ values }) => [...values.keys()]))].sort((a, b) => a - b);
      const attributes = {
        series: found.map(({ series }) => series),
        times,
        values: found.map(({ values }) => times.map((time) => values.get(time) ?? null)),
      };
      return { status: 200, body: { data: { id: "0", type: "timeseries_response", attributes } } };
    },
  },
];

/** Points by the beginnings of their intervals; the sum of what is in one, or else the newest of it. */
function bucketsOf(points: readonly Point[], stepMs: number, isSum: boolean): ReadonlyMap<number, number> {
  const buckets = new Map<number, number>();
  for (const { at, value } of points) {
    const begin = Math.floor((at * 1_000) / stepMs) * stepMs;
    buckets.set(begin, isSum ? (buckets.get(begin) ?? 0) + value : value);
  }
  return buckets;
}

/** A query for one metric: `avg:ray.tasks{service:ray} by {env}`. */
interface Asked {
  readonly name: string;
  readonly scope: readonly string[];
  readonly by: readonly string[];
}

function readQuery(text: string): Asked | undefined {
  const [, name, scope, by] =
    /(?:^|[:(\s])([A-Za-z][\w.]*)\{([^}]*)\}(?:\s*by\s*\{([^}]*)\})?/.exec(text) ?? [];
  if (name === undefined || scope === undefined) return undefined;
  const list = (words: string) => words.split(",").map((word) => word.trim());
  return { name, scope: list(scope), by: by === undefined ? [] : list(by) };
}

function unreadable(text: string) {
  return errors(400, `Error parsing query: \nunable to parse ${text}: Rule 'scope_expr' didn't match`);
}

function pointsOf({ metrics }: FakeWorld, { name, scope }: Asked, from: number, to: number) {
  return (metrics.get(name) ?? []).filter(
    (point) => point.at >= from && point.at <= to && isInScope(point, scope),
  );
}

function isInScope({ tags = [] }: Point, scope: readonly string[]): boolean {
  return scope.every((tag) => tag === "*" || tags.includes(tag));
}

/** A tag that is not there is a group of its own. */
function groupOf({ tags = [] }: Point, by: readonly string[]): readonly string[] {
  return by.map((key) => tags.find((tag) => tag.startsWith(`${key}:`)) ?? `${key}:N/A`);
}
