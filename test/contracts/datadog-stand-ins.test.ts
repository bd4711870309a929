import { isDeepStrictEqual } from "node:util";

import { expect, test } from "vitest";

import { isFields, textsOf, type Fields } from "../fakes/datadog-api.ts";
import { startFakeDatadog } from "../fakes/datadog.ts";
import { hasRecordings, recordings, type Recording } from "../recordings.ts";
import { hasStrictDouble, strictDouble, type DatadogDouble } from "./datadog-double.ts";

/** What each server makes up by itself. */
const MADE_UP = new Set(
  (
    "id url widget_ids relationships author_handle author_name creator " +
    "created created_at modified modified_at start"
  ).split(" "),
);
/** Lists whose order says nothing. */
const SETS = new Set(["tags", "notify_end_states", "notify_end_types"]);
const LIMIT = { limit: 1_000_000, periodSeconds: 60 };

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

test.skipIf(!hasRecordings || !hasStrictDouble).for([
  ["dashboards", /^\/api\/v1\/dashboard$/, 300],
  ["SLOs", /^\/api\/v1\/slo$/, 40],
  ["downtimes", /^\/api\/v2\/downtime$/, 9],
  ["metric tag configurations", /^\/api\/v2\/metrics\/[^/]+\/tags$/, 20],
] as const)("every recorded create of %s ends alike in both stand-ins", async ([_kind, path, atLeast]) => {
  const fake = await startFakeDatadog({ limit: LIMIT });
  const strict = await strictDouble({ limit: LIMIT });
  const creates = recordings(path).filter(isSelfContained);

  const differences: unknown[] = [];
  for (const create of creates) {
    const metric = /metrics\/([^/]+)/.exec(create.path)?.[1];
    if (metric !== undefined) {
      fake.metrics.set(metric, []);
      strict.addPoint(metric, 1, []);
    }
    const [own, other] = [await post(fake, create), await post(strict, create)];
    // The strict double refuses a few that Datadog took: widgets beyond the published API.
    if (isSuccess(other) !== isSuccess({ status: create.status })) continue;
    const isAlike =
      own.status === other.status &&
      (!isSuccess(own) || isDeepStrictEqual(comparable(own.body), comparable(other.body)));
    if (!isAlike) differences.push({ create: create.scenario, own, other });
  }
  await Promise.all([fake.stop(), strict.stop()]);

  expect(differences).toEqual([]);
  expect(creates.length).toBeGreaterThanOrEqual(atLeast);
});

/** What names monitors needs those that stood in the recording's organisation. */
function isSelfContained({ method, body }: Recording): boolean {
  const identifier = (body["data"] as { attributes?: { monitor_identifier?: Fields } } | undefined)
    ?.attributes?.monitor_identifier;
  return method === "POST" && body["type"] !== "monitor" && identifier?.["monitor_id"] === undefined;
}

function isSuccess({ status }: { readonly status: number }): boolean {
  return status >= 200 && status <= 299;
}

async function post(
  { url, apiKey, appKey }: Pick<DatadogDouble, "url" | "apiKey" | "appKey">,
  { path, body }: Recording,
): Promise<Answer> {
  const headers = { "dd-api-key": apiKey, "dd-application-key": appKey, "content-type": "application/json" };
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

function comparable(value: unknown, name = ""): unknown {
  if (Array.isArray(value)) {
    return SETS.has(name) ? textsOf(value).toSorted() : value.map((one: unknown) => comparable(one));
  }
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => !MADE_UP.has(field))
      .map(([field, inner]) => [field, comparable(inner, field)]),
  );
}
