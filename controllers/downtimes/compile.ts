import type { Problem } from "../../crds/problem.ts";
import { didYouMean } from "../../crds/suggest.ts";
import type { Compiled } from "../../engine/plan/compile.ts";
import { compareText, type Desired, type DesiredObject } from "../../engine/plan/plan.ts";
import { reference } from "../../engine/plan/references.ts";
import { withMark } from "../datadog/text-mark.ts";
import { ownerTag } from "../monitors/mark.ts";
import { canonicalDesired, isOver, type DowntimeBody } from "./canonical.ts";

type DriftOf = DesiredObject<DowntimeBody>["drift"];

/** What a document says of one downtime. */
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
}

/** As much of a service's wish as its downtimes follow from. */
export interface DowntimesWish {
  readonly service: string;
  readonly downtimes: Readonly<Record<string, DowntimeWish>>;
  readonly pack: { readonly monitors: Readonly<Record<string, unknown>> };
  /** By name; false switches one of the pack's off. */
  readonly monitors: Readonly<Record<string, unknown>>;
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
  const objects: DesiredObject<DowntimeBody>[] = [];
  const held = new Map<string, string>();
  const problems: Problem[] = [];
  const footer = `Kept by dd-observe for service ${wish.service}. Edits here are undone; change the wish instead.`;
  const retain = wish.deletion === "retain";

  for (const [name, downtime] of Object.entries(wish.downtimes)) {
    const wrongSchedule = checkSchedule(downtime);
    for (const { key, monitor } of keysOf(wish.service, name, downtime)) {
      const wrong = wrongSchedule ?? (monitor === undefined ? undefined : checkMonitorName(wish, monitor));
      if (wrong !== undefined) {
        held.set(key, wrong.message);
        continue;
      }
      const identifier =
        monitor === undefined
          ? { monitor_tags: [`service:${wish.service}`, ownerTag(clusterId)] }
          : { monitor_id: reference("monitors", monitor) };
      const body = bodyOf(
        downtime,
        identifier,
        withMark(textOf(downtime, footer), { clusterId, key, retain }),
      );
      objects.push({ key, owner: wish.service, body, drift: wish.drift, retain });
    }
    problems.push(...problemsOf(wish, name, downtime, wrongSchedule));
  }
  return { objects, held, problems };
}

/** Works out the downtime of a document of no service: of one monitor, or of all that this cluster's dd-observe keeps. */
export function downtimeOfNoService(wish: GlobalDowntimeWish, clusterId: string): Compiled<DowntimeBody> {
  const { key, downtime, drift } = wish;
  const retain = wish.deletion === "retain";
  const [monitor, ...others] = monitorsOf("", downtime) ?? [];
  const wrong = checkSchedule(downtime) ?? (others.length > 0 ? tooMany(others.length + 1) : undefined);
  if (wrong !== undefined) {
    return { objects: [], held: new Map([[key, wrong.message]]), problems: [{ owner: key, ...wrong }] };
  }
  const footer = `Kept by dd-observe (document ${key}). Edits here are undone; change the document instead.`;
  const identifier =
    monitor === undefined
      ? { monitor_tags: [ownerTag(clusterId)] }
      : { monitor_id: reference("monitors", monitor) };
  const body = bodyOf(downtime, identifier, withMark(textOf(downtime, footer), { clusterId, key, retain }));
  return { objects: [{ key, owner: key, body, drift, retain }] };
}

/**
 * What is wanted at a point in time: without the downtimes that are over. Datadog shows those as
 * ended, which is not there, and would refuse to make them again.
 */
export function withoutFinished(desired: Desired<DowntimeBody>, nowMs: number): Desired<DowntimeBody> {
  const open = [...desired.objects].filter(([, { body }]) => !isOver(body, nowMs));
  return open.length === desired.objects.size ? desired : { ...desired, objects: new Map(open) };
}

interface Wrong extends Pick<Problem, "reason" | "message"> {
  readonly path: string;
}

/** What only shows when two fields are seen together. */
function checkSchedule({ start, end, recurrences }: DowntimeWish): Wrong | undefined {
  if (recurrences !== undefined && (start !== undefined || end !== undefined)) {
    const path = start === undefined ? "end" : "start";
    const message = `A downtime has either recurrences or start and end, not both; leave out ${path}, or recurrences`;
    return { reason: "InvalidSchedule", path, message };
  }
  if (start === undefined || end === undefined || Date.parse(end) > Date.parse(start)) return undefined;
  const message = `The downtime ends at ${end}, which is not after its start at ${start}; write a later end`;
  return { reason: "InvalidSchedule", path: "end", message };
}

function tooMany(count: number): Wrong {
  const message = `A downtime of no service is of one monitor, and this names ${count}; write one document for each, or leave monitors out`;
  return { reason: "TooManyMonitors", path: "monitors", message };
}

function checkMonitorName(wish: DowntimesWish, monitor: string): Wrong | undefined {
  const prefix = `${wish.service}/`;
  if (!monitor.startsWith(prefix)) return undefined;
  const name = monitor.slice(prefix.length);
  const own = [...Object.keys(wish.pack.monitors), ...Object.keys(wish.monitors)];
  if (own.includes(name)) {
    if (wish.monitors[name] !== false) return undefined;
    const message = `The monitor ${name} is switched off (monitors.${name}: false), so it can't be silenced; leave it out here`;
    return { reason: "UnknownMonitor", path: "monitors", message };
  }
  const message = `The service ${wish.service} has no monitor named "${name}"${didYouMean(name, own)}`;
  return { reason: "UnknownMonitor", path: "monitors", message };
}

function problemsOf(
  wish: DowntimesWish,
  name: string,
  downtime: DowntimeWish,
  wrongSchedule: Wrong | undefined,
): readonly Problem[] {
  const monitors = monitorsOf(wish.service, downtime) ?? [];
  const wrong = [wrongSchedule, ...monitors.map((monitor) => checkMonitorName(wish, monitor))];
  return wrong
    .filter((one) => one !== undefined)
    .map(({ reason, path, message }) => ({
      owner: wish.service,
      reason,
      path: `downtimes.${name}.${path}`,
      message: `downtimes.${name}.${path}: ${message}`,
    }));
}

/** Keys of monitors, sorted and unique; undefined if the wish names none. */
function monitorsOf(service: string, { monitors }: DowntimeWish): readonly string[] | undefined {
  if (monitors === undefined || monitors.length === 0) return undefined;
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
  const monitors = monitorsOf(service, downtime) ?? [];
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

function bodyOf(downtime: DowntimeWish, identifier: object, message: string): DowntimeBody {
  const { scope = "*", start, end, recurrences, timezone } = downtime;
  return canonicalDesired({
    attributes: {
      scope,
      monitor_identifier: identifier,
      message,
      display_timezone: timezone,
      mute_first_recovery_notification: downtime.muteFirstRecovery,
      notify_end_states: downtime.notifyEndStates,
      notify_end_types: downtime.notifyEndTypes,
      schedule: recurrences === undefined ? { start, end } : { timezone, recurrences },
    },
  });
}
