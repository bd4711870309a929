import { withoutMark } from "../../controllers/datadog/text-mark.ts";
import type { FakeDatadog } from "../../test/fakes/datadog.ts";
import { countsInWords } from "../lists/counts.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What people call an object of the stand-in. Undefined if it isn't there, or if it has no name but its key. */
export function titleIn(datadog: FakeDatadog, controller: string, id: string): string | undefined {
  switch (controller) {
    case "monitors":
      return datadog.monitors.get(Number(id))?.name;
    case "slos":
      return textOf(datadog.slos.get(id)?.["name"]);
    case "dashboards":
      return textOf(datadog.dashboards.get(id)?.["title"]);
    case "downtimes":
      return titleOfDowntime(datadog.downtimes.get(id));
    case "catalog":
    case "evaluators":
      return id;
    default:
      return undefined;
  }
}

function titleOfDowntime(downtime: Fields | undefined): string | undefined {
  const message = textOf((downtime?.["attributes"] as Fields | undefined)?.["message"]);
  return message === undefined ? undefined : withoutMark(message).split("\n")[0];
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** `12 monitors, 3 SLOs, 1 dashboard, 1 downtime, 1 entity` */
export function countsIn({
  monitors,
  slos,
  dashboards,
  downtimes,
  entities,
  evaluators,
}: FakeDatadog): string {
  return countsInWords({
    monitors: monitors.size,
    slos: slos.size,
    dashboards: dashboards.size,
    downtimes: downtimes.size,
    catalog: entities.size,
    evaluators: evaluators.size,
  });
}
