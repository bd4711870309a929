import { z } from "zod";

import { budgetLayer } from "./budget.ts";
import { catalogLayer, dependency } from "./catalog.ts";
import { dashboardLayer } from "./dashboard.ts";
import { downtimeLayer } from "./downtime.ts";
import { CORRECT, driftLayer, driftOf, type Drift } from "./drift.ts";
import { evaluatorLayer, evaluatorName } from "./evaluator.ts";
import { freezeLayer, type FreezeWindow } from "./freeze.ts";
import { instrumentationLayer } from "./instrumentation.ts";
import { metricName, metricTagsLayer } from "./metric-tags.ts";
import { monitorLayer } from "./monitor.ts";
import { messageTemplate } from "./message-template.ts";
import { webAddress } from "./monitor-parts.ts";
import { harmless, slug, tag, tagValue } from "./names.ts";
import { effectiveNotify, mergeNotify, notify, type Notify } from "./notify.ts";
import { sloLayer } from "./slo.ts";

/** What a wish means where it says nothing. */
export const WISH_DEFAULTS = {
  tags: [] as readonly string[],
  notify: [] as readonly string[],
  drift: CORRECT,
  freeze: [] as readonly FreezeWindow[],
  catalog: false,
  dependencies: [] as readonly string[],
  deletion: "delete",
  paused: false,
} as const;

const agentValue = z.union([
  z.boolean(),
  z.number(),
  z.string().max(1_000),
  z.array(z.union([z.string().max(1_000), z.number()])).max(200),
]);

