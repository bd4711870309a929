import { z } from "zod";

import { isSlug } from "./names.ts";

const word = z.string().min(1).max(100);
const url = z
  .string()
  .max(2_000)
  .regex(/^https?:\/\/\S+$/, { error: "must be a URL that begins with https:// or http://" });

/** What stands under `catalog`: how the service is shown in Datadog's Software Catalog. */
export const catalogLayer = z
  .strictObject({
    displayName: word.meta({ description: "What the service is called there.", examples: ["Checkout"] }),
    description: z.string().min(1).max(4_000).meta({ description: "What the service does." }),
    tier: word.meta({
      description: "How much depends on it, in the organisation's own words.",
      examples: ["1", "critical"],
    }),
    lifecycle: word.meta({
      description: "Where it is in its life.",
      examples: ["production", "experimental", "deprecated"],
    }),
    type: word.meta({ description: "Kind of service.", examples: ["web", "grpc", "db"] }),
    languages: z
      .array(word)
      .max(20)
      .meta({ description: "Languages that it is written in.", examples: [["python"]] }),
    links: z
      .array(
        z.strictObject({
          name: word.meta({ description: "Text of the link." }),
          type: word.meta({
            description: "What it leads to.",
            examples: ["runbook", "doc", "repo", "dashboard", "other"],
          }),
          url: url.meta({ description: "Where it leads." }),
        }),
      )
      .max(50)
      .meta({ description: "More links, beside those that dd-observe adds by itself." }),
    contacts: z
      .array(
        z.strictObject({
          name: z.string().min(2).max(100).optional().meta({ description: "What the contact is called." }),
          type: word.meta({ description: "Kind of contact.", examples: ["email", "slack"] }),
          contact: z
            .string()
            .min(1)
            .max(500)
            .meta({ description: "An address, or a channel's URL.", examples: ["ml@example.com"] }),
        }),
      )
      .max(20)
      .meta({ description: "How the owners are reached." }),
    integrations: z
      .strictObject({
        pagerduty: z.strictObject({
          serviceURL: url.meta({ description: "The service's page at PagerDuty." }),
        }),
        opsgenie: z.strictObject({
          serviceURL: url.meta({ description: "The service's page at Opsgenie." }),
          region: z.enum(["US", "EU"]).optional().meta({ description: "Where the account is." }),
        }),
      })
      .partial()
      .meta({ description: "Where the service is on call, in Datadog's words." }),
  })
  .partial();

/** A service's name, or an entity's reference in Datadog's words. */
export const dependency = z
  .string()
  .refine(
    (text) =>
      isSlug(text) || /^[a-z][a-z-]{0,49}:[A-Za-z0-9][\w.-]{0,99}\/[A-Za-z0-9][\w.-]{0,199}$/.test(text),
    { error: "must be a service's name, or an entity such as service:default/checkout" },
  );
