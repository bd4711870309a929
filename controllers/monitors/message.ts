import { DEFAULT_TEMPLATE, TEMPLATE_VARIABLES } from "../../crds/message-template.ts";
import { handlesText, type Notify } from "../../crds/notify.ts";
import { fillInText, placeholdersIn, type Variables } from "../../crds/pack.ts";
import { reference } from "../../engine/plan/tokens.ts";
import { dashboardsOf, type SectionSource } from "../dashboards/section.ts";
import type { Definition } from "./definition.ts";

/** What a message says besides what the monitor itself says. */
export interface MessageFrame {
  /** Last line: where the monitor comes from. */
  readonly footer: string;
  /** Who is told unless the monitor itself says who. */
  readonly notify: Notify;
  readonly team: string | undefined;
  readonly template: string | undefined;
  readonly runbookUrl: string | undefined;
  readonly links: Links;
}

/** Where a message leads. The dashboard's address holds a reference that the engine fills in. */
export interface Links {
  readonly dashboardUrl?: string | undefined;
  readonly serviceUrl?: string | undefined;
}

/** What is wrong, what to look at first, who is told, where to look, and where the monitor comes from. */
export function messageOf(definition: Definition, frame: MessageFrame, variables: Variables): string {
  const isOwn = definition.stated.has("message");
  const text = isOwn ? definition.message : (definition.summary ?? definition.message);
  const steps = isOwn ? [] : (definition.runbook ?? []);
  const { dashboardUrl = "", serviceUrl = "" } = frame.links;
  const runbookUrl = definition.runbookUrl ?? frame.runbookUrl ?? "";
  const links = [
    dashboardUrl === "" ? "" : `Dashboard: ${dashboardUrl}`,
    serviceUrl === "" ? "" : `Service page: ${serviceUrl}`,
    runbookUrl === "" ? "" : `Runbook: ${runbookUrl}`,
  ].filter((link) => link !== "");
  return assembled(frame.template ?? DEFAULT_TEMPLATE, {
    summary: fillInText(text ?? "", variables),
    steps:
      steps.length === 0
        ? ""
        : `First look at:\n${steps.map((step, at) => `${at + 1}. ${fillInText(step, variables)}`).join("\n")}`,
    handles: handlesText(definition.notify ?? frame.notify, {
      priority: definition.priority,
      team: frame.team,
    }),
    links: links.join("\n"),
    footer: frame.footer,
    dashboardUrl,
    serviceUrl,
    runbookUrl,
  });
}

/** Fills a template in. A line that held nothing but empty parts is left out, with the blank line after it. */
function assembled(
  template: string,
  parts: Readonly<Record<(typeof TEMPLATE_VARIABLES)[number], string>>,
): string {
  const isEmpty = (name: string): boolean => (parts as Readonly<Record<string, string>>)[name] === "";
  const lines = template.split("\n");
  const kept: string[] = [];
  for (const line of lines) {
    const used = placeholdersIn(line);
    if (used.length > 0 && used.every(isEmpty) && /^\s*$/.test(line.replaceAll(/\$\{[^}]*\}/g, ""))) continue;
    if (line.trim() === "" && (kept.at(-1) ?? "").trim() === "") continue;
    kept.push(line);
  }
  return fillInText(kept.join("\n").trim(), parts);
}

/**
 * Where a service's monitors lead to.
 *
 * The service's page has the form that Datadog's address bar shows on every site; the documentation
 * of the page gives no address. The dashboard is told its service by a template variable.
 *
 * @see https://docs.datadoghq.com/tracing/services/service_page/
 * @see https://docs.datadoghq.com/dashboards/template_variables/
 */
export function linksOf(
  wish: SectionSource,
  { appUrl, clusterId }: { readonly appUrl: string; readonly clusterId: string },
): Links {
  const { service, env } = wish;
  const inUrl = encodeURIComponent(service);
  const [dashboard] = dashboardsOf(wish, clusterId);
  return {
    dashboardUrl:
      dashboard === undefined
        ? undefined
        : `${appUrl}/dashboard/${reference("dashboards", `_dashboards/${dashboard}`, "lists")}?tpl_var_service=${inUrl}`,
    serviceUrl: `${appUrl}/apm/entity/service%3A${inUrl}${env === undefined ? "" : `?env=${encodeURIComponent(env)}`}`,
  };
}
