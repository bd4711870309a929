import { hostname } from "node:os";
import net from "node:net";
import { setInterval as every } from "node:timers";

import { startFakeAgent, type FakeAgent } from "../../test/fakes/agent.ts";
import { startFakeDatadog, type FakeDatadog } from "../../test/fakes/datadog.ts";
import { readConfig } from "../config.ts";
import type { Env } from "../settings.ts";
import { freePorts, startConsul } from "./consul.ts";
import { forwardTo } from "./forward.ts";
import { inDevDir, type SessionFolder } from "./session.ts";

/** One of the systems that the operator works with, for people. */
export interface Part {
  readonly name: string;
  readonly what: string;
  readonly where: string;
}

/** Everything around the operator of one session. */
export interface World {
  readonly parts: readonly Part[];
  /** Settings of the operator. */
  readonly env: Env;
  /** What other commands need to know of it. No secret but the stand-in's, which are none. */
  readonly shared: Readonly<Record<string, string>>;
  /** True if the Consul was there before us and stays. */
  readonly isForeignConsul: boolean;
  /** Undefined for the real one. */
  readonly datadog: FakeDatadog | undefined;
  /** Undefined for the real one. */
  readonly agent: FakeAgent | undefined;
}

interface WorldOptions {
  readonly folder: SessionFolder;
  readonly env: Env;
  readonly usesRealDatadog: boolean;
  /** Told how to stop what has been started, in the order of starting. */
  readonly onStarted: (stop: () => Promise<void>) => void;
}

/** A Consul of our own must never be shown the token of another one. */
const OF_ANOTHER_CONSUL = [
  "CONSUL_HTTP_TOKEN",
  "CONSUL_HTTP_TOKEN_FILE",
  "CONSUL_CACERT",
  "CONSUL_NAMESPACE",
  "CONSUL_DATACENTER",
];
const AGENT_LOOKS_EVERY_MS = 700;

/** Starts or finds Consul, Datadog and the Agent. */
export async function openWorld({ folder, env, usesRealDatadog, onStarted }: WorldOptions): Promise<World> {
  const shared: Record<string, string> = {};
  const parts: Part[] = [];

  const named = env["CONSUL_HTTP_ADDR"] ?? "";
  if (named === "") {
    const consul = await startConsul(folder.dir, env);
    onStarted(consul.stop);
    parts.push({ name: "Consul", what: consul.what, where: consul.url });
    Object.assign(shared, Object.fromEntries(OF_ANOTHER_CONSUL.map((name) => [name, ""])));
    shared["CONSUL_HTTP_ADDR"] = consul.url;
  } else {
    const { address } = readConfig({}, env).consul;
    parts.push({ name: "Consul", what: "yours (CONSUL_HTTP_ADDR)", where: address });
    shared["CONSUL_HTTP_ADDR"] = address;
  }

  const datadog = usesRealDatadog ? undefined : await startFakeDatadog();
  if (datadog === undefined) {
    parts.push({ name: "Datadog", what: "the real one", where: readConfig({}, env).datadog.url });
  } else {
    onStarted(async () => await datadog.stop());
    parts.push({ name: "Datadog", what: "embedded stand-in", where: datadog.url });
    shared["DD_API_URL"] = datadog.url;
    shared["DD_API_KEY"] = datadog.apiKey;
    shared["DD_APP_KEY"] = datadog.appKey;
  }

  const agentUrl = env["DD_OBSERVE_AGENT_URL"] ?? "";
  const agent = agentUrl === "" ? await startAgent(folder.confd, datadog, onStarted) : undefined;
  const sends = datadog === undefined ? ", sends nothing to Datadog" : "";
  parts.push(
    agent === undefined
      ? { name: "Agent", what: "yours (DD_OBSERVE_AGENT_URL)", where: agentUrl }
      : { name: "Agent", what: `embedded stand-in, reads ${inDevDir("conf.d")}${sends}`, where: agent.url },
  );
  shared["DD_OBSERVE_AGENT_URL"] = agent?.url ?? agentUrl;
  shared["DD_OBSERVE_AGENT_RELOAD"] = "poll";
  shared["DD_OBSERVE_CONFD_DIR"] = folder.confd;
  // Another mark than a real operator's, so that nobody's monitors are taken for ours.
  shared["DD_OBSERVE_CLUSTER_ID"] = usesRealDatadog ? `dev-${slug(hostname())}` : "dev";
  shared["DD_OBSERVE_HTTP_ADDR"] = env["DD_OBSERVE_HTTP_ADDR"] ?? (await pageAddress());

  // A person who tries things doesn't want to wait a minute. What `plan` says of the grace period is then right as well.
  shared["DD_OBSERVE_GRACE"] = env["DD_OBSERVE_GRACE"] ?? "20s";
  const patience = usesRealDatadog
    ? { DD_OBSERVE_RESYNC: "30s" }
    : { DD_OBSERVE_RESYNC: "5s", DD_OBSERVE_ARRIVAL_INTERVAL: "2s" };
  return {
    parts,
    env: { ...patience, ...env, ...shared },
    shared,
    isForeignConsul: named !== "",
    datadog,
    agent,
  };
}

async function startAgent(
  confdDir: string,
  datadog: FakeDatadog | undefined,
  onStarted: WorldOptions["onStarted"],
): Promise<FakeAgent> {
  const agent = await startFakeAgent({
    confdDir,
    // By it the operator tells runs of a file that was just written anew from those of the one before.
    saidIntervalMs: AGENT_LOOKS_EVERY_MS,
    ...(datadog === undefined ? {} : { onScrape: forwardTo(datadog) }),
  });
  // A folder that a person removes under it is no reason to end: the operator writes it again.
  const looking = every(() => void agent.reload("poll").catch(() => undefined), AGENT_LOOKS_EVERY_MS);
  onStarted(async () => {
    clearInterval(looking);
    await agent.stop();
  });
  return agent;
}

const USUAL_PORT = 8620;

/** The usual address of the page, or a free one if it is taken. */
async function pageAddress(): Promise<string> {
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = net.createServer();
    probe.once("error", () => resolve(false));
    probe.listen(USUAL_PORT, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
  return `127.0.0.1:${isFree ? USUAL_PORT : (await freePorts(1))[0]}`;
}

function slug(text: string): string {
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, "-")
      .replace(/^-+/, "") || "host"
  );
}
