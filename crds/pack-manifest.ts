import { z } from "zod";

import { needs } from "./condition.ts";
import { slug } from "./names.ts";
import { metricName } from "./pack-metrics.ts";
import { packOption, PROFILE } from "./pack-option.ts";

/** A name, or one that is only there if a condition holds. */
function named<Name extends z.ZodType>(name: Name) {
  return z.union([name, z.strictObject({ name, needs: needs.optional() })]);
}

const checkName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\S+$/, { error: "must be a service check's name, without blanks" });

/** What the local Agent can receive. */
export const RECEIVERS = ["dogstatsd", "otlp-grpc", "otlp-http", "apm"] as const;

const receiver = z.strictObject({
  receiver: z.enum(RECEIVERS).meta({ description: "What the local Agent must listen for." }),
  needs: needs.optional(),
});

const probe = z.strictObject({
  path: z
    .string()
    .startsWith("/")
    .optional()
    .meta({ description: "What is fetched, if it isn't the endpoint itself: /v1/status/leader." }),
  format: z
    .enum(["openmetrics", "json", "any"])
    .default("openmetrics")
    .meta({ description: "What a good answer is made of." }),
  needs: needs.optional(),
});

const expected = z
  .strictObject({
    metric: z
      .string()
      .regex(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/, { error: "must be a family's name as in # TYPE" })
      .optional()
      .meta({ description: "Name of a family, as in `# TYPE`." }),
    regex: z.string().min(1).max(200).optional().meta({ description: "What a family's name must match." }),
    needs: needs.optional(),
    hint: z.string().min(1).optional().meta({ description: "What the person can do if it is missing." }),
  })
  .refine(({ metric, regex }) => (metric === undefined) !== (regex === undefined), {
    error: "must have either metric or regex",
  });

const setupPart = z.strictObject({
  title: z.string().min(1).max(200).optional(),
  needs: needs.optional(),
  text: z.string().min(1).meta({ description: "Markdown; ${service} and ${option.<name>} are filled in." }),
});

const poll = z.strictObject({
  needs: needs.optional(),
  url: z
    .string()
    .min(1)
    .max(500)
    .meta({ description: "What is fetched. Its host is always the instance's own: http://${host}:7243/…" }),
  value: z
    .string()
    .regex(/^(?:\/(?:[^~/]|~[01])*)*$/, { error: "must be a JSON pointer, such as /count" })
    .meta({ description: "Where the number stands in the answer, as a JSON pointer." }),
  whenAbsent: z
    .number()
    .optional()
    .meta({ description: "What it means that nothing stands there. Without it that is an error." }),
  metric: metricName.meta({ description: "Gauge that is sent. It stands in metrics.yaml." }),
  tags: z
    .array(z.string().min(1).max(200))
    .default([])
    .meta({ description: "Tags besides the service's own." }),
  intervalSeconds: z.number().int().min(10).max(3_600).default(60),
  each: z
    .string()
    .regex(/^[a-z][A-Za-z0-9]*$/)
    .optional()
    .meta({ description: "Option that is a list: fetched once for each of its values, as ${each}." }),
  hint: z.string().min(1).optional().meta({ description: "What the person can do if there is no number." }),
});

const hintName = z.string().regex(/^(?:unreachable|empty|[1-5]\d\d)$/, {
  error: "must be unreachable, empty or an HTTP status such as 403",
});

/** `packs/<name>/pack.yaml` */
export const packManifest = z.strictObject({
  name: slug,
  extends: slug.optional().meta({
    description:
      "Pack that this one changes: whatever it doesn't say is that one's, null removes a key, lists are replaced. A pack may extend the one of its own name that comes along.",
  }),
  title: z.string().min(1),
  description: z.string().min(1),
  check: slug.optional().meta({
    description:
      "The Agent's check; files stand in `<check>.d`. Without it the system sends by itself, and no file is written.",
  }),
  checkNeeds: needs.optional().meta({
    description: "What must hold of the options for a file to be written.",
  }),
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
  options: z
    .record(
      z
        .string()
        .regex(/^[a-z][A-Za-z0-9]*$/)
        .refine((name) => name !== PROFILE, { error: `${PROFILE} is an option that every pack has` }),
      packOption,
    )
    .default({}),
  keyMetrics: z
    .array(named(metricName))
    .default([])
    .meta({ description: "Metrics that must have points if all is well." }),
  serviceChecks: z.array(named(checkName)).default([]),
  receivers: z
    .array(receiver)
    .default([])
    .meta({ description: "What the system sends to the local Agent, which must listen for it." }),
  probe: z
    .union([probe, z.array(probe).min(1)])
    .optional()
    .meta({
      description:
        "What proves that an instance answers. Of several, the first whose conditions hold. Without it: the endpoint itself.",
    }),
  expects: z
    .array(expected)
    .default([])
    .meta({ description: "Families that every instance always exposes." }),
  hints: z.record(hintName, z.string().min(1)).default({}).meta({
    description: "What the person can do, by what came back: unreachable, empty, or an HTTP status.",
  }),
  setup: z
    .union([z.string().min(1), z.array(setupPart).min(1)])
    .meta({ description: "What the person must do on the system's side. Markdown, or parts of it." }),
  polls: z
    .record(slug, poll)
    .default({})
    .meta({ description: "Numbers that only a call can give: fetched by one machine, sent as gauges." }),
  notes: z
    .array(z.string())
    .default([])
    .meta({ description: "Facts worth knowing: double counting, costs, versions." }),
  sources: z.array(z.string()).min(1).meta({ description: "What all this rests on." }),
});
export type PackManifest = z.infer<typeof packManifest>;

export type Expected = z.infer<typeof expected>;
export type PackPoll = z.infer<typeof poll>;
export type PackProbe = z.infer<typeof probe>;
export type PackReceiver = z.infer<typeof receiver>;
export type SetupPart = z.infer<typeof setupPart>;
