import { userInfo } from "node:os";

import type { Consul } from "../../clients/consul.ts";
import { isPausedByWish } from "../../crds/resolve.ts";
import {
  IDLE,
  parseProgress,
  progressText,
  RESTART_KEYS,
  type Step,
} from "../../controllers/nomad-telemetry/restart/progress.ts";
import { CONTROL_KEYS } from "../../engine/sources/control.ts";
import type { ServiceStatus } from "../../engine/status/status.ts";
import type { Call } from "../call.ts";
import { readConfig, type Config } from "../config.ts";
import { openConsul, openResolver } from "../connect.ts";
import { knownServices, orderInWords, parseOrder, readFacts, type ClusterFacts } from "../facts.ts";
import { noSuchService } from "../names.ts";
import { UsageError } from "../print.ts";
import { conditionsOf } from "../service-view.ts";

/** As the brake and the refusals of a pass write them. */
const HASH = /^[0-9a-f]{12,16}$/;

/** `dd-observe approve`: lets a pass make exactly the deletions that have this hash. */
export async function approve({ args, flags, terminal, env }: Call): Promise<number> {
  const hash = (args[0] ?? "").trim().toLowerCase();
  if (!HASH.test(hash))
    throw new UsageError(
      `${JSON.stringify(args[0])} is no hash: they have 12 or 16 hex digits`,
      "dd-observe plan and dd-observe get show the hash of what waits for approval.",
    );
  const config = readConfig(flags, env);
  const consul = openConsul(config);
  const facts = await readFacts(consul, config);
  const waiting = waitingFor(hash, [...facts.statuses.values()].flat());
  const { out, paint } = terminal;
  if (waiting.length === 0)
    out(
      `${paint("yellow", "note:")} no status speaks of ${hash}; it counts when a pass asks for it, and for nothing else.\n`,
    );
  for (const { reason, message, services, objects } of waiting) {
    out(`${paint("bold", reason)}: ${message}\n`);
    out(`  services: ${services.join(", ")}${objects === 0 ? "" : `\n  objects remembered: ${objects}`}\n`);
  }
  const before = facts.approved.get(hash);
  if (before !== undefined) {
    out(`${hash} is approved already ${orderInWords(before)}\n`);
    return 0;
  }
  await consul.kvPut(CONTROL_KEYS.approved(config.statePrefix, hash), orderOf(flags.reason));
  out(
    `${paint("green", "approved")} ${hash}${facts.leader === undefined ? "; no controller runs now, so the next one acts on it" : ""}\n`,
  );
  return 0;
}

interface Waiting {
  readonly reason: string;
  readonly message: string;
  readonly services: readonly string[];
  readonly objects: number;
}

/** What waits for a hash, from what the operator said of the services. */
function waitingFor(hash: string, statuses: readonly ServiceStatus[]): readonly Waiting[] {
  const byMessage = new Map<string, { reason: string; message: string; statuses: ServiceStatus[] }>();
  for (const status of statuses) {
    for (const { reason, message } of conditionsOf([status])) {
      if (!message.includes(`approve ${hash}`)) continue;
      const one = byMessage.get(message) ?? { reason, message, statuses: [] };
      byMessage.set(message, one);
      one.statuses.push(status);
    }
  }
  return [...byMessage.values()].map(({ reason, message, statuses: concerned }) => ({
    reason,
    message,
    services: [...new Set(concerned.map(({ service }) => service))].sort(),
    objects: concerned.reduce((sum, { objects }) => sum + objects.length, 0),
  }));
}

