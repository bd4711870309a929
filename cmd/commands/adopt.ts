import { datadogWriter, type DatadogWriter, type RawMonitor } from "../../clients/datadog.ts";
import { driftOf } from "../../crds/drift.ts";
import { isSlug } from "../../crds/names.ts";
import { isPausedByWish } from "../../crds/resolve.ts";
import { canonicalObserved, familyOf, type MonitorBody } from "../../controllers/monitors/canonical.ts";
import { applicationUrl } from "../../controllers/application-url.ts";
import { compileMonitors } from "../../controllers/monitors/compile.ts";
import { keyTag, MANAGED_BY, markTags, ownerTag, readMark, tagsOf } from "../../controllers/datadog/mark.ts";
import { monitorTarget } from "../../controllers/monitors/target.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { fieldChanges, type DesiredObject, type FieldChange } from "../../engine/plan/plan.ts";
import type { Call } from "../call.ts";
import type { Config } from "../config.ts";
import { clusterIdOf, openConsul } from "../connect.ts";
import { knownServices } from "../facts.ts";
import { withLock } from "../lock.ts";
import { openLook, type Look } from "../look.ts";
import { noSuchService } from "../names.ts";
import { formatFields } from "../plan-text.ts";
import { UsageError } from "../print.ts";
import { adoptDowntime } from "./adopt-downtime.ts";
import { adoptEntity } from "./adopt-entity.ts";
import { adoptMetricTags } from "./adopt-metric-tags.ts";

/** What is to become of one monitor. */
interface Adoption {
  readonly id: number;
  readonly service: string;
  /** `ray/queue-too-long`; the same as `service` for `_monitors/disk-full` */
  readonly key: string;
  readonly clusterId: string;
}

/** `dd-observe adopt`: an existing object becomes one of ours. */
export async function adopt(call: Call): Promise<number> {
  const [kind] = call.args;
  if (kind === "metric-tags") return await adoptMetricTags(call);
  if (kind === "downtime" || kind === "downtimes") return await adoptDowntime(call);
  if (kind === "entity") return await adoptEntity(call);
  return await adoptMonitor(call);
}

/** Only its tags change now. */
async function adoptMonitor(call: Call): Promise<number> {
  const { flags, terminal } = call;
  const { config, consul: reading, look: lookOnce } = openLook(call);
  const { id, service, key } = readArguments(call.args);
  const look = await lookOnce();
  const known = knownServices(look.facts);
  if (!known.includes(service)) throw noSuchService(service, known);
  const clusterId = await clusterIdOf(config, reading);
  const adoption: Adoption = { id, service, key, clusterId };
  const signal = AbortSignal.timeout(120_000);
  const datadog = openDatadog(config);
  const raw = await datadog.getMonitor(id, { signal, priority: "change" });
  const now = readMark(tagsOf(raw), clusterId)?.key;
  if (now === key) {
    terminal.out(`monitor ${id} is ${key} already\n`);
    return 0;
  }
  if (now !== undefined) throw new UsageError(`monitor ${id} is ${now} already, and can't be ${key} as well`);
  await expectFree(datadog, adoption, signal);

  const wanted = compileMonitors(clusterId, { appUrl: applicationUrl(config.datadog.url) })(
    look.snapshot,
  ).objects.get(key);
  const changes = comingChanges(raw, wanted, adoption);
  terminal.out(`monitor ${id} ${JSON.stringify(raw["name"] ?? "")} becomes ${key}\n`);
  tellWhatComes(wanted, changes, terminal);
  if (flags.yes !== true && (wanted === undefined || changes.length > 0))
    throw new UsageError("nothing is adopted yet", "If that is right, run it again with --yes.");

  const consul = openConsul(config);
  const write = async (): Promise<void> => {
    const backup = {
      at: new Date().toISOString(),
      controller: "monitors",
      key,
      reason: "adopt",
      text: JSON.stringify(raw),
    };
    await consul.kvPut(
      `${config.statePrefix}/backups/cluster/monitors/${key}/${backup.at}`,
      JSON.stringify(backup),
      {},
      signal,
    );
    const target = monitorTarget({ datadog, clusterId, memory: new Memory() });
    await target.adopt(String(id), key, signal);
  };
  if (look.facts.leader !== undefined && isResting(look, service)) await write();
  else await withLock({ consul, config, signal, hint: whilePaused(adoption) }, async () => await write());
  terminal.out(
    `${terminal.paint("green", "adopted")}; what it was is kept at ${config.statePrefix}/backups/cluster/monitors/${key}\n`,
  );
  return 0;
}

