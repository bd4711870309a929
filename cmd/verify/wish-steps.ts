import { isPausedByWish, type Wish } from "../../crds/resolve.ts";
import { didYouMean } from "../../crds/suggest.ts";
import { why, type WhyFacts } from "../why.ts";
import { orderInWords } from "../facts.ts";
import type { ServiceFacts } from "./gather.ts";
import { broken, counted, listed, none, notLookedAt, unknown, well, type Finding } from "./step.ts";

/** What the first steps need beside what Consul says of the service. */
export interface WishGround {
  readonly tagName: string;
  readonly kvPrefix: string;
  readonly others: { readonly services: readonly string[]; readonly documents: readonly string[] };
}

export function registered({ service, instances, checks }: ServiceFacts, { others }: WishGround): Finding {
  if ("error" in instances) return notLookedAt(instances.error);
  const nodes = [...new Set(instances.value.map(({ node }) => node))].sort();
  if (nodes.length === 0) {
    const meant = didYouMean(service, others.services);
    return broken(
      `Consul's catalog has no service ${service}, or the token may not see it${meant}`,
      "Start the service, or register it: consul services register …",
    );
  }
  const said = "value" in checks ? checks.value : [];
  const ill = said.filter(({ status }) => status !== "passing");
  const inWords =
    said.length === 0
      ? ""
      : ill.length === 0
        ? `; ${counted(said.length, "check")} passing`
        : `; ${ill.length} of ${counted(said.length, "check")} not passing`;
  return well(
    `${counted(instances.value.length, "instance")} on ${listed(nodes)}${inWords}`,
    ill.map(({ node, name, status }) => `${node}: ${name} is ${status}`),
  );
}

export function wished(facts: ServiceFacts, ground: WishGround): Finding {
  const { resolution, document, instances } = facts;
  if (resolution === undefined) {
    if ("error" in document) return notLookedAt(document.error);
    const [first] = why(whyFacts(facts, ground));
    return broken(first?.message ?? "nothing asks for it", first?.action);
  }
  const isTagged = "value" in instances && instances.value.some(({ tags }) => tags.includes(ground.tagName));
  const hasDocument = "value" in document && document.value !== undefined;
  const ways = [
    ...(isTagged ? [`the tag ${ground.tagName}`] : []),
    ...(hasDocument ? [`the document ${ground.kvPrefix}/${facts.service}`] : []),
  ];
  return well(`by ${ways.join(" and ")}`);
}

export function accepted(facts: ServiceFacts, ground: WishGround): Finding {
  const { resolution, document, defaults, order, status } = facts;
  if (resolution === undefined) return none("nothing asks for it");
  if ("error" in document) return notLookedAt(document.error);
  if ("error" in defaults) return notLookedAt(defaults.error);
  if (resolution.state === "held") {
    const [first, ...others] = why(whyFacts(facts, ground)).filter(({ weight }) => weight === "wrong");
    return broken(
      first?.message ?? "it cannot be read",
      first?.action,
      others.map(({ message }) => message),
    );
  }
  const wish = resolution.wish as Wish;
  const pack = `pack ${wish.pack.name}`;
  const paused = "value" in order ? order.value : undefined;
  if (paused !== undefined)
    return well(`${pack}; paused by command ${orderInWords(paused)}`.trim(), [
      `nothing is changed meanwhile: dd-observe resume ${facts.service}`,
    ]);
  if (isPausedByWish(resolution)) return well(`${pack}; paused by the wish itself: nothing is changed`);
  const seen = "value" in status ? status.value : undefined;
  const isOld = seen !== undefined && seen.generation < resolution.generation;
  return well(`${pack}${isOld ? "; the controller has not seen the newest document yet" : ""}`);
}

/** As much of the facts as the first steps rest on: the others have steps of their own. */
function whyFacts(facts: ServiceFacts, { tagName, kvPrefix, others }: WishGround): WhyFacts {
  const { service, instances, document, resolution } = facts;
  const found = "value" in instances ? instances.value : [];
  return {
    service,
    tagName,
    kvPrefix,
    tags: found.length === 0 ? undefined : [...new Set(found.flatMap(({ tags }) => tags))],
    nodes: [],
    hasDocument: "value" in document && document.value !== undefined,
    otherServices: others.services.filter((name) => name !== service),
    otherDocuments: others.documents.filter(
      (name) => name !== service && !name.startsWith("_") && !others.services.includes(name),
    ),
    resolution,
    order: undefined,
    pausedBy: undefined,
    hasLeader: true,
    hasRun: true,
    conditions: [],
    seenGeneration: resolution?.generation,
    reportedNodes: [],
    approved: new Set(),
    absentSince: undefined,
    leftOut: [],
    broken: [],
  };
}

/** Whether somebody keeps what stands in Datadog. */
export function controller({ leader, status, resolution }: ServiceFacts): Finding {
  if ("error" in leader) return notLookedAt(leader.error);
  if (leader.value === undefined)
    return broken(
      "no controller runs, so nothing changes in Datadog",
      "dd-observe run, or once: dd-observe apply",
    );
  if ("error" in status) return notLookedAt(status.error);
  if (status.value === undefined)
    return unknown(`${leader.value.holder} leads, and has said nothing of this service yet`);
  const isNewest = resolution === undefined || status.value.generation >= resolution.generation;
  if (!isNewest)
    return unknown(
      `${leader.value.holder} leads, and has not seen the newest document yet`,
      "It takes about a second. If it stays so, look at the controller's log and /readyz.",
    );
  return well(`${leader.value.holder} leads, and has seen the newest wish`);
}
