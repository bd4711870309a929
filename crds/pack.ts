import { z } from "zod";

import { packDashboards } from "./dashboard.ts";
import { packMonitor } from "./monitor.ts";
import { slug } from "./names.ts";
import { packSlo } from "./slo.ts";

const metricName = z
  .string()
  .regex(/^[a-z][a-z0-9_.]{1,199}$/, { error: "must be a metric's name as Datadog shows it" });

/** An option of the Agent's check that a wish may set. Everything that no pack names is refused. */
export const packOption = z.strictObject({
  option: z
    .string()
    .regex(/^[a-z][a-z0-9_]*$/)
    .meta({ description: "Its name in the Agent's file." }),
  type: z.enum(["boolean", "integer", "number", "text", "texts", "regexes", "choice"]),
  description: z.string().min(1),
  default: z.union([z.boolean(), z.number(), z.string(), z.array(z.string())]).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  pattern: z
    .string()
    .optional()
    .meta({ description: "Regular expression that a text, or each of a list, must match as a whole." }),
  values: z.array(z.string()).optional().meta({ description: "What a choice may be." }),
});
export type PackOption = z.infer<typeof packOption>;

/** `packs/<name>/pack.yaml` */
export const packManifest = z.strictObject({
  name: slug,
  title: z.string().min(1),
  description: z.string().min(1),
  check: slug.meta({ description: "The Agent's check; files stand in `<check>.d`." }),
  minimumAgent: z
    .string()
    .regex(/^7\.\d+(\.\d+)?$/)
    .optional()
    .meta({ description: "First Agent that has the check." }),
  endpoint: z
    .strictObject({
      scheme: z.enum(["http", "https"]).default("http"),
      port: z
        .number()
        .int()
        .min(1)
        .max(65_535)
        .optional()
        .meta({ description: "Without it: the port that the service registered." }),
      path: z.string().startsWith("/").default("/metrics"),
    })
    .prefault({}),
  options: z.record(z.string().regex(/^[a-z][A-Za-z0-9]*$/), packOption).default({}),
  keyMetrics: z
    .array(metricName)
    .default([])
    .meta({ description: "Metrics that must have points if all is well." }),
  serviceChecks: z.array(z.string()).default([]),
  setup: z.string().min(1).meta({ description: "What the person must do on the system's side. Markdown." }),
  notes: z
    .array(z.string())
    .default([])
    .meta({ description: "Facts worth knowing: double counting, costs, versions." }),
  sources: z.array(z.string()).min(1).meta({ description: "What all this rests on." }),
});
export type PackManifest = z.infer<typeof packManifest>;

/** `packs/<name>/conf.yaml`: the Agent's file for one instance, with `${…}` where something is filled in. */
export const packConf = z.strictObject({
  init_config: z.record(z.string(), z.unknown()).nullable().default({}),
  instance: z.record(z.string(), z.unknown()),
});
export type PackConf = z.infer<typeof packConf>;

/** `packs/<name>/monitors.yaml` */
export const packMonitors = z.record(slug, packMonitor);

/** `packs/<name>/slos.yaml` */
export const packSlos = z.record(slug, packSlo);

/** A system that dd-observe knows: data only. */
export interface Pack extends PackManifest {
  readonly conf: PackConf;
  readonly monitors: z.infer<typeof packMonitors>;
  readonly slos: z.infer<typeof packSlos>;
  /** What the pack adds to dashboards, by the dashboard's name. */
  readonly dashboards: z.infer<typeof packDashboards>;
}

export { packDashboards } from "./dashboard.ts";

/** What `${…}` can stand for. A value of undefined removes the key it stands at. */
export type Variables = Readonly<Record<string, unknown>>;

const PLACEHOLDER = /\$\{([A-Za-z][A-Za-z0-9.]*)\}/g;
const WHOLE = /^\$\{([A-Za-z][A-Za-z0-9.]*)\}$/;

/**
 * Fills in `${name}` in every text of a value. A text that is nothing but one placeholder
 * takes the variable's own type; a key whose value comes out undefined is left out.
 *
 * @throws {Error} if a placeholder has no variable of that name: a mistake in a pack, found by its golden files.
 */
export function fillIn(template: unknown, variables: Variables): unknown {
  if (typeof template === "string") return fillText(template, variables);
  if (Array.isArray(template))
    return template.map((item) => fillIn(item, variables)).filter((item) => item !== undefined);
  if (typeof template !== "object" || template === null) return template;
  const filled: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(template)) {
    const value = fillIn(inner, variables);
    if (value !== undefined) filled[name] = value;
  }
  return filled;
}

function fillText(template: string, variables: Variables): unknown {
  const whole = WHOLE.exec(template);
  if (whole !== null) return lookUp(whole[1]!, variables);
  return template.replaceAll(PLACEHOLDER, (_all, name: string) => textOf(lookUp(name, variables)));
}

/** Fills in a text where only a text makes sense, such as a query. */
export function fillInText(template: string, variables: Variables): string {
  return template.replaceAll(PLACEHOLDER, (_all, name: string) => textOf(lookUp(name, variables)));
}

function lookUp(name: string, variables: Variables): unknown {
  if (!Object.hasOwn(variables, name))
    throw new Error(`\${${name}} stands for nothing here; there are ${Object.keys(variables).join(", ")}`);
  return variables[name];
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The placeholders of a text, for checks. */
export function placeholdersIn(template: string): readonly string[] {
  return [...template.matchAll(PLACEHOLDER)].map((match) => match[1]!);
}
