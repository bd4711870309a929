import { catalogWriter } from "../../clients/datadog-catalog.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { datadogReader } from "../../clients/datadog.ts";
import { ApiError } from "../../clients/errors.ts";
import { isPausedByWish } from "../../crds/resolve.ts";
import { applicationUrl } from "../../controllers/application-url.ts";
import { canonicalObserved, type EntityBody } from "../../controllers/catalog/canonical.ts";
import { compileCatalog, entityKey } from "../../controllers/catalog/compile.ts";
import { catalogKind, refOfService } from "../../controllers/catalog/kind.ts";
import type { RawObject } from "../../controllers/datadog/kind.ts";
import { Organisation } from "../../controllers/datadog/organisation.ts";
import { MarkedObjects } from "../../controllers/datadog/target.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { fieldChanges, type FieldChange } from "../../engine/plan/plan.ts";
import type { Call } from "../call.ts";
import { clusterIdOf, openConsul } from "../connect.ts";
import { withLock } from "../lock.ts";
import { openLook } from "../look.ts";
import { formatFields } from "../plan-text.ts";
import { UsageError } from "../print.ts";

/** `dd-observe adopt entity`: a definition of the Software Catalog that people made gets our mark, and nothing else. */
export async function adoptEntity(call: Call): Promise<number> {
  const { args, flags, terminal } = call;
  const { config, consul: reading, look: lookOnce } = openLook(call);
  const look = await lookOnce();
  const { url, apiKey, appKey } = config.datadog;
  if (apiKey === undefined || appKey === undefined)
    throw new UsageError("Datadog's keys are needed", "Set DD_API_KEY and DD_APP_KEY.");
  const clusterId = await clusterIdOf(config, reading);
  const { service, ref, key } = readArguments(args);
  const wanted = compileCatalog(clusterId, applicationUrl(url))(look.snapshot).objects.get(key);
  if (wanted === undefined)
    throw new UsageError(
      `no wish has ${service} in the catalog`,
      'Put "catalog: true" into its document first, or more that is to be said of it.',
    );

  const signal = AbortSignal.timeout(60_000);
  const transport = new DatadogTransport({ url, apiKey, appKey });
  const kind = catalogKind({ datadog: catalogWriter(transport), clusterId });
  const raw = await readEntity(async () => await kind.read(ref, { signal, priority: "change" }), ref);
  const changes = comingChanges(wanted.body, raw);
  terminal.out(`entity ${ref} becomes ${key}\n`);
  terminal.out(
    changes.length === 0
      ? "  It says what is wished; the next pass changes nothing but tags and links.\n"
      : `  The next pass replaces its definition:\n${formatFields(changes, terminal)}\n`,
  );
  if (flags.yes !== true && changes.length > 0)
    throw new UsageError("nothing is adopted yet", "If that is right, run it again with --yes.");

  const consul = openConsul(config);
  const place = `${config.statePrefix}/backups/cluster/catalog/${key}`;
  const write = async (): Promise<void> => {
    const at = new Date().toISOString();
    const backup = { at, controller: "catalog", key, reason: "adopt", text: JSON.stringify(raw) };
    await consul.kvPut(`${place}/${at}`, JSON.stringify(backup), {}, signal);
    const reader = datadogReader(transport);
    const organisation = new Organisation({
      read: async (inner) => await reader.organisation({ signal: inner }),
    });
    await new MarkedObjects({ kind, memory: new Memory(), organisation }).adopt(ref, key, signal);
  };
  const isResting = look.snapshot.paused.has(service) || isPausedByWish(look.snapshot.services.get(service));
  const hint = `While a controller runs: dd-observe pause ${service}, then dd-observe adopt entity ${ref} ${key}, then dd-observe resume ${service}.`;
  if (look.facts.leader !== undefined && isResting) await write();
  else await withLock({ consul, config, signal, hint }, async () => await write());
  terminal.out(`${terminal.paint("green", "adopted")}; what it was is kept at ${place}\n`);
  return 0;
}

/** The name of an entity is its service's, so that each can become only one object. */
function readArguments([, ref = "", key = ""]: Call["args"]) {
  const service = key.slice(0, key.indexOf("/"));
  if (service === "" || key !== entityKey(service) || ref !== refOfService(service))
    throw new UsageError(
      `${JSON.stringify(ref)} can't become ${JSON.stringify(key)}`,
      "Give the entity and its key as service:default/NAME NAME/entity, such as service:default/ray ray/entity.",
    );
  return { service, ref, key };
}

async function readEntity(read: () => Promise<RawObject>, ref: string): Promise<RawObject> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ApiError && error.failure === "notFound")
      throw new UsageError(
        `there is no entity ${ref}`,
        "The next pass makes it; nothing needs to be adopted.",
      );
    throw error;
  }
}

/** Tags and links differ anyway. */
function comingChanges(wanted: EntityBody, raw: RawObject): readonly FieldChange[] {
  return fieldChanges(wanted, canonicalObserved(raw)).filter(
    ({ path }) => !/^metadata\.(?:tags|links)\b/.test(path),
  );
}
