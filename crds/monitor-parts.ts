import { z } from "zod";

/** A text that stands in one line and is not empty. */
const line = z.string().min(1).max(500);

/** Time zone by its name, as in `Europe/Berlin`. */
const timezone = z
  .string()
  .refine(isTimezone, { error: "must be a time zone by its name, such as UTC or Europe/Berlin" });

/**
 * When a monitor is evaluated.
 *
 * @see https://docs.datadoghq.com/monitors/guide/custom_schedules/
 */
export const schedulingOptions = z
  .strictObject({
    evaluationWindow: z
      .strictObject({
        dayStarts: z
          .string()
          .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: "must be a time of day such as 04:00" })
          .meta({ description: "Time of day at which the window of a day, or of a month, begins." }),
        hourStarts: z
          .number()
          .int()
          .min(0)
          .max(59)
          .meta({ description: "Minute at which the window of an hour begins." }),
        monthStarts: z.literal(1).meta({ description: "Day on which the window of a month begins; only 1." }),
        timezone: timezone.meta({ description: "Time zone of these." }),
      })
      .partial()
      .meta({ description: "Where cumulative windows (current_1h, current_1d, current_1mo) begin." }),
    customSchedule: z
      .strictObject({
        recurrences: z
          .array(
            z.strictObject({
              rrule: line.meta({ description: "RFC 5545, without DTSTART: FREQ=DAILY;INTERVAL=1." }),
              timezone,
              start: z
                .string()
                .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/, {
                  error: "must be a local time such as 2026-01-31T09:00:00",
                })
                .optional()
                .meta({ description: "When the schedule begins, in that time zone." }),
            }),
          )
          .min(1)
          .max(10),
      })
      .meta({ description: "When the monitor is evaluated at all, such as once a day." }),
  })
  .partial();

/** Queries that a formula joins. Names inside are Datadog's own. */
export const formulaVariables = z
  .array(z.record(z.string().min(1), z.unknown()))
  .min(1)
  .max(20)
  .refine((queries) => queries.every((query) => nameOf(query) !== undefined), {
    error: "must each have a name, which the formula of the query calls",
  })
  .refine((queries) => new Set(queries.map(nameOf)).size === queries.length, {
    error: "must have different names",
  });

/** What a person opens first when the monitor alerts, kept with the monitor. */
export const assets = z
  .array(
    z.strictObject({
      name: line,
      url: line.meta({ description: "An https address, or the path of a notebook: /notebooks/12345." }),
      category: z.literal("runbook"),
      resourceType: z.literal("notebook").optional(),
      resourceKey: line.optional().meta({ description: "Number of the notebook." }),
    }),
  )
  .max(20);

/** How the values of a group are summed up. */
export const aggregation = z.strictObject({ groupBy: line, metric: line, type: line }).partial();

export const webAddress = z
  .string()
  .max(1_000)
  .regex(/^https?:\/\/[^\s"'<>`{}|\\^]+$/, {
    error: "must be a web address such as https://wiki.example.com/runbooks/ray",
  });

/** A query's name, or of a query that widens or narrows another one, the name that stands within. */
function nameOf(query: Readonly<Record<string, unknown>>): unknown {
  if (typeof query["name"] === "string") return query["name"];
  const compute = query["compute"];
  const [first] = Array.isArray(compute) ? (compute as readonly unknown[]) : [];
  const inner = [first, query["base_query"]].find(
    (part): part is { readonly name: string } =>
      typeof part === "object" && part !== null && "name" in part && typeof part.name === "string",
  );
  return inner?.name;
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false; // Intl says by an error that it knows no such zone.
  }
}
