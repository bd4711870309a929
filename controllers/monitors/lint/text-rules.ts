import { handle } from "../../../crds/names.ts";
import { NOTHING, refuse, type Change, type Draft, type Repair } from "./alert.ts";
import { seriesOf, parseMetricQuery } from "./metric-query.ts";
import { splitComparison } from "../comparison.ts";

const HANDLE = /(?<![\p{L}\p{N}._/-])@[\p{L}\p{N}](?:[\p{L}\p{N}_.@-]*[\p{L}\p{N}_-])?/gu;

/** No name: what is measured and compared. */
export function missingName(draft: Draft): Change {
  if (draft.name !== undefined || draft.query === "") return NOTHING;
  const name = derivedName(draft.query);
  const why = "Datadog would make up a name; this one says what is measured";
  return { set: { name }, repairs: [{ path: "name", to: name, why }] };
}

function derivedName(query: string): string {
  const check = /^["']([\w.-]+)["']/.exec(query)?.[1];
  if (check !== undefined) return `${check} is not OK`;
  const comparison = splitComparison(query.replace(/([<>=]\s*-?)(?=\.\d)/, "$10"));
  const metrics = seriesOf(parseMetricQuery(query).parts).map(({ metric }) => metric);
  if (comparison === undefined || metrics.length === 0) return query.slice(0, 100);
  const words: Readonly<Record<string, string>> = {
    ">": "above",
    ">=": "at least",
    "<": "below",
    "<=": "at most",
  };
  const side = words[comparison.operator] ?? comparison.operator;
  return `${[...new Set(metrics)].slice(0, 2).join(" / ")} ${side} ${comparison.threshold ?? "threshold"}`;
}

/**
 * Handles go from the message to `notify`, so that policy and routing see them. A message that
 * notifies by condition (`{{#is_alert}}`) stays as it is.
 */
export function handlesInMessage(draft: Draft): Change {
  const { message, notify } = draft;
  if (message === undefined || /\{\{\s*[#^/]/.test(message)) return NOTHING;
  const handles = [...new Set(message.match(HANDLE) ?? [])];
  if (handles.length === 0) return NOTHING;
  const wrong = handles.find((one) => !handle.safeParse(one).success);
  if (wrong !== undefined) {
    const shape = "write a handle such as @slack-ml, @pagerduty-infra or @someone@example.com";
    return refuse("InvalidHandle", "message", `${wrong} is no handle that Datadog notifies`, shape);
  }
  const rest = message
    .replaceAll(HANDLE, "")
    .replaceAll(/[ \t]+(?=\n|$)/g, "")
    .replaceAll(/[ \t]{2,}/g, " ")
    .replace(/^[\s,;:]+$/, "")
    .trim();
  const all = [...new Set([...notify, ...handles])];
  const why = "handles stand in notify, where routing and the operator's policy see them";
  return {
    set: { message: rest === "" ? undefined : rest, notify: all },
    repairs: [
      {
        path: "message",
        from: message,
        ...(rest === "" ? {} : { to: rest }),
        why: `${why} (${all.join(", ")})`,
      },
    ],
  };
}

/** `slack-ml` in notify: Datadog's handles begin with @. */
export function handlesWithoutAt(draft: Draft): Change {
  const repairs: Repair[] = [];
  const notify: string[] = [];
  for (const given of draft.notify) {
    const whole = given.startsWith("@") ? given : `@${given}`;
    if (!handle.safeParse(whole).success)
      return refuse(
        "InvalidHandle",
        "notify",
        `${given} is no handle that Datadog notifies`,
        "write @slack-ml",
      );
    if (whole !== given)
      repairs.push({ path: "notify", from: given, to: whole, why: "Datadog notifies what begins with @" });
    notify.push(whole);
  }
  return repairs.length === 0 ? NOTHING : { set: { notify }, repairs };
}

/** Tags that dd-observe sets by itself, from fields of their own. */
export function ownTags(draft: Draft): Change {
  const { env, team } = draft;
  const kept: string[] = [];
  const repairs: Repair[] = [];
  let moved: { env: string | undefined; team: string | undefined } = { env, team };
  for (const tag of draft.tags) {
    const key = tag.slice(0, Math.max(0, tag.indexOf(":"))).toLowerCase();
    const value = tag.slice(tag.indexOf(":") + 1);
    if (key === "env" || key === "team") {
      moved = { ...moved, [key]: moved[key] ?? value };
      repairs.push({ path: "tags", from: tag, why: `${key} is a field of its own` });
    } else if (OWN.test(`${key}:`))
      repairs.push({ path: "tags", from: tag, why: "dd-observe sets this tag itself" });
    else kept.push(tag);
  }
  return repairs.length === 0 ? NOTHING : { set: { tags: kept, ...moved }, repairs };
}

const OWN = /^(?:service|cluster|managed-by|host|dd-observe[\w-]*):$/;

/** Mutes belong to people; what writes them would undo them. */
export function mutes(draft: Draft): Change {
  if (draft.options["silenced"] === undefined) return NOTHING;
  const { silenced, ...options } = draft.options;
  const from = JSON.stringify(silenced);
  const why = "a mute is no part of an alert; dd-observe leaves people's mutes alone";
  return { set: { options }, repairs: from === "{}" ? [] : [{ path: "options.silenced", from, why }] };
}
