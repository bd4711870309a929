import { z } from "zod";

/** What people are allowed to wish. A file of the operator's own, never in Consul's KV. */
export const policySchema = z.strictObject({
  packs: z.array(z.string()).optional().meta({ description: "Packs that may be used. Without it: all." }),
  handles: z.array(z.string()).optional().meta({
    description: "Handles that may be notified, with * for any text: ['@slack-*']. Without it: all.",
  }),
  endpointHosts: z.array(z.string()).default([]).meta({
    description:
      "Host names that an instance may have as its address besides IP addresses and its node's name, with * for any text.",
  }),
  maxMonitors: z
    .number()
    .int()
    .min(0)
    .default(50)
    .meta({ description: "Monitors of one service at the most, and as many of no service." }),
  maxSlos: most(20, "SLOs"),
  maxDashboards: most(10, "Dashboards"),
  maxDowntimes: most(20, "Downtimes"),
  maxMetrics: z.number().int().min(0).default(50).meta({
    description: "Metrics of one service at the most whose tags a wish may configure.",
  }),
  maxEvaluators: z.number().int().min(0).default(10).meta({
    description: "Evaluators of one service at the most: each costs calls of a model.",
  }),
  globalMonitors: z.boolean().default(true).meta({
    description: "False if nobody may define monitors of no service (`_monitors/<name>`).",
  }),
  globalSlos: z.boolean().default(true).meta({
    description: "False if nobody may define SLOs of no service (`_slos/<name>`).",
  }),
  globalDashboards: z.boolean().default(true).meta({
    description: "False if nobody may define or tune dashboards of no service (`_dashboards/<name>`).",
  }),
  globalDowntimes: z.boolean().default(true).meta({
    description: "False if nobody may define downtimes of no service (`_downtimes/<name>`).",
  }),
  nomadTelemetry: z.boolean().default(true).meta({
    description: "False if nobody may define the telemetry of Nomad's agents (`_nomad`).",
  }),
  catalog: z.boolean().default(true).meta({
    description: "False if services may not be written into Datadog's Software Catalog.",
  }),
  instrumentation: z.boolean().default(true).meta({
    description: "False if no wish may give a workload its environment (`instrumentation`).",
  }),
  telemetryHosts: z.array(z.string()).optional().meta({
    description:
      "Hosts that `instrumentation` may send traces and prompts to besides the machine itself, with * for any text. Without it: all.",
  }),
});

function most(count: number, what: string) {
  return z
    .number()
    .int()
    .min(0)
    .default(count)
    .meta({ description: `${what} of one service at the most, and as many of no service.` });
}
export type Policy = z.infer<typeof policySchema>;

/** What holds without a policy file. */
export const STRICT_POLICY: Policy = policySchema.parse({});

/** True if a text matches a pattern in which `*` stands for any text. */
export function matches(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return pattern === text;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