const fields = {
  pack: slug.meta({
    description: "What the service is. Without it: the pack with the service's name, else `generic`.",
    examples: ["ray", "consul", "generic"],
  }),
  env: tagValue.meta({ description: "Environment; becomes the tag `env`.", examples: ["production"] }),
  team: tagValue.meta({
    description: "Team that owns the service; becomes the tag `team`.",
    examples: ["ml-platform"],
  }),
  tags: z
    .array(tag)
    .max(50)
    .meta({
      description:
        "More tags on everything of this service. Joined with inherited ones; the same key replaces the inherited value.",
      examples: [["cost-center:42"]],
      default: WISH_DEFAULTS.tags,
    }),
  endpoint: z
    .strictObject({
      port: z.number().int().min(1).max(65_535).meta({
        description:
          "Port of the metrics endpoint. Without it: the pack's, else the one the service registered.",
      }),
      path: harmless(
        z
          .string()
          .max(500)
          // A second / would make the rest a host's name, and .. leaves what a proxy in between guards.
          .regex(/^\/(?!\/)[^\s\\#]*$/, {
            error: "must begin with one / and hold no blanks, backslashes or #",
          }),
      )
        .refine((text) => !/(^|[/\\])(\.|%2e){2}([/\\?]|%2f|$)/i.test(text), {
          error: "must not contain .. as a part",
        })
        .meta({ description: "Path, with a query string if need be.", examples: ["/metrics"] }),
      scheme: z.enum(["http", "https"]).meta({ description: "http or https." }),
    })
    .partial()
    .meta({
      description:
        "Where the service exposes its metrics. The host is always the service instance's own address.",
    }),
  agent: z.record(z.string(), agentValue).meta({
    description:
      "Options of the Agent's check. The pack says which there are: `dd-observe explain agent --pack ray`.",
  }),
  monitors: z.record(slug, z.union([z.boolean(), monitorLayer])).meta({
    description:
      "By name: tune one of the pack's monitors, switch it off (false) or on (true), or define one of your own (type and query).",
  }),
  notify: notify.meta({
    description:
      "Who is notified by the service's monitors: a list, or a mapping with all, p1 to p5, teams and on. Joined with inherited routes; a list replaces `all`, and [] switches every route off.",
    examples: [["@slack-ml"], { all: ["@slack-ml"], p1: ["@pagerduty-ml"] }],
    default: WISH_DEFAULTS.notify,
  }),
  runbookUrl: webAddress.meta({
    description: "Address of the service's runbook; every message links it.",
    examples: ["https://wiki.example.com/runbooks/ray"],
  }),
  messageTemplate: messageTemplate.meta({
    description:
      "How the messages of monitors are put together, from ${summary}, ${steps}, ${handles}, ${links}, ${footer}, ${dashboardUrl}, ${serviceUrl} and ${runbookUrl}.",
  }),
  slos: z.record(slug, z.union([z.boolean(), sloLayer])).meta({
    description:
      "By name: tune one of the pack's SLOs, switch it off (false) or on (true), or define one of your own (type, target, and what is measured).",
  }),
  dashboards: z.record(slug, dashboardLayer).meta({
    description: "By name: dashboards of the service's own.",
  }),
  downtimes: z.record(slug, downtimeLayer).meta({
    description: "By name: times in which the service's monitors don't notify.",
  }),
  metrics: z.record(metricName, metricTagsLayer).meta({
    description:
      "By metric: which of its tags can be asked for, and whether percentiles can. What isn't indexed costs nothing.",
    examples: [{ "checkout.duration": { tags: ["service", "env"], percentiles: true } }],
  }),
  catalog: z.union([z.boolean(), catalogLayer]).meta({
    description:
      "True, or a mapping with more to say: the service is shown in Datadog's Software Catalog. `true` keeps what is inherited.",
    default: WISH_DEFAULTS.catalog,
  }),
  dependencies: z
    .array(dependency)
    .max(100)
    .meta({
      description: "Services that this one needs, for the catalog: names, or entities in Datadog's words.",
      examples: [["consul", "service:default/checkout"]],
      default: WISH_DEFAULTS.dependencies,
    }),
  instrumentation: instrumentationLayer.meta({
    description:
      "The environment that the workload is given: unified tags, tracing, LLM Observability, metrics of AI agents.",
    examples: [{ profile: "ddtrace", language: "node", inject: true }],
  }),
  budget: budgetLayer.meta({
    description:
      "What an AI agent's calls of models may cost, in US dollars. The leader sends it and how much of it is used as metrics; monitors compare the two.",
    examples: [{ daily: 50, monthly: 1000 }],
  }),
  evaluators: z.record(evaluatorName, evaluatorLayer).meta({
    description:
      "By name: models that judge what the service's agents say, in LLM Observability. Kept where the operator has DD_OBSERVE_EVALUATORS=on.",
    examples: [{ "made-up": { template: "hallucination", provider: "openai", model: "gpt-4.1-mini" } }],
  }),
  drift: driftLayer,
  freeze: freezeLayer,
  deletion: z.enum(["delete", "retain"]).meta({
    description: "What happens to the objects when the wish goes: deleted after the grace period, or left.",
    default: WISH_DEFAULTS.deletion,
  }),
  paused: z.boolean().meta({
    description: "True: nothing of this service is written or deleted until it is false again.",
    default: WISH_DEFAULTS.paused,
  }),
};

/** A wish as far as one layer states it: a document, a set of tags, or `_defaults`. */
export const wishLayer = z.strictObject(fields).partial();
export type WishLayer = z.infer<typeof wishLayer>;

/** What every service inherits. A pack or an endpoint is never common to all. */
export const defaultsLayer = wishLayer.omit({ pack: true, endpoint: true });

