import type { Consul } from "../../clients/consul.ts";
import { startAgentIntake } from "../../test/fakes/agent-intake.ts";
import type { Config } from "../config.ts";
import type { Env } from "../settings.ts";
import { AI_AGENT, installAiAgent, putAiAgent, startAiAgent } from "./ai-agent.ts";
import { Arrivals, forwardMetric } from "./arrivals.ts";
import type { Narrator } from "./narrator.ts";
import type { Part, World } from "./world.ts";

/** An AI agent in a session, and what arrives of it. */
export interface Demo {
  readonly part: Part;
  /** Starts the application, as soon as its environment is published. */
  readonly start: () => Promise<void>;
  /** Rejects if the application ends before the session does. Pends until it is started. */
  readonly ended: Promise<never>;
  /** Says what has arrived by now, when that is complete for the first time and then at most once in some seconds. */
  readonly tell: (narrator: Narrator) => void;
  /** True once one of everything has arrived. */
  readonly isComplete: () => boolean;
}

interface DemoOptions {
  readonly dir: string;
  readonly env: Env;
  readonly world: Pick<World, "datadog" | "isForeignConsul">;
  readonly consul: Consul;
  readonly config: Pick<Config, "kvPrefix" | "statePrefix">;
  readonly signal: AbortSignal;
  readonly out: (text: string) => void;
  readonly onStarted: (stop: () => Promise<void>) => void;
}

const TELL_EVERY_MS = 4_000;

/** Brings the application's packages and puts its document; nothing of it runs yet. */
export async function prepareDemo(options: DemoOptions): Promise<Demo> {
  const { dir, env, world, consul, config, signal, out, onStarted } = options;
  const folder = await installAiAgent(dir, env, () =>
    out("Installing the packages of the AI agent (LangGraph and dd-trace; once, half a minute) …\n\n"),
  );
  const arrivals = new Arrivals();
  const intake = await startAgentIntake({
    onMetric(line) {
      arrivals.add(line);
      if (world.datadog !== undefined) forwardMetric(world.datadog, line);
    },
  });
  onStarted(async () => await intake.stop());
  if ((await putAiAgent(consul, config)) && world.isForeignConsul)
    onStarted(async () => void (await consul.kvDelete(`${config.kvPrefix}/${AI_AGENT}`)));
  const { promise: ended, reject } = Promise.withResolvers<never>();
  ended.catch(() => undefined);
  let toldAt = 0;
  let isNew = true;
  return {
    part: {
      name: "AI agent",
      what: "where an application of LangGraph sends its traces and metrics",
      where: intake.url,
    },
    ended,
    async start() {
      const { statePrefix } = config;
      const agent = await startAiAgent({ folder, consul, statePrefix, env, intake, signal });
      onStarted(agent.stop);
      agent.ended.catch(reject);
    },
    tell(narrator) {
      const now = performance.now();
      if (now - toldAt < TELL_EVERY_MS && !(isNew && arrivals.isComplete(intake))) return;
      const line = arrivals.line(intake);
      if (line === undefined) return;
      toldAt = now;
      isNew &&= !arrivals.isComplete(intake);
      narrator.say("cyan", "↳", AI_AGENT, line);
    },
    isComplete: () => arrivals.isComplete(intake),
  };
}