function readArguments([kind = "", id = "", key = ""]: readonly string[]): Omit<Adoption, "clusterId"> {
  if (kind !== "monitor" && kind !== "monitors")
    throw new UsageError(`${kind} can't be adopted; only a monitor, a downtime and metric-tags can`);
  const number = Number(id);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new UsageError(
      `${JSON.stringify(id)} is no id of a monitor`,
      "It is the number at the end of the monitor's address.",
    );
  const [owner = "", name = "", ...more] = key.split("/");
  // A monitor of no service is its own owner.
  const isGlobal = owner === "_monitors";
  if (more.length > 0 || !(isGlobal || isSlug(owner)) || !isSlug(name))
    throw new UsageError(
      `${JSON.stringify(key)} doesn't name a monitor of a service`,
      "Give it as SERVICE/NAME, such as ray/queue-too-long, or as _monitors/NAME.",
    );
  return { id: number, service: isGlobal ? key : owner, key };
}

function openDatadog({ datadog: { url, apiKey, appKey } }: Config): DatadogWriter {
  if (apiKey === undefined || appKey === undefined)
    throw new UsageError("Datadog's keys are needed", "Set DD_API_KEY and DD_APP_KEY.");
  return datadogWriter({ url, apiKey, appKey });
}

/** Two monitors with one key would be taken for a clone and its original. */
async function expectFree(
  datadog: DatadogWriter,
  { id, key, clusterId }: Adoption,
  signal: AbortSignal,
): Promise<void> {
  const tags = [MANAGED_BY, ownerTag(clusterId), keyTag(key)];
  const { monitors } = await datadog.listMonitors(tags, { signal, priority: "change" });
  const other = monitors.find((monitor) => monitor.id !== id);
  if (other !== undefined)
    throw new UsageError(
      `${key} is monitor ${other.id} already`,
      `To put monitor ${id} in its place: pause the service, delete monitor ${other.id} in Datadog, adopt, and resume.`,
    );
}

function comingChanges(
  raw: RawMonitor,
  wanted: DesiredObject<MonitorBody> | undefined,
  { key, clusterId }: Adoption,
): readonly FieldChange[] {
  if (wanted === undefined) return [];
  const marked = [...new Set([...tagsOf(raw), ...markTags({ clusterId, key, retain: wanted.retain })])];
  const found = canonicalObserved({ ...raw, tags: marked }, wanted.body);
  if (familyOf(found.type) !== wanted.body.type)
    throw new UsageError(
      `monitor ${raw.id} is a ${String(raw["type"])}, but ${key} is wished as a ${wanted.body.type}; Datadog can't turn one into the other`,
    );
  return fieldChanges(wanted.body, found);
}

function tellWhatComes(
  wanted: DesiredObject<MonitorBody> | undefined,
  changes: readonly FieldChange[],
  terminal: Call["terminal"],
): void {
  const { out, paint } = terminal;
  if (wanted === undefined)
    return out(
      `  ${paint("red", "No wish has a monitor of that name: the next pass would delete it.")} Put it into the service's document first.\n`,
    );
  if (changes.length === 0) return out("  It is as wished; the next pass changes nothing.\n");
  out(
    `  The next pass ${driftOf(wanted.drift).rule === "report" ? "would change" : "changes"}:\n${formatFields(changes, terminal)}\n`,
  );
}

/** While the service rests, the leader neither creates, changes nor deletes anything of it. */
function isResting({ snapshot }: Look, service: string): boolean {
  return snapshot.paused.has(service) || isPausedByWish(snapshot.services.get(service));
}

function whilePaused({ service, id, key }: Adoption): string {
  return `While a controller runs: dd-observe pause ${service}, then dd-observe adopt monitor ${id} ${key}, then dd-observe resume ${service}.`;
}