/** All fields, with the defaults filled in. Optional ones have none. */
export interface WishFields {
  readonly pack?: string | undefined;
  readonly env?: string | undefined;
  readonly team?: string | undefined;
  readonly tags: readonly string[];
  readonly endpoint: NonNullable<WishLayer["endpoint"]>;
  readonly agent: NonNullable<WishLayer["agent"]>;
  readonly monitors: NonNullable<WishLayer["monitors"]>;
  readonly notify: Notify;
  readonly runbookUrl?: string | undefined;
  readonly messageTemplate?: string | undefined;
  readonly slos: NonNullable<WishLayer["slos"]>;
  readonly dashboards: NonNullable<WishLayer["dashboards"]>;
  readonly downtimes: NonNullable<WishLayer["downtimes"]>;
  readonly metrics: NonNullable<WishLayer["metrics"]>;
  readonly catalog: NonNullable<WishLayer["catalog"]>;
  readonly dependencies: readonly string[];
  readonly instrumentation: NonNullable<WishLayer["instrumentation"]>;
  readonly budget: NonNullable<WishLayer["budget"]>;
  readonly evaluators: NonNullable<WishLayer["evaluators"]>;
  readonly drift: Drift;
  readonly freeze: readonly FreezeWindow[];
  readonly deletion: NonNullable<WishLayer["deletion"]>;
  readonly paused: boolean;
}

/**
 * Joins layers, the later ones winning field by field. Objects are joined key by key,
 * tags by their key, `notify` route by route; other lists, rules of drift, a dashboard's definition and an
 * SLO's queries are replaced. `true` for a monitor, an SLO or the catalog means "as inherited".
 */
export function mergeLayers(...layers: readonly WishLayer[]): WishLayer {
  let merged: WishLayer = {};
  for (const layer of layers) merged = mergeTwo(merged, layer);
  return merged;
}

function mergeTwo(under: WishLayer, over: WishLayer): WishLayer {
  const merged = mergeRecords(under, over) as WishLayer;
  const tags = mergeTags(under.tags ?? [], over.tags ?? []);
  const told = mergeNotify(under.notify, over.notify);
  return {
    ...merged,
    ...(under.tags === undefined && over.tags === undefined ? {} : { tags }),
    ...(told === undefined ? {} : { notify: told }),
  };
}

/** Mappings that make sense as a whole only: the later layer replaces them. */
const ATOMIC: ReadonlySet<string> = new Set(["drift", "definition", "queries", "outputSchema"]);

/** @param depth Of the wish's own fields 0, of names that people choose 1, of an object's fields 2. */
function mergeRecords(under: object, over: object, depth = 0): object {
  const merged: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name];
    if (isRecord(below) && value === true) continue;
    const isJoined = isRecord(below) && isRecord(value) && (depth === 1 || !ATOMIC.has(name));
    merged[name] = isJoined ? mergeRecords(below, value, depth + 1) : value;
  }
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Every tag of `over`, and those of `under` whose key `over` doesn't name. Sorted. */
export function mergeTags(under: readonly string[], over: readonly string[]): string[] {
  const taken = new Set(over.map(tagKey));
  return [...new Set([...under.filter((text) => !taken.has(tagKey(text))), ...over])].sort();
}

function tagKey(text: string): string {
  const colon = text.indexOf(":");
  return colon === -1 ? text : text.slice(0, colon);
}

export function withDefaults(layer: WishLayer): WishFields {
  return {
    ...layer,
    tags: layer.tags ?? WISH_DEFAULTS.tags,
    endpoint: layer.endpoint ?? {},
    agent: layer.agent ?? {},
    monitors: layer.monitors ?? {},
    notify: effectiveNotify(layer.notify),
    slos: layer.slos ?? {},
    dashboards: layer.dashboards ?? {},
    downtimes: layer.downtimes ?? {},
    metrics: layer.metrics ?? {},
    catalog: layer.catalog ?? WISH_DEFAULTS.catalog,
    dependencies: layer.dependencies ?? WISH_DEFAULTS.dependencies,
    instrumentation: layer.instrumentation ?? {},
    budget: layer.budget ?? {},
    evaluators: layer.evaluators ?? {},
    drift: driftOf(layer.drift),
    freeze: layer.freeze ?? WISH_DEFAULTS.freeze,
    deletion: layer.deletion ?? WISH_DEFAULTS.deletion,
    paused: layer.paused ?? WISH_DEFAULTS.paused,
  };
}
