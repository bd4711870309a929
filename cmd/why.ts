import { isReserved } from "../crds/names.ts";
import type { Problem } from "../crds/problem.ts";
import type { Resolution } from "../crds/resolve.ts";
import { didYouMean, nearest } from "../crds/suggest.ts";
import { orderInWords, type Order } from "./facts.ts";
import type { WrittenCondition } from "./service-view.ts";
import { actionFor, ACTIONS, NOTED, WAITING } from "./why-actions.ts";

/** Everything that the answer to "why?" rests on. */
export interface WhyFacts {
  readonly service: string;
  readonly tagName: string;
  readonly kvPrefix: string;
  /** Undefined if Consul's catalog has no such service. */
  readonly tags: readonly string[] | undefined;
  /** Names of the nodes that run an instance. */
  readonly nodes: readonly string[];
  readonly hasDocument: boolean;
  /** Services with instances, and documents, of other names. */
  readonly otherServices: readonly string[];
  readonly otherDocuments: readonly string[];
  readonly resolution: Resolution | undefined;
  /** Paused by command. */
  readonly order: Order | undefined;
  /** Where the wish itself says `paused: true`: `document`, `tag …`, `_defaults`. */
  readonly pausedBy: string | undefined;
  readonly hasLeader: boolean;
  readonly hasRun: boolean;
  /** Of all writers. */
  readonly conditions: readonly WrittenCondition[];
  /** The document's version that the controller saw last. Undefined if it never saw the service. */
  readonly seenGeneration: number | undefined;
  /** Nodes that have reported on this service. */
  readonly reportedNodes: readonly string[];
  /** Hashes that are approved. */
  readonly approved: ReadonlySet<string>;
  /** True if it follows from several services together, so that nothing is gone. */
  readonly isComposed?: boolean;
  /** Since when the wish is gone, ISO 8601. */
  readonly absentSince: string | undefined;
  /** Monitors of the pack that the wish leaves out, and why. */
  readonly leftOut: readonly { readonly name: string; readonly because: string }[];
  /** What of an accepted wish is likely not meant. */
  readonly warnings?: readonly string[];
  /** Monitors that are wished and cannot be made. */
  readonly broken: readonly { readonly name: string; readonly because: string }[];
}

/** One reason why something is not as somebody may expect. */
export interface Finding {
  /** `wrong`: something is not as wished. `waiting`: it comes by itself. `note`: good to know. */
  readonly weight: "wrong" | "waiting" | "note";
  readonly message: string;
  /** What the person can do. */
  readonly action?: string | undefined;
}

/** Says why something is missing, the gravest first. Nothing is wrong if it says nothing but notes. */
export function why(facts: WhyFacts): readonly Finding[] {
  const findings = [
    ...whyNotObserved(facts),
    ...whyHeld(facts),
    ...whyPaused(facts),
    ...whyNotSeen(facts),
    ...whyConditions(facts),
    ...whyGone(facts),
    ...whyNoFile(facts),
    ...(facts.warnings ?? []).map((message): Finding => ({ weight: "note", message })),
    ...whyNoMonitor(facts),
  ];
  const weights = ["wrong", "waiting", "note"];
  return findings.sort((a, b) => weights.indexOf(a.weight) - weights.indexOf(b.weight));
}

function whyNotObserved(facts: WhyFacts): readonly Finding[] {
  const { service, tags, tagName, kvPrefix, resolution, absentSince } = facts;
  if (resolution !== undefined) return whyNoInstance(facts);
  if (absentSince !== undefined || facts.conditions.length > 0) return [];
  const slip = (tags ?? []).find((tag) => isSlipOf(tag, tagName));
  const fields = (tags ?? []).filter((tag) => tag.startsWith(`${tagName}.`));
  if (slip !== undefined)
    return [
      {
        weight: "wrong",
        message: `it is not observed: its tag ${slip} looks like a slip of ${tagName}`,
        action: `Register the service with the tag ${tagName}.`,
      },
    ];
  if (fields.length > 0)
    return [
      {
        weight: "wrong",
        message: `it is not observed: it has ${fields[0]!}, but not the bare tag ${tagName}`,
        action: `Add the tag ${tagName} beside ${fields.join(", ")}.`,
      },
    ];
  const document = nearest(service, facts.otherDocuments);
  const misnamed =
    document === undefined ? "" : `. There is a document for ${document}, which no service has as its name`;
  return [
    {
      weight: "wrong",
      message: `it is not observed: it has neither the tag ${tagName} nor a document at ${kvPrefix}/${service}${misnamed}`,
      action:
        document === undefined
          ? `Register it with the tag ${tagName}, or: consul kv put ${kvPrefix}/${service} ''`
          : `If it is meant for ${service}, move it to ${kvPrefix}/${service}.`,
    },
  ];
}

/** `dd_observe`, `ddobserve`, `DD-Observe`, `dd-observe=true`, `dd-observed`, `datadog-observe`. */
function isSlipOf(tag: string, tagName: string): boolean {
  if (tag === tagName || tag.startsWith(`${tagName}.`)) return false;
  const bare = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  const name = tag.split(/[=:]/, 1)[0]!;
  if (bare(name) === bare(tagName)) return true;
  return nearest(name, [tagName]) !== undefined && name.length > 5;
}

