import type { Random } from "./random.ts";

/** Names that services of a test have. Some have a pack of their own. */
export const SERVICES = ["ray", "worker", "api", "web", "chat", "search"] as const;
export const GLOBALS = [
  "_monitors/disk",
  "_monitors/load",
  "_monitors/either",
  "_slos/checkout",
  "_dashboards/overview",
  "_downtimes/night",
] as const;

type Document = Readonly<Record<string, unknown>>;

/** What some service may wish. Always a valid document. */
export function someWish(random: Random, service: string): Document {
  const own = Object.fromEntries(
    random
      .some(["errors", "latency", "queue", "depth"], 0.5)
      .map((name) => [name, someMonitor(random, name)]),
  );
  const names = Object.keys(own);
  return {
    ...(random.chance(0.3) ? { team: random.pick(["ml", "web", "core"]) } : {}),
    ...(random.chance(0.3) ? { tags: random.some(["tier:1", "cost-center:42", "zone:b"], 0.5) } : {}),
    ...(random.chance(0.3) ? { notify: [random.pick(["@slack-ml", "@slack-web"])] } : {}),
    ...(random.chance(0.2) ? { drift: someDrift(random) } : {}),
    ...(random.chance(0.1) ? { deletion: "retain" } : {}),
    ...(random.chance(0.05) ? { paused: true } : {}),
    monitors: {
      ...own,
      ...(names.length > 1 && random.chance(0.5) ? { trouble: composite(random, names) } : {}),
      ...(random.chance(0.3) ? { "endpoint-down": random.chance(0.5) ? false : { critical: 5 } } : {}),
    },
    ...(random.chance(0.5) ? { slos: someSlos(random, names) } : {}),
    ...(random.chance(0.4) ? { dashboards: { main: someDashboard(random, service, names) } } : {}),
    ...(random.chance(0.3) ? { metrics: someMetrics(random, service) } : {}),
    ...(random.chance(0.3) ? { downtimes: { quiet: someDowntime(random, names) } } : {}),
    ...(random.chance(0.3) ? { catalog: true } : {}),
  };
}

/** What a document of no service may say. */
export function someGlobal(random: Random, name: string): Document {
  const common = {
    ...(random.chance(0.2) ? { drift: someDrift(random) } : {}),
    ...(random.chance(0.1) ? { deletion: "retain" } : {}),
  };
  if (name.startsWith("_slos/")) return { ...common, ...ratio(random, "checkout") };
  if (name.startsWith("_dashboards/")) return { ...common, ...someDashboard(random, "checkout", []) };
  if (name.startsWith("_downtimes/")) return { ...common, ...someDowntime(random, []) };
  return { ...common, ...someMonitor(random, name.slice("_monitors/".length)) };
}

export function someDefaults(random: Random): Document {
  return {
    ...(random.chance(0.7) ? { env: random.pick(["prod", "staging"]) } : {}),
    ...(random.chance(0.4) ? { notify: [random.pick(["@slack-all", "@slack-ops"])] } : {}),
    ...(random.chance(0.4) ? { tags: [`cluster-kind:${random.pick(["gpu", "cpu"])}`] } : {}),
  };
}

/** A text that no document may be. */
export function someBrokenText(random: Random): string {
  return random.pick([
    "monitors: [",
    "monitors:\n  errors:\n    critcal: 3\n",
    "drift: sometimes\n",
    "- a list\n",
    "team: ml\nteam: web\n",
  ]);
}

function someMonitor(random: Random, name: string): Document {
  const critical = 1 + random.below(9);
  return {
    type: "query alert",
    name: `Too many ${name}`,
    query: `avg(last_5m):avg:app.${name}{\${scope}} > \${critical}`,
    critical,
    ...(random.chance(0.5) ? { warning: critical - 0.5 } : {}),
    ...(random.chance(0.5) ? { priority: 1 + random.below(5) } : {}),
    ...(random.chance(0.5)
      ? { message: `There are too many ${name}. ${random.pick(["Look.", "Act."])}` }
      : {}),
    ...(random.chance(0.3) ? { renotifyInterval: 60 * (1 + random.below(3)) } : {}),
  };
}

function composite(random: Random, monitors: readonly string[]): Document {
  const [one, other] = [random.pick(monitors), random.pick(monitors)];
  return {
    type: "composite",
    name: "Trouble",
    query: `\${monitor:${one}} ${random.pick(["&&", "||"])} ${random.pick(["", "!"])}\${monitor:${other}}`,
  };
}

function someDrift(random: Random): unknown {
  return random.pick([
    "correct",
    "report",
    { fields: { message: "report" } },
    { fields: { "options.thresholds.critical": { tolerate: "10s" } } },
    { tolerate: "5s" },
  ]);
}

function someSlos(random: Random, monitors: readonly string[]): Document {
  const slos: Record<string, unknown> = { requests: ratio(random, "requests") };
  if (monitors.length > 0 && random.chance(0.7))
    slos["uptime"] = {
      type: "monitor",
      name: "Up",
      target: random.pick([99, 99.5]),
      monitors: [random.pick(monitors)],
    };
  return slos;
}

function ratio(random: Random, name: string): Document {
  return {
    type: "metric",
    name: `Good ${name}`,
    target: random.pick([99, 99.5, 99.9]),
    timeframe: random.pick(["7d", "30d"]),
    numerator: `sum:app.${name}.good{*}.as_count()`,
    denominator: `sum:app.${name}.all{*}.as_count()`,
  };
}

function someDashboard(random: Random, name: string, monitors: readonly string[]): Document {
  const widgets: unknown[] = [
    {
      definition: {
        type: "timeseries",
        title: random.pick(["Load", "Requests"]),
        requests: [{ q: `avg:app.${name}{*}`, display_type: random.pick(["line", "bars"]) }],
      },
    },
  ];
  if (monitors.length > 0 && random.chance(0.5))
    widgets.push({
      definition: {
        type: "alert_graph",
        alert_id: `\${monitors:${name}/${random.pick(monitors)}}`,
        viz_type: "timeseries",
        title: "Alert",
      },
    });
  return { definition: { title: `All of ${name}`, layout_type: "ordered", widgets } };
}

function someMetrics(random: Random, service: string): Document {
  return Object.fromEntries(
    random
      .some(["duration", "size"], 0.7)
      .map((name) => [`${service}.${name}`, { tags: ["service", ...random.some(["env", "zone"], 0.5)] }]),
  );
}

function someDowntime(random: Random, monitors: readonly string[]): Document {
  return {
    scope: random.pick(["env:staging", "zone:b"]),
    recurrences: [
      { rrule: random.pick(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SA,SU"]), duration: random.pick(["1h", "2h"]) },
    ],
    message: random.pick(["Backup.", "Maintenance."]),
    ...(monitors.length > 0 && random.chance(0.5) ? { monitors: [random.pick(monitors)] } : {}),
  };
}
