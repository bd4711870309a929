import { z } from "zod";

import { monitorFields, monitorLayer, type MonitorLayer } from "./monitor.ts";
import { wishLayer, type WishFields } from "./wish.ts";

const { env, team, tags, notify, messageTemplate, drift, freeze, deletion, paused } = wishLayer.shape;

/** `observability/_monitors/<name>`: one monitor that belongs to no service. */
export const globalMonitorLayer = z.strictObject({
  ...monitorLayer.shape,
  type: monitorFields.type.meta({ description: "Type of the monitor, in Datadog's words." }),
  query: monitorFields.query.meta({
    description:
      "Datadog's query. ${scope} stands for the environment and the cluster (env:production,cluster:dc1), ${critical} for the threshold. A composite names others: ${monitor:ray/queue-too-long} && !${monitor:_monitors/y}.",
  }),
  name: monitorFields.name
    .optional()
    .meta({ description: "Title of the monitor, as it is given here. Without it: the document's name." }),
  message: monitorFields.message.optional().meta({
    description:
      "What the notification says. Datadog's own {{…}} variables work; ${env} and ${critical} are filled in.",
  }),
  env,
  team: team.meta({ description: "Team that owns the monitor; becomes the tag `team`." }),
  tags: tags.meta({
    description:
      "More tags on the monitor. Joined with inherited ones; the same key replaces the inherited value.",
  }),
  notify: notify.meta({
    description: "Who is notified: a list, or a mapping with all, p1 to p5, teams and on.",
  }),
  runbookUrl: monitorFields.runbookUrl
    .optional()
    .meta({ description: "Address of the monitor's runbook; the message links it." }),
  messageTemplate,
  drift,
  freeze,
  deletion: deletion.meta({
    description:
      "What happens to the monitor when the document goes: deleted after the grace period, or left.",
  }),
  paused: paused.meta({
    description: "True: the monitor is neither written nor deleted until it is false again.",
  }),
});
export type GlobalMonitorLayer = z.infer<typeof globalMonitorLayer>;

/** What a document below `_monitors` wants, checked and complete. */
export interface GlobalMonitor extends Pick<
  WishFields,
  "env" | "team" | "tags" | "notify" | "messageTemplate" | "drift" | "freeze" | "deletion" | "paused"
> {
  readonly kind: "monitor";
  /** Key and owner of its monitor, and the document's name: `_monitors/disk-full`. */
  readonly key: string;
  /** `disk-full` */
  readonly name: string;
  /** What the document says of the monitor itself. */
  readonly monitor: Omit<MonitorLayer, "tags" | "notify" | "drift">;
  /** The document's ModifyIndex. */
  readonly generation: number;
}
