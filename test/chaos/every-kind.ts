import type { Stage } from "./stage.ts";

const METRIC = "ray.duration";

/** A wish that has objects of every kind, which differ from version to version. */
export function everyKind(version: number): Readonly<Record<string, unknown>> {
  return {
    pack: "generic",
    team: `team-${version}`,
    monitors: {
      errors: alert("errors", version),
      latency: alert("latency", version),
      trouble: {
        type: "composite",
        name: "Trouble",
        query: `\${monitor:errors} ${version % 2 === 0 ? "&&" : "||"} \${monitor:latency}`,
      },
    },
    slos: {
      requests: {
        type: "metric",
        name: "Good requests",
        target: 99 + version / 100,
        numerator: "sum:app.requests.good{*}.as_count()",
        denominator: "sum:app.requests.all{*}.as_count()",
      },
      uptime: { type: "monitor", name: "Up", target: 99 + version / 100, monitors: ["errors"] },
    },
    dashboards: { main: { definition: dashboard(version) } },
    metrics: { [METRIC]: { tags: ["service", `tag_${version}`] } },
    downtimes: {
      quiet: {
        scope: "env:staging",
        recurrences: [{ rrule: "FREQ=DAILY", duration: `${version}h` }],
        message: `Maintenance ${version}.`,
      },
    },
    catalog: true,
  };
}

/** Somebody observes ray, and Datadog knows its metric. */
export function wishEveryKind(stage: Stage, version: number): void {
  stage.datadog.addPoint(METRIC, Math.floor(Date.now() / 1_000), ["service:ray"]);
  stage.register("ray");
  stage.put("ray", everyKind(version));
}

/** Nobody wishes anything any more. */
export function wishNothing(stage: Stage): void {
  stage.remove("ray");
  stage.deregister("ray");
}

export const METRICS_OF_EVERY_KIND = [METRIC];

function alert(name: string, version: number): Readonly<Record<string, unknown>> {
  return {
    type: "query alert",
    name: `Too many ${name}`,
    query: `avg(last_5m):avg:app.${name}{\${scope}} > \${critical}`,
    critical: version,
  };
}

function dashboard(version: number): Readonly<Record<string, unknown>> {
  return {
    title: `All of ray, version ${version}`,
    layout_type: "ordered",
    widgets: [
      {
        definition: {
          type: "timeseries",
          title: "Load",
          requests: [{ q: "avg:app.load{*}", display_type: "line" }],
        },
      },
      {
        definition: {
          type: "alert_graph",
          title: "Errors",
          alert_id: "${monitors:ray/errors}",
          viz_type: "timeseries",
        },
      },
    ],
  };
}
