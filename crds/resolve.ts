import { locateProblems, readDocument, type Parsed } from "./document.ts";
import { isSlug } from "./names.ts";
import { forbiddenText, wrongOption } from "./options.ts";
import type { Pack } from "./pack.ts";
import { matches, type Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import { didYouMean } from "./suggest.ts";
import { readTags } from "./tags.ts";
import {
  defaultsLayer,
  mergeLayers,
  wishLayer,
  withDefaults,
  type WishFields,
  type WishLayer,
} from "./wish.ts";

/** A document as Consul's KV holds it. */
export interface DocumentText {
  readonly text: string;
  /** Its ModifyIndex: which version of the wish this is. */
  readonly generation: number;
}

/** What one service wants, checked and complete. */
export interface Wish extends Omit<WishFields, "pack"> {
  readonly service: string;
  readonly pack: Pack;
  /** The document's ModifyIndex; 0 for a wish by tag alone. */
  readonly generation: number;
}

export type Resolution =
  | { readonly state: "accepted"; readonly service: string; readonly generation: number; readonly wish: Wish }
  /** What the service wants is not known, so nothing of it may be deleted or changed. */
  | {
      readonly state: "held";
      readonly service: string;
      readonly generation: number;
      readonly problems: readonly Problem[];
      readonly paused: boolean;
    };

/** What resolving needs to know besides the service itself. */
export interface Ground {
  readonly packs: ReadonlyMap<string, Pack>;
  readonly policy: Policy;
  readonly defaults: Parsed<WishLayer>;
  /** The tag that says a service is observed. */
  readonly tagName: string;
}

/** Reads `observability/_defaults`. Absent means nothing is inherited. */
export function readDefaults(document: DocumentText | undefined): Parsed<WishLayer> {
  return document === undefined
    ? { ok: true, value: {} }
    : readDocument("_defaults", document.text, defaultsLayer);
}

/**
 * Works out what one service wants: inherited defaults, then its tags, then its document, the later winning field by field.
 *
 * @returns undefined if the service has neither the tag nor a document.
 */
export function resolve(
  service: string,
  tags: readonly string[],
  document: DocumentText | undefined,
  ground: Ground,
): Resolution | undefined {
  const byTag = readTags(service, tags, ground.tagName);
  if (!byTag.observed && document === undefined) return undefined;

  const generation = document?.generation ?? 0;
  const held = (problems: readonly Problem[], paused = false): Resolution => ({
    state: "held",
    service,
    generation,
    problems,
    paused,
  });
  if (!isSlug(service)) return held([unusableName(service)]);

  const own: Parsed<WishLayer> =
    document === undefined ? { ok: true, value: {} } : readDocument(service, document.text, wishLayer);
  const problems = [
    ...(own.ok ? [] : own.problems),
    ...byTag.problems,
    ...inherited(service, ground.defaults),
  ];
  if (problems.length > 0 || !own.ok || !ground.defaults.ok) return held(problems);

  const layer = mergeLayers(ground.defaults.value, byTag.layer, own.value);
  const pack = choosePack(service, layer.pack, ground);
  if ("reason" in pack) return held(placed([pack], document), layer.paused);

  const fields = withDefaults(layer);
  const stated = mergeLayers(byTag.layer, own.value);
  const wish: Wish = {
    ...fields,
    monitors: ofPack(fields.monitors, stated, pack),
    service,
    pack,
    generation,
  };
  const refused = [
    ...checkAgent(wish),
    ...checkMonitors(wish, ground.policy),
    ...checkPolicy(wish, ground.policy),
  ];
  if (refused.length > 0) return held(placed(refused, document), layer.paused);
  return { state: "accepted", service, generation, wish };
}

function placed(problems: readonly Problem[], document: DocumentText | undefined): readonly Problem[] {
  return document === undefined ? problems : locateProblems(document.text, problems);
}

function unusableName(service: string): Problem {
  return {
    owner: service,
    reason: "InvalidName",
    message:
      "the service's name cannot become a file's name or a tag; use letters, digits, dots, dashes and underscores, at most 100",
  };
}

function inherited(service: string, defaults: Parsed<WishLayer>): readonly Problem[] {
  if (defaults.ok) return [];
  return defaults.problems.map((problem) => ({
    owner: service,
    reason: "DefaultsInvalid",
    message: `observability/_defaults${problem.at === undefined ? "" : `:${problem.at.line}:${problem.at.column}`}: ${problem.message}`,
  }));
}

/** An explicit pack wins; then a pack with the service's name; then `generic`. */
function choosePack(service: string, named: string | undefined, { packs }: Ground): Pack | Problem {
  const name = named ?? (packs.has(service) ? service : "generic");
  const pack = packs.get(name);
  if (pack !== undefined) return pack;
  const names = [...packs.keys()].sort();
  return {
    owner: service,
    reason: "UnknownPack",
    path: "pack",
    message: `no pack is named ${name}${didYouMean(name, names) || ";"} There are ${names.join(", ")}`,
  };
}

/** Leaves out inherited tuning of monitors that this pack doesn't have: `_defaults` speaks to all packs. */
function ofPack(monitors: WishFields["monitors"], stated: WishLayer, pack: Pack): WishFields["monitors"] {
  return Object.fromEntries(
    Object.entries(monitors).filter(
      ([name, monitor]) =>
        Object.hasOwn(pack.monitors, name) ||
        Object.hasOwn(stated.monitors ?? {}, name) ||
        (typeof monitor === "object" && monitor.query !== undefined),
    ),
  );
}

function checkAgent({ service, agent, pack }: Wish): readonly Problem[] {
  return Object.entries(agent).flatMap(([name, value]): Problem[] => {
    const path = `agent.${name}`;
    const option = Object.hasOwn(pack.options, name) ? pack.options[name] : undefined;
    if (option === undefined) {
      const message = `${path} is not an option of pack ${pack.name}${didYouMean(name, Object.keys(pack.options))}`;
      return [{ owner: service, reason: "UnknownField", path, message }];
    }
    const wrong = wrongOption(option, value);
    return wrong === undefined
      ? []
      : [{ owner: service, reason: "InvalidValue", path, message: `${path} ${wrong}` }];
  });
}

function checkMonitors({ service, monitors, pack }: Wish, policy: Policy): readonly Problem[] {
  const names = Object.keys(pack.monitors);
  const problems = Object.entries(monitors).flatMap(([name, monitor]): Problem[] => {
    const path = `monitors.${name}`;
    const problem = (reason: string, message: string, at = path): Problem[] => [
      { owner: service, reason, path: at, message },
    ];
    const known = Object.hasOwn(pack.monitors, name);
    if (typeof monitor === "boolean") {
      return known
        ? []
        : problem("UnknownMonitor", `${path} is not in pack ${pack.name}${didYouMean(name, names)}`);
    }
    if (known) {
      for (const field of ["type", "query"] as const) {
        if (monitor[field] !== undefined) {
          const message = `${path}.${field} belongs to pack ${pack.name}; give the monitor another name to define one of your own`;
          return problem("NotTunable", message, `${path}.${field}`);
        }
      }
      return [];
    }
    if (monitor.query === undefined) {
      const hint = didYouMean(name, names);
      const message = `${path} is not in pack ${pack.name}${hint === "" ? "" : hint} (a monitor of your own needs type and query)`;
      return problem("UnknownMonitor", message);
    }
    if (monitor.type === undefined)
      return problem("MissingField", `${path} needs a type, such as type: query alert`);
    return [];
  });
  const count = Object.values(monitors).filter((monitor) => monitor !== false).length;
  if (count > policy.maxMonitors) {
    const message = `monitors has ${count} entries; the operator's policy allows ${policy.maxMonitors}`;
    problems.push({ owner: service, reason: "NotAllowed", path: "monitors", message });
  }
  return problems;
}

function checkPolicy(wish: Wish, policy: Policy): readonly Problem[] {
  const { service, pack } = wish;
  const problems: Problem[] = [];
  if (policy.packs !== undefined && !policy.packs.includes(pack.name)) {
    const message = `pack ${pack.name} is not allowed by the operator's policy; allowed: ${policy.packs.join(", ")}`;
    problems.push({ owner: service, reason: "NotAllowed", path: "pack", message });
  }
  const named: [string, readonly string[]][] = [["notify", wish.notify]];
  for (const [name, monitor] of Object.entries(wish.monitors)) {
    if (typeof monitor === "object") named.push([`monitors.${name}.notify`, monitor.notify ?? []]);
  }
  for (const [path, handles] of named) {
    for (const handle of handles) {
      if (policy.handles !== undefined && !policy.handles.some((pattern) => matches(pattern, handle))) {
        const message = `${path}: ${handle} may not be notified by the operator's policy; allowed: ${policy.handles.join(", ")}`;
        problems.push({ owner: service, reason: "NotAllowed", path, message });
      }
    }
  }
  const wrongPath = wish.endpoint.path === undefined ? undefined : forbiddenText(wish.endpoint.path);
  if (wrongPath !== undefined) {
    problems.push({
      owner: service,
      reason: "NotAllowed",
      path: "endpoint.path",
      message: `endpoint.path ${wrongPath}`,
    });
  }
  return problems;
}
