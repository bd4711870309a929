import { z } from "zod";

import { driftLayer } from "./drift.ts";
import { instant, localTime, timezone } from "./instant.ts";
import { monitorName } from "./slo.ts";

/** A length of time in Datadog's form: one number, one unit. */
const downtimeDuration = z.string().regex(/^[1-9]\d{0,4}[mhdw]$/, {
  error: "must be a length of time such as 30m, 2h, 1d or 1w",
});

const rrule = z
  .string()
  .max(500)
  .regex(/^FREQ=(?:HOURLY|DAILY|WEEKLY|MONTHLY|YEARLY)(?:;[A-Z]+=[A-Z0-9+,:-]+)*$/, {
    error: "must be a rule such as FREQ=WEEKLY;BYDAY=SA,SU (RFC 5545, without RRULE: before it)",
  })
  .refine((rule) => !/;(?:DTSTART|DTEND|DURATION)=/.test(rule), {
    error: "must not name a start or a length; those are fields of their own",
  });

/** What stands under `downtimes.<name>`: when monitors don't notify. */
export const downtimeLayer = z
  .strictObject({
    scope: z
      .string()
      .min(1)
      .max(1_000)
      .refine((text) => text === "*" || text.includes(":"), {
        error: "must be * or a search over tags, such as env:staging AND host:db-1",
      })
      .meta({
        description: "Groups of the monitors that are silent, as a search over tags. Without it: all.",
        examples: ["env:staging"],
        default: "*",
      }),
    start: instant.meta({
      description: "When it begins. Without it: when it is made.",
      examples: ["2026-12-20T00:00:00Z"],
    }),
    end: instant.meta({
      description: "When it ends. Without it: never.",
      examples: ["2027-01-02T00:00:00Z"],
    }),
    recurrences: z
      .array(
        z.strictObject({
          rrule: rrule.meta({
            description: "When it comes again, as RFC 5545 writes it.",
            examples: ["FREQ=WEEKLY;BYDAY=SA,SU"],
          }),
          duration: downtimeDuration.meta({ description: "How long each lasts.", examples: ["2h"] }),
          start: localTime.optional().meta({
            description:
              "When the first one begins, in the downtime's time zone. Without it: when it is made.",
            examples: ["2026-12-20T22:00:00"],
          }),
        }),
      )
      .min(1)
      .max(5)
      .meta({ description: "When it comes again and again, instead of `start` and `end`." }),
    timezone: timezone.meta({
      description: "Time zone of recurrences, and in which the times are shown.",
      examples: ["Europe/Berlin"],
      default: "UTC",
    }),
    message: z.string().max(4_000).meta({ description: "Why. Handles in it are notified when it begins." }),
    monitors: z.array(monitorName).min(1).max(20).meta({
      description:
        "Names of the monitors that are silent: one of this service, `<service>/<name>`, or `_monitors/<name>`. Without it: all of the service.",
    }),
    muteFirstRecovery: z.boolean().meta({
      description: "True: the first recovery after an alert during the downtime isn't notified.",
      default: false,
    }),
    notifyEndStates: z
      .array(z.enum(["alert", "no data", "warn"]))
      .max(3)
      .meta({ description: "States that are notified when the downtime ends." }),
    notifyEndTypes: z
      .array(z.enum(["canceled", "expired"]))
      .max(2)
      .meta({ description: "Which ends are notified." }),
    drift: driftLayer,
  })
  .partial();
export type DowntimeLayer = z.infer<typeof downtimeLayer>;
