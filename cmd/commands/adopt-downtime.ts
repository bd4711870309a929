import { downtimeWriter } from "../../clients/datadog-downtimes.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { datadogReader } from "../../clients/datadog.ts";
import { isPausedByWish } from "../../crds/resolve.ts";
import { Organisation } from "../../controllers/datadog/organisation.ts";
import { MarkedObjects } from "../../controllers/datadog/target.ts";
import { canonicalObserved } from "../../controllers/downtimes/canonical.ts";
import { downtimeKind } from "../../controllers/downtimes/kind.ts";
import { compileDowntimes } from "../../controllers/downtimes/snapshot.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { fieldChanges } from "../../engine/plan/plan.ts";
import type { Call } from "../call.ts";
import { clusterIdOf, openConsul } from "../connect.ts";
import { withLock } from "../lock.ts";
import { openLook } from "../look.ts";
import { formatFields } from "../plan-text.ts";
import { UsageError } from "../print.ts";

/** `dd-observe adopt downtime`: an existing downtime gets the mark of one that is wished, and nothing else. */
export async function adoptDowntime(call: Call): Promise<number> {
  const { flags, terminal } = call;
  const [, id = "", key = ""] = call.args;
  const { config, consul: reading, look: lookOnce } = openLook(call);
  const look = await lookOnce();
  const { url, apiKey, appKey } = config.datadog;
  if (apiKey === undefined || appKey === undefined)
    throw new UsageError("Datadog's keys are needed", "Set DD_API_KEY and DD_APP_KEY.");
  const clusterId = await clusterIdOf(config, reading);
  const wanted = compileDowntimes(clusterId)(look.snapshot).objects.get(key);
  if (wanted === undefined)
    throw new UsageError(
      `no wish has a downtime ${key}`,
      "Put it into the document first, and give it as SERVICE/NAME, or as _downtimes/NAME.",
    );

  const signal = AbortSignal.timeout(60_000);
  const transport = new DatadogTransport({ url, apiKey, appKey });
  const reader = datadogReader(transport);
  const kind = downtimeKind({ datadog: downtimeWriter(transport), clusterId });
  const other = (await kind.find(key, { signal })).find((raw) => kind.refOf(raw) !== id);
  if (other !== undefined)
    throw new UsageError(
      `${key} is downtime ${kind.refOf(other)} already`,
      `Cancel that one in Datadog first.`,
    );
  const raw = await kind.read(id, { signal, priority: "change" });
  const found = { ...canonicalObserved(raw, wanted.body), message: wanted.body.message };
  const changes = fieldChanges(wanted.body, found);
  terminal.out(`downtime ${id} becomes ${key}\n`);
  terminal.out(
    changes.length === 0
      ? "  It silences what is wished; the next pass sets its message right.\n"
      : `  The next pass changes, besides its message:\n${formatFields(changes, terminal)}\n`,
  );
  if (flags.yes !== true && changes.length > 0)
    throw new UsageError("nothing is adopted yet", "If that is right, run it again with --yes.");

  const consul = openConsul(config);
  const place = `${config.statePrefix}/backups/cluster/downtimes/${key}`;
  const write = async (): Promise<void> => {
    const at = new Date().toISOString();
    const backup = { at, controller: "downtimes", key, reason: "adopt", text: JSON.stringify(raw) };
    await consul.kvPut(`${place}/${at}`, JSON.stringify(backup), {}, signal);
    const organisation = new Organisation({
      read: async (inner) => await reader.organisation({ signal: inner }),
    });
    await new MarkedObjects({ kind, memory: new Memory(), organisation }).adopt(id, key, signal);
  };
  const isResting =
    look.snapshot.paused.has(wanted.owner) || isPausedByWish(look.snapshot.services.get(wanted.owner));
  const hint = `While a controller runs: dd-observe pause ${wanted.owner}, then dd-observe adopt downtime ${id} ${key}, then dd-observe resume ${wanted.owner}.`;
  if (look.facts.leader !== undefined && isResting) await write();
  else await withLock({ consul, config, signal, hint }, async () => await write());
  terminal.out(`${terminal.paint("green", "adopted")}; what it was is kept at ${place}\n`);
  return 0;
}
