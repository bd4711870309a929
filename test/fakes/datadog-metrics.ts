import { errors, type Route } from "./datadog-api.ts";

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
      const active = [...world.metrics].filter(([, points]) => points.some((point) => point.at >= from));
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
      const name = /(?:^|[:(\s])([A-Za-z][\w.]*)\{/.exec(text)?.[1];
      if (name === undefined) {
        return errors(400, `Error parsing query: \nunable to parse ${text}: Rule 'scope_expr' didn't match`);
      }
      const from = Number(query.get("from"));
      const to = Number(query.get("to"));
      const scope = (/\{([^}]*)\}/.exec(text)?.[1] ?? "*").split(",").map((tag) => tag.trim());
      const points = (world.metrics.get(name) ?? []).filter(
        (point) =>
          point.at >= from &&
          point.at <= to &&
          scope.every((tag) => tag === "*" || point.tags?.includes(tag) === true),
      );
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
];
