import type { Problem } from "../../crds/problem.ts";
import type { Compiled } from "../../engine/plan/compile.ts";
import { compareText, type DesiredObject } from "../../engine/plan/plan.ts";
import { reference } from "../../engine/plan/tokens.ts";
import { ownerTag } from "../datadog/mark.ts";
import { withMark } from "../datadog/text-mark.ts";
import { canonicalDesired, type DowntimeBody } from "./canonical.ts";

type DriftOf = DesiredObject<DowntimeBody>["drift"];

/** What a document says of one downtime, checked: it ends after it starts, and its monitors are there. */
export interface DowntimeWish {
  readonly scope?: string | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly recurrences?:
    | readonly {
        readonly rrule: string;
        readonly duration: string;
        readonly start?: string | undefined;
      }[]
    | undefined;
  readonly timezone?: string | undefined;
  readonly message?: string | undefined;
  /** A name of the service's own, `<service>/<name>` or `_monitors/<name>`. */
  readonly monitors?: readonly string[] | undefined;
  readonly muteFirstRecovery?: boolean | undefined;
  readonly notifyEndStates?: readonly string[] | undefined;
  readonly notifyEndTypes?: readonly string[] | undefined;
  /** Its own rules, where they differ from the service's. */
  readonly drift?: DriftOf | undefined;
}

/** As much of a service's wish as its downtimes follow from. */
export interface DowntimesWish {
  readonly service: string;
  readonly downtimes: Readonly<Record<string, DowntimeWish>>;
  readonly drift: DriftOf;
  readonly deletion: "delete" | "retain";
}

/** A document of no service. */
export interface GlobalDowntimeWish {
  /** Key and owner: `_downtimes/christmas`. */
  readonly key: string;
  readonly downtime: DowntimeWish;
  readonly drift: DriftOf;
  readonly deletion: "delete" | "retain";
}

/** Works out the downtimes of a service: one each, or one for each monitor that it names. */
export function downtimesOf(wish: DowntimesWish, clusterId: string): Compiled<DowntimeBody> {
  const { service } = wish;
  const footer = `Kept by dd-observe for service ${service}. Edits here are undone; change the wish instead.`;
  const retain = wish.deletion === "retain";
  const objects = new Map<string, DesiredObject<DowntimeBody>>();
  const problems: Problem[] = [];
  for (const [name, downtime] of Object.entries(wish.downtimes)) {
    for (const { key, monitor } of keysOf(service, name, downtime)) {
      if (objects.has(key)) {
        problems.push(sameKey(service, name, key));
        continue;
      }
      const message = withMark(textOf(downtime, footer), { clusterId, key, retain });
      const body = bodyOf(downtime, {
        monitor,
        tags: [`service:${service}`, ownerTag(clusterId)],
        message,
      });
      objects.set(key, { key, owner: service, body, drift: downtime.drift ?? wish.drift, retain });
    }
  }
  return { objects: [...objects.values()], problems };
}

/** A name may hold dots, so that `night` of monitor `a` is kept under the same key as a downtime `night.a`. */
function sameKey(service: string, name: string, key: string): Problem {
  const path = `downtimes.${name}`;
  const message = `${path}: another downtime of service ${service} is kept under the key ${key} already; rename one of them`;
  return { owner: service, reason: "Conflict", path, message };
}

/** Works out the downtime of a document of no service: of one monitor, or of all that this cluster's dd-observe keeps. */
export function downtimeOfNoService(wish: GlobalDowntimeWish, clusterId: string): Compiled<DowntimeBody> {
  const { key, downtime, drift } = wish;
  const retain = wish.deletion === "retain";
  const [monitor, ...others] = monitorsOf("", downtime);
  if (others.length > 0) {
    // Its key is the document's name, so that it is known whose it is: there can't be a second one.
    const message = `monitors: A downtime of no service is of one monitor, and this names ${others.length + 1}; write one document for each, or leave monitors out`;
    const problem: Problem = { owner: key, reason: "NotAllowed", path: "monitors", message };
    return { objects: [], held: new Map([[key, message]]), problems: [problem] };
  }
  const footer = `Kept by dd-observe (document ${key}). Edits here are undone; change the document instead.`;
  const body = bodyOf(downtime, {
    monitor,
    tags: [ownerTag(clusterId)],
    message: withMark(textOf(downtime, footer), { clusterId, key, retain }),
  });
  return { objects: [{ key, owner: key, body, drift, retain }] };
}

/** Keys of monitors, sorted and unique. */
function monitorsOf(service: string, { monitors = [] }: DowntimeWish): readonly string[] {
  const keys = monitors.map((name) => (name.includes("/") ? name : `${service}/${name}`));
  return [...new Set(keys)].sort(compareText);
}

/** Datadog silences one monitor, or all with certain tags, so that several monitors take several downtimes. */
function keysOf(
  service: string,
  name: string,
  downtime: DowntimeWish,
): readonly { readonly key: string; readonly monitor: string | undefined }[] {
  const base = `${service}/${name}`;
  const monitors = monitorsOf(service, downtime);
  if (monitors.length < 2) return [{ key: base, monitor: monitors[0] }];
  const prefix = `${service}/`;
  return monitors.map((monitor) => {
    const short = monitor.startsWith(prefix) ? monitor.slice(prefix.length) : monitor.replace("/", ".");
    return { key: `${base}.${short}`, monitor };
  });
}

function textOf({ message = "" }: DowntimeWish, footer: string): string {
  return message.trim() === "" ? footer : `${message.trim()}\n\n${footer}`;
}

interface Frame {
  /** Key of the one monitor that is silent. Undefined: all that have the tags. */
  readonly monitor: string | undefined;
  readonly tags: readonly string[];
  /** With our mark. */
  readonly message: string;
}

function bodyOf(downtime: DowntimeWish, { monitor, tags, message }: Frame): DowntimeBody {
  const { scope = "*", start, end, recurrences, timezone } = downtime;
  return canonicalDesired({
    attributes: {
      scope,
      monitor_identifier:
        monitor === undefined ? { monitor_tags: tags } : { monitor_id: reference("monitors", monitor) },
      message,
      display_timezone: timezone,
      mute_first_recovery_notification: downtime.muteFirstRecovery,
      notify_end_states: downtime.notifyEndStates,
      notify_end_types: downtime.notifyEndTypes,
      schedule: recurrences === undefined ? { start, end } : { timezone, recurrences },
    },
  });
}