/** A document of a service that nobody runs: no node can write a file for it. */
function whyNoInstance({
  service,
  tags,
  hasDocument,
  otherServices,
  kvPrefix,
}: WhyFacts): readonly Finding[] {
  // A reserved name is no service's.
  if (tags !== undefined || !hasDocument || isReserved(service)) return [];
  const meant = didYouMean(service, otherServices);
  return [
    {
      weight: "wrong",
      message: `it has a document, but Consul's catalog has no service ${service}${meant}`,
      action:
        meant === ""
          ? "Start the service. Until then no node has a file for it."
          : `If the document has the wrong name, move it: consul kv get ${kvPrefix}/${service}`,
    },
  ];
}

function whyHeld({ resolution, kvPrefix, service }: WhyFacts): readonly Finding[] {
  if (resolution?.state !== "held") return [];
  return resolution.problems.map((problem) => ({
    weight: "wrong" as const,
    message: problemInWords(problem, `${kvPrefix}/${service}`),
    action: actionFor(problem, `${kvPrefix}/${service}`),
  }));
}

function problemInWords({ at, message, owner }: Problem, key: string): string {
  return at === undefined
    ? message
    : `${owner.startsWith("_") ? owner : key}:${at.line}:${at.column}: ${message}`;
}

function whyPaused({ service, order, pausedBy }: WhyFacts): readonly Finding[] {
  const findings: Finding[] = [];
  if (order !== undefined)
    findings.push({
      weight: "wrong",
      message: `it is paused by command ${orderInWords(order)}`.trim(),
      action: `dd-observe resume ${service}`,
    });
  if (pausedBy !== undefined)
    findings.push({
      weight: "wrong",
      message: `it is paused: its ${pausedBy} says paused: true`,
      action: `Take paused out of the ${pausedBy}.`,
    });
  return findings;
}

function whyNotSeen(facts: WhyFacts): readonly Finding[] {
  const { resolution, hasLeader, hasRun, seenGeneration } = facts;
  if (resolution === undefined) return [];
  const isNewest = seenGeneration !== undefined && seenGeneration >= resolution.generation;
  if (!hasLeader)
    return [
      {
        weight: "wrong",
        message: hasRun
          ? `no controller runs: nothing changes in Datadog${isNewest ? ", and what stands below is what the last one said" : ", and the last one has not seen this"}`
          : "no controller has ever run here",
        action: "dd-observe run, or once: dd-observe apply",
      },
    ];
  if (isNewest) return [];
  return [
    {
      weight: "waiting",
      message:
        seenGeneration === undefined
          ? "the controller has not said anything of this service yet"
          : `the controller has not seen the newest document yet (version ${resolution.generation}; it saw ${seenGeneration})`,
      action: "It takes about a second. If it stays so, look at the controller's log and /readyz.",
    },
  ];
}

/** What the writers say themselves, with what helps. */
function whyConditions({ conditions, resolution, order, pausedBy, approved }: WhyFacts): readonly Finding[] {
  const told = new Map<string, Finding>();
  for (const { type, status, reason, message, writer } of conditions) {
    if ((status === "True" && !NOTED.has(reason)) || type === "Accepted") continue;
    // Said already, from the wish itself.
    if (reason === "Held" && resolution?.state === "held") continue;
    if (reason === "Paused" && (order ?? pausedBy) !== undefined) continue;
    const where = writer === "controller" ? "" : ` on ${writer}`;
    const hash = /dd-observe approve ([0-9a-f]+)/.exec(message)?.[1];
    const isApproved = hash !== undefined && approved.has(hash);
    const isNote = status === "True";
    const weight = isNote
      ? "note"
      : isApproved || status === "Unknown" || WAITING.has(reason)
        ? "waiting"
        : "wrong";
    told.set(`${type}\0${message}`, {
      weight,
      message: `${type}${where}: ${message}`,
      action: isApproved ? `${hash} is approved; the next pass acts on it.` : ACTIONS[reason],
    });
  }
  return [...told.values()];
}

function whyGone({
  isComposed,
  resolution,
  conditions,
  absentSince,
  service,
  kvPrefix,
  tagName,
}: WhyFacts): readonly Finding[] {
  if (resolution !== undefined || isComposed === true) return [];
  if (absentSince === undefined) {
    if (conditions.length === 0) return [];
    return [{ weight: "waiting", message: "its wish is gone; no pass has noticed it yet" }];
  }
  return [
    {
      weight: "waiting",
      message: `its wish is gone since ${absentSince}`,
      action: `To keep them: ${isReserved(service) ? "" : `register it with the tag ${tagName}, or `}put ${kvPrefix}/${service} back.`,
    },
  ];
}

function whyNoFile({ resolution, nodes, reportedNodes }: WhyFacts): readonly Finding[] {
  if (resolution === undefined) return [];
  const silent = nodes.filter((node) => !reportedNodes.includes(node));
  if (silent.length === 0) return [];
  return [
    {
      weight: "wrong",
      message: `no file on ${silent.join(", ")}: no node role has reported from there`,
      action: "Run dd-observe run --role node on that machine.",
    },
  ];
}

function whyNoMonitor({ leftOut, broken, service }: WhyFacts): readonly Finding[] {
  const keyOf = (name: string): string => (isReserved(service) ? service : `${service}/${name}`);
  return [
    ...broken.map(({ name, because }): Finding => ({
      weight: "wrong",
      message: `no monitor ${keyOf(name)}: ${because}`,
    })),
    ...leftOut.map(({ name, because }): Finding => ({
      weight: "note",
      message: `no monitor ${keyOf(name)}: ${because}`,
    })),
  ];
}
