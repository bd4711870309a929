import { metricTagsReader } from "../../clients/datadog-metric-tags.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { isSlug } from "../../crds/names.ts";
import { applicationUrl } from "../../controllers/application-url.ts";
import { canonicalObserved } from "../../controllers/metric-tags/canonical.ts";
import { metricKey } from "../../controllers/metric-tags/compile.ts";
import { takeOverHash } from "../../controllers/metric-tags/failures.ts";
import { querySources } from "../../controllers/metric-tags/index.ts";
import { compileMetricTags } from "../../controllers/metric-tags/snapshot.ts";
import { CONTROL_KEYS } from "../../engine/sources/control.ts";
import { fieldChanges } from "../../engine/plan/plan.ts";
import type { Call } from "../call.ts";
import { clusterIdOf, openConsul } from "../connect.ts";
import { openLook } from "../look.ts";
import { formatFields } from "../plan-text.ts";
import { UsageError } from "../print.ts";
import { orderOf } from "./control.ts";

/**
 * `dd-observe adopt metric-tags`: an existing configuration becomes ours. It can carry no mark, so that it is the
 * controller that takes it over, once it finds the approval.
 */
export async function adoptMetricTags(call: Call): Promise<number> {
  const { flags, terminal } = call;
  const [, metric = "", service = ""] = call.args;
  if (!isSlug(service) && !service.startsWith("_"))
    throw new UsageError(
      `${JSON.stringify(service)} is no name of a service`,
      "Say whose it becomes: dd-observe adopt metric-tags app.latency checkout",
    );
  const { config, consul: reading, look: lookOnce } = openLook(call);
  const look = await lookOnce();
  const { url, apiKey, appKey } = config.datadog;
  if (apiKey === undefined || appKey === undefined)
    throw new UsageError("Datadog's keys are needed", "Set DD_API_KEY and DD_APP_KEY.");
  const clusterId = await clusterIdOf(config, reading);
  const compile = compileMetricTags(querySources(clusterId, applicationUrl(url)));
  const key = metricKey(metric);
  const wanted = compile(look.snapshot).objects.get(key);
  if (wanted === undefined || !wanted.sharedBy.includes(service))
    throw new UsageError(
      `${service} doesn't wish anything of metric ${metric}`,
      `Put it below metrics: in the document of ${service} first.`,
    );

  const signal = AbortSignal.timeout(60_000);
  const transport = new DatadogTransport({ url, apiKey, appKey, readOnly: true });
  const raw = await metricTagsReader(transport).get(metric, { signal, priority: "change" });
  const hash = takeOverHash(raw);
  const isOurs = [...look.facts.statuses.values()]
    .flat()
    .some(({ objects }) => objects.some((one) => one.controller === "metric-tags" && one.key === key));
  if (isOurs || look.facts.approved.has(hash)) {
    terminal.out(`the tag configuration of ${metric} is dd-observe's already\n`);
    return 0;
  }
  const changes = fieldChanges(wanted.body, canonicalObserved(raw, wanted.body));
  terminal.out(`the tag configuration of ${metric} becomes ${wanted.owner}'s\n`);
  terminal.out(
    changes.length === 0
      ? "  It is as wished; nothing of it changes.\n"
      : `  The controller changes:\n${formatFields(changes, terminal)}\n`,
  );
  if (flags.yes !== true && changes.length > 0)
    throw new UsageError("nothing is adopted yet", "If that is right, run it again with --yes.");

  const consul = openConsul(config);
  const at = new Date().toISOString();
  const place = `${config.statePrefix}/backups/cluster/metric-tags/${key}`;
  const backup = { at, controller: "metric-tags", key, reason: "adopt", text: JSON.stringify(raw) };
  await consul.kvPut(`${place}/${at}`, JSON.stringify(backup), {}, signal);
  await consul.kvPut(CONTROL_KEYS.approved(config.statePrefix, hash), orderOf("adopt"), {}, signal);
  terminal.out(
    `${terminal.paint("green", "approved")}; the controller takes it over within a minute. What it was is kept at ${place}\n`,
  );
  return 0;
}
