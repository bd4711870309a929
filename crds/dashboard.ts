import { z } from "zod";

import { needs } from "./condition.ts";
import { driftLayer } from "./drift.ts";
import { slug } from "./names.ts";
import { refuseKeys } from "./schema-walk.ts";

const text = z.string().max(4_000);
const uuid = z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, {
  error: "must be an id such as 00000000-0000-0000-0000-000000000000",
});

/** A widget in Datadog's own words. Open, as there are dozens of types and new ones come. */
export const widget = z
  .looseObject({
    definition: z.looseObject({
      type: z.string().min(1).max(100).meta({ description: "Type of the widget." }),
    }),
    layout: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ description: "A widget in Datadog's own words." });

const SET_BY_DATADOG = "is set by Datadog; leave it out";

/**
 * A dashboard's JSON as its page in Datadog exports it.
 *
 * @see https://docs.datadoghq.com/api/latest/dashboards/#create-a-new-dashboard
 */
export const dashboardDefinition = refuseKeys(
  z
    .strictObject({
      title: z.string().min(1).max(500).meta({ description: "Title of the dashboard." }),
      description: text.nullable().optional().meta({ description: "What the dashboard shows, in Markdown." }),
      layout_type: z.enum(["ordered", "free"]).meta({ description: "How widgets are laid out." }),
      reflow_type: z.enum(["auto", "fixed"]).optional().meta({
        description: "Whether ordered widgets lay themselves out (auto) or stand where they are put.",
      }),
      widgets: z.array(widget).max(1_000).meta({ description: "The widgets, in Datadog's own words." }),
      template_variables: z
        .array(z.looseObject({ name: z.string().min(1).max(100) }))
        .nullable()
        .optional()
        .meta({ description: "Variables that a viewer can choose." }),
      template_variable_presets: z
        .array(z.looseObject({ name: z.string().min(1).max(200) }))
        .nullable()
        .optional()
        .meta({ description: "Saved choices of the variables." }),
      notify_list: z.array(z.string().max(200)).max(100).nullable().optional().meta({
        description: "Users who are told when the dashboard changes, by their handle (an address).",
      }),
      tags: z
        .array(
          z.string().regex(/^team:[^\s,]{1,195}$/u, {
            error: "must be a tag team:<name>; Datadog takes no other on a dashboard",
          }),
        )
        .max(5)
        .nullable()
        .optional()
        .meta({ description: "Tags team:<name>." }),
      tabs: z
        .array(
          z.strictObject({
            id: uuid.optional().meta({ description: "Made from the name where it is left out." }),
            name: z.string().min(1).max(100).meta({ description: "Title of the tab." }),
            widget_ids: z
              .array(z.union([z.number().int(), z.string().regex(/^@\d+$/)]))
              .meta({ description: 'Widgets on the tab, by position ("@1") or id.' }),
          }),
        )
        .max(100)
        .nullable()
        .optional()
        .meta({ description: "Tabs." }),
      default_timeframe: z
        .record(z.string(), z.unknown())
        .nullable()
        .optional()
        .meta({ description: "Time that is shown at first, in Datadog's own words." }),
      restricted_roles: z
        .array(uuid)
        .max(50)
        .nullable()
        .optional()
        .meta({ description: "Ids of the roles that may edit the dashboard." }),
    })
    .meta({ description: "The dashboard's JSON, as its page in Datadog exports it." }),
  Object.fromEntries(
    [
      "id",
      "url",
      "author_handle",
      "author_name",
      "author_info",
      "created_at",
      "modified_at",
      "is_read_only",
    ].map((name) => [name, SET_BY_DATADOG]),
  ),
);
export type DashboardDefinition = z.infer<typeof dashboardDefinition>;

/** What stands under `dashboards.<name>`. */
export const dashboardLayer = z
  .strictObject({ definition: dashboardDefinition, drift: driftLayer })
  .partial();
export type DashboardLayer = z.infer<typeof dashboardLayer>;

/** A widget of a pack. `needs` is for dd-observe alone and never sent. */
const packWidget = widget.extend({ needs: needs.optional() });
export type PackWidget = z.infer<typeof packWidget>;

/** What a pack adds to a dashboard that is composed of several packs' sections. */
export const packDashboardSection = z.strictObject({
  title: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: "Title of the whole dashboard. All packs that add to it name the same." }),
  section: z
    .string()
    .min(1)
    .max(100)
    .meta({ description: "Title of this pack's section. A document can leave the section out by it." }),
  order: z
    .number()
    .int()
    .min(0)
    .max(1_000)
    .default(100)
    .meta({ description: "Where the section stands; the smallest first." }),
  per: z
    .enum(["service", "pack"])
    .default("pack")
    .meta({ description: "One section for each observed service, or one for the pack." }),
  variables: z
    .array(z.string().regex(/^[a-z][a-z0-9_]{0,49}$/))
    .max(10)
    .default([])
    .meta({
      description:
        "Tags beyond cluster, env and service by which a viewer narrows the widgets that name them: `$agent`.",
      examples: [["agent", "model"]],
    }),
  needs: needs.optional(),
  widgets: z.array(packWidget).max(100).meta({
    description: "The section's widgets, in Datadog's own words, with ${…} where something is filled in.",
  }),
});
export type PackDashboardSection = z.infer<typeof packDashboardSection>;

/** Title of the section that dd-observe itself adds to a composed dashboard, by the dashboard's name. */
export const CLOSING_SECTIONS: Readonly<Record<string, string>> = { "safety-and-compliance": "Audit trail" };

/** `packs/<name>/dashboards.yaml`, by the dashboard's name. */
export const packDashboards = z.record(slug, packDashboardSection);
