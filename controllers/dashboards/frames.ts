import { CLOSING_SECTIONS } from "../../crds/dashboard.ts";
import { MANAGED_BY } from "../datadog/mark.ts";
import type { Section } from "./arrange.ts";

/** What a person finds on the dashboards that built-in packs add to. Packs may name others. */
const PURPOSES: Readonly<Record<string, string>> = {
  "infrastructure-overview": "Whether the systems that applications stand on are there and keep up.",
  "ai-agent-performance": "What AI agents do, how well and for how much, and the models that serve them.",
  "safety-and-compliance":
    "Whether AI agents stay within their bounds, what waits for people, and what was changed by whom.",
  "resource-utilization": "What is used up and by whom: memory, CPU, GPU, network, tokens and money.",
};

export function purposeOf(name: string): string | undefined {
  return Object.hasOwn(PURPOSES, name) ? PURPOSES[name] : undefined;
}

/** The section below those of the packs. It asks for no metric, so that it makes sense whichever packs there are. */
export function closingOf(name: string, clusterId: string): Section | undefined {
  const title = Object.hasOwn(CLOSING_SECTIONS, name) ? CLOSING_SECTIONS[name] : undefined;
  if (title === undefined) return undefined;
  return { title, order: Number.POSITIVE_INFINITY, widgets: auditTrail(clusterId) };
}

/** Every change that dd-observe made, what alerts at the moment, and which promises are kept. */
function auditTrail(clusterId: string): Section["widgets"] {
  const ours = `${MANAGED_BY} AND cluster:${clusterId}`;
  return [
    {
      layout: { x: 0, y: 0, width: 6, height: 3 },
      definition: {
        type: "manage_status",
        title: "Monitors kept by dd-observe",
        query: `tag:(${ours})`,
        summary_type: "monitors",
        display_format: "countsAndList",
        color_preference: "text",
        hide_zero_counts: true,
        show_last_triggered: true,
        show_priority: true,
        sort: "status,asc",
      },
    },
    {
      layout: { x: 6, y: 0, width: 6, height: 3 },
      definition: {
        type: "slo_list",
        title: "SLOs kept by dd-observe",
        requests: [{ request_type: "slo_list", query: { query_string: ours, limit: 20 } }],
      },
    },
    {
      layout: { x: 0, y: 3, width: 6, height: 4 },
      definition: {
        type: "event_stream",
        title: "Changes by dd-observe: what, and by whose wish",
        query: `${MANAGED_BY} -source:alert $cluster`,
        event_size: "l",
        tags_execution: "and",
      },
    },
    {
      layout: { x: 6, y: 3, width: 6, height: 2 },
      definition: {
        type: "event_timeline",
        title: "When dd-observe changed something",
        query: `${MANAGED_BY} -source:alert $cluster`,
        tags_execution: "and",
      },
    },
    {
      layout: { x: 6, y: 5, width: 6, height: 2 },
      definition: {
        type: "event_timeline",
        title: "When its monitors alerted",
        query: `${MANAGED_BY} source:alert $cluster`,
        tags_execution: "and",
      },
    },
  ];
}