/** `dd-observe pause`: nothing of a service is written or deleted until it is resumed. */
export async function pause({ args, flags, terminal, env }: Call): Promise<number> {
  const service = args[0] ?? "";
  const { consul, config, facts } = await open(flags, env);
  expectKnown(service, facts);
  const { out, paint } = terminal;
  const before = facts.paused.get(service);
  if (before !== undefined) {
    out(`${service} is paused already ${orderInWords(before)}\n`);
    return 0;
  }
  await consul.kvPut(CONTROL_KEYS.paused(config.statePrefix, service), orderOf(flags.reason));
  out(
    `${paint("green", "paused")} ${service}: nothing of it is written or deleted until dd-observe resume ${service}\n`,
  );
  return 0;
}

/** `dd-observe resume`: ends a pause by command, and says where else a pause is wished. */
export async function resume({ args, flags, terminal, env }: Call): Promise<number> {
  const service = args[0] ?? "";
  const { consul, config, facts } = await open(flags, env);
  const key = CONTROL_KEYS.paused(config.statePrefix, service);
  const { out, paint } = terminal;
  const failed = service === "_nomad" ? await forgetFailedRestart(consul, config) : undefined;
  if (failed !== undefined)
    out(
      `${paint("green", "resumed")} the rolling restart of Nomad agents, which stopped at ${failed.node}: ${failed.message}\n`,
    );
  const order = await consul.kvGet(key);
  if (order !== undefined) await consul.kvDelete(key);
  else if (failed === undefined) expectKnown(service, facts);
  else return 0;
  if (order !== undefined)
    out(`${paint("green", "resumed")} ${service}, paused ${orderInWords(parseOrder(order.text))}\n`);
  const elsewhere = pausedElsewhere(service, facts, config);
  if (elsewhere !== undefined) {
    out(`${paint("yellow", "still paused:")} ${elsewhere}\n`);
    return 1;
  }
  if (order === undefined) out(`${service} is not paused\n`);
  return 0;
}

/**
 * Lets a rolling restart go on that stopped at a failure.
 *
 * @returns what had failed; undefined if nothing had.
 */
async function forgetFailedRestart(
  consul: Consul,
  { statePrefix }: Config,
): Promise<Step<"failed"> | undefined> {
  const key = RESTART_KEYS.progress(statePrefix);
  const entry = await consul.kvGet(key, { consistent: true });
  const read = parseProgress(entry?.text);
  if (entry === undefined || !read.ok || read.progress.step !== "failed") return undefined;
  // Another person may have been faster, and a machine may have begun since.
  const isForgotten = await consul.kvPut(key, progressText(IDLE), { cas: entry.modifyIndex });
  return isForgotten ? read.progress : undefined;
}

/** Where a wish itself says `paused: true`, and how to take it out. */
function pausedElsewhere(
  service: string,
  { catalog, documents }: ClusterFacts,
  config: Config,
): string | undefined {
  const resolution = openResolver(config).ofCluster({ catalog, documents }).services.get(service);
  if (!isPausedByWish(resolution)) return undefined;
  const says = (name: string): boolean =>
    /^\s*["']?paused["']?\s*:\s*true/m.test(documents.get(name)?.text ?? "");
  if (says(service)) return `the document ${config.kvPrefix}/${service} says paused: true`;
  if (catalog.get(service)?.includes(`${config.tagName}.paused=true`) === true)
    return `the service has the tag ${config.tagName}.paused=true`;
  return `the document ${config.kvPrefix}/_defaults says paused: true`;
}

async function open(
  flags: Call["flags"],
  env: Call["env"],
): Promise<{ readonly consul: Consul; readonly config: Config; readonly facts: ClusterFacts }> {
  const config = readConfig(flags, env);
  const consul = openConsul(config);
  return { consul, config, facts: await readFacts(consul, config) };
}

function expectKnown(service: string, facts: ClusterFacts): void {
  const known = knownServices(facts);
  if (!known.includes(service)) throw noSuchService(service, known);
}

/** Who ordered it and when, as it is stored. */
export function orderOf(reason: string | undefined): string {
  return JSON.stringify({
    by: userInfo().username,
    at: new Date().toISOString(),
    ...(reason === undefined ? {} : { reason }),
  });
}
