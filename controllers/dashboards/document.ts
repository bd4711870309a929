import { dashboardDefinition, type DashboardDefinition } from "../../crds/dashboard.ts";
import { explainIssue } from "../../crds/issues.ts";
import { below } from "../../crds/placeholders.ts";
import type { Problem } from "../../crds/problem.ts";
import { reference } from "../../engine/plan/tokens.ts";
import { filledIn } from "../datadog/filled-in.ts";
import { withoutMark } from "../datadog/text-mark.ts";
import { isEmpty, isObject, text, type Json } from "../monitors/canonical.ts";
import { canonicalObserved } from "./canonical.ts";

export type DashboardDocument =
  | {
      readonly ok: true;
      /** What stands under `definition`. */
      readonly definition: DashboardDefinition;
      /** What no document can state, by its path. */
      readonly lost: readonly string[];
      /** Ids that stay, as nobody keeps what they name, by their path below `definition`. */
      readonly unnamed: readonly {
        readonly path: string;
        readonly controller: string;
        readonly id: string;
      }[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Fields of a widget that name another object, and the controller that would keep it. */
const NAMING: Readonly<Record<string, string>> = { alert_id: "monitors", slo_id: "slos" };

/**
 * Turns a dashboard as Datadog returns it into the definition of a document that makes the same dashboard.
 *
 * @param owner Whose problem it is if it can't be done, such as the dashboard's id.
 * @param keyOf The key of a monitor or an SLO by its id. Undefined if none of ours, and none that gets a document.
 */
export function documentOf(
  raw: Json,
  owner: string,
  keyOf: (controller: string, id: string) => string | undefined,
): DashboardDocument {
  const body = canonicalObserved(raw);
  const { description, ...rest } = body;
  const plain = withoutMark(description);
  const stated = filledIn(owner, { ...rest, description: plain });
  if (stated.length > 0) return { ok: false, problems: stated };

  const lost = Object.keys(rest).filter((field) => !(field in dashboardFields));
  const unnamed: { path: string; controller: string; id: string }[] = [];
  const kept = Object.fromEntries(
    Object.entries({ ...rest, ...(plain === "" ? {} : { description: plain }) }).filter(
      ([field, value]) => !lost.includes(field) && (ALWAYS.has(field) || !isEmpty(value)),
    ),
  );
  const definition = named(kept, "", (controller, id, path) => {
    const key = keyOf(controller, id);
    if (key === undefined) unnamed.push({ path, controller, id });
    return key;
  });
  const result = dashboardDefinition.safeParse(definition);
  if (result.success) return { ok: true, definition: result.data, lost, unnamed };
  const problems = result.error.issues.flatMap((issue) =>
    explainIssue(owner, issue, dashboardDefinition, definition),
  );
  return { ok: false, problems };
}

const ALWAYS: ReadonlySet<string> = new Set(["title", "layout_type", "widgets"]);
const dashboardFields: Readonly<Record<string, true>> = {
  default_timeframe: true,
  description: true,
  layout_type: true,
  notify_list: true,
  reflow_type: true,
  restricted_roles: true,
  tabs: true,
  tags: true,
  template_variable_presets: true,
  template_variables: true,
  title: true,
  widgets: true,
};

type KeyAt = (controller: string, id: string, path: string) => string | undefined;

/** Puts references in the place of ids, wherever a widget names a monitor or an SLO. */
function named(value: unknown, path: string, keyAt: KeyAt): unknown {
  if (Array.isArray(value)) return value.map((item, at) => named(item, below(path, String(at)), keyAt));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => {
      const place = below(path, field);
      const controller = Object.hasOwn(NAMING, field) ? NAMING[field] : undefined;
      const id = typeof inner === "number" ? String(inner) : text(inner);
      if (controller === undefined || id === "") return [field, named(inner, place, keyAt)];
      const key = keyAt(controller, id, place);
      return [field, key === undefined ? inner : reference(controller, key)];
    }),
  );
}
