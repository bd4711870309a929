import type { FakeAgentOptions } from "../../test/fakes/agent.ts";
import type { FakeDatadog } from "../../test/fakes/datadog.ts";
import { judgeMonitors } from "./states.ts";

type OnScrape = NonNullable<FakeAgentOptions["onScrape"]>;

/** One sample as a metric of Datadog. */
interface Sample {
  readonly metric: string;
  readonly value: number;
  readonly tags: readonly string[];
}

/** So many seconds of points are kept, one for each series in every step of the Agent. */
const KEPT_S = 900;
const STEP_S = 15;

/**
 * Makes the stand-in Agent's way to the stand-in Datadog: what an endpoint really serves arrives under the names and
 * with the tags that the Agent's checks would give it. What is not served, or not known by such a name, doesn't arrive.
 */
export function forwardTo(datadog: Pick<FakeDatadog, "metrics" | "monitors">): OnScrape {
  const { metrics } = datadog;
  const checks = new Map<string, (readonly string[])[]>();
  return ({ check, instance }, text) => {
    const at = Math.floor(Date.now() / 1_000);
    for (const name of checksOf(check, instance)) {
      const others = (checks.get(name) ?? []).filter((tags) => tags.join() !== ownTags(instance).join());
      checks.set(name, [...others, ownTags(instance)]);
    }
    for (const { metric, value, tags } of samplesOf(check, instance, text)) {
      const all = [...ownTags(instance), ...tags];
      const key = all.join();
      const before = (metrics.get(metric) ?? []).filter(
        (point) =>
          point.at > at - KEPT_S &&
          (point.tags?.join() !== key || Math.floor(point.at / STEP_S) !== Math.floor(at / STEP_S)),
      );
      metrics.set(metric, [...before, { at, value, tags: all }]);
    }
    judgeMonitors(datadog, checks);
  };
}

/** The service checks that go well with a run. */
function checksOf(check: string, { namespace }: Readonly<Record<string, unknown>>): readonly string[] {
  if (check === "consul") return ["consul.up", "consul.can_connect", "consul.check"];
  return [`${typeof namespace === "string" ? namespace : check}.openmetrics.health`];
}

function ownTags({ tags }: Readonly<Record<string, unknown>>): readonly string[] {
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
}

function samplesOf(
  check: string,
  instance: Readonly<Record<string, unknown>>,
  text: string,
): readonly Sample[] {
  if (check === "consul") return [{ metric: "consul.peers", value: peersIn(text), tags: ["mode:leader"] }];
  const { namespace } = instance;
  const prefix = typeof namespace === "string" ? `${namespace}.` : undefined;
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
  return [...text.matchAll(SAMPLE)].flatMap(([, name, labels = "", value]) => {
    // A counter's family has no _total, and a gauge may well have one in its name.
    const family = types.has(name!) ? name! : name!.replace(/_total$/, "");
    const own = check === "ray" ? RAY[family] : prefix === undefined ? undefined : prefix + family;
    if (own === undefined) return [];
    const metric = types.get(family) === "counter" ? `${own}.count` : own;
    const tags = [...labels.matchAll(LABEL)].map(([, label, text_]) => `${label!.toLowerCase()}:${text_!}`);
    return [{ metric, value: Number(value), tags }];
  });
}

const SAMPLE = /^([A-Za-z_:][\w:]*)(?:\{([^}]*)\})? (\S+)$/gm;
const LABEL = /(\w+)="([^"]*)"/g;

/** What the check `ray` calls what the sample Ray serves. */
const RAY: Readonly<Record<string, string>> = {
  ray_cluster_active_nodes: "ray.cluster.active_nodes",
  ray_node_cpu_count: "ray.node.cpu",
  ray_node_cpu_utilization: "ray.node.cpu_utilization",
  ray_node_mem_available: "ray.node.mem.available",
  ray_node_mem_total: "ray.node.mem.total",
  ray_node_mem_used: "ray.node.mem.used",
  ray_object_store_available_memory: "ray.object_store.available_memory",
  ray_object_store_used_memory: "ray.object_store.used_memory",
  ray_scheduler_unscheduleable_tasks: "ray.scheduler.unscheduleable_tasks",
  ray_tasks: "ray.tasks",
};

function peersIn(text: string): number {
  const peers: unknown = JSON.parse(text);
  return Array.isArray(peers) ? peers.length : 0;
}
