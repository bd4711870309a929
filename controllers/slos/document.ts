import { globalSloLayer } from "../../crds/global.ts";
import { explainIssue } from "../../crds/issues.ts";
import type { Problem } from "../../crds/problem.ts";
import { SLO_DEFAULTS } from "../../crds/slo.ts";
import type { z } from "zod";
import { filledIn } from "../datadog/filled-in.ts";
import { statedTags } from "../datadog/stated-tags.ts";
import { isObject, text, type Json } from "../monitors/canonical.ts";
import { canonicalObserved, type SloBody } from "./canonical.ts";

export type SloDocument =
  | {
      readonly ok: true;
      /** What stands in the document of an SLO of no service; without `env` and `team`, also below `slos.<name>`. */
      readonly layer: z.infer<typeof globalSloLayer>;
      /** Tags that no document can state. */
      readonly lost: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Turns an SLO as Datadog returns it into the fields of a document that makes the same SLO.
 *
 * @param owner Whose problem it is if it can't be done, such as the SLO's id.
 * @param nameOf What documents call a monitor, by its id: `ray/queue-too-long`. Undefined if none of ours, and none that gets a document.
 */
export function documentOf(
  raw: Json,
  owner: string,
  nameOf: (monitorId: string) => string | undefined,
): SloDocument {
  const body = canonicalObserved(raw);
  const { stated, lost } = statedTags(body.tags);
  const measured = indicatorOf(body, nameOf);
  if (!measured.ok)
    return { ok: false, problems: measured.messages.map((message) => refusal(owner, message)) };
  const written = filledIn(owner, { name: body.name, description: body.description, ...measured.fields });
  if (written.length > 0) return { ok: false, problems: written };

  const layer: Json = {
    type: body.type === "time_slice" ? "time-slice" : body.type,
    name: body.name,
    ...(body.description === "" ? {} : { description: body.description }),
    ...targetsOf(body),
    ...measured.fields,
    ...stated,
  };
  const result = globalSloLayer.safeParse(layer);
  if (result.success) return { ok: true, layer: result.data, lost };
  const problems = result.error.issues.flatMap((issue) => explainIssue(owner, issue, globalSloLayer, layer));
  return { ok: false, problems };
}

function refusal(owner: string, message: string): Problem {
  return { owner, reason: "InvalidValue", message };
}

/** The target that Datadog shows first comes first: then it is the one that it shows again. */
function targetsOf({ thresholds, timeframe }: SloBody): Json {
  const all = thresholds
    .filter(isObject)
    .map(({ timeframe: over, target, warning }) => ({
      timeframe: over,
      target,
      ...(warning === undefined ? {} : { warning }),
    }))
    .sort((a, b) => Number(b.timeframe === timeframe) - Number(a.timeframe === timeframe));
  return all.length === 1 ? all[0]! : { thresholds: all };
}

type Indicator =
  | { readonly ok: true; readonly fields: Json }
  | { readonly ok: false; readonly messages: readonly string[] };

function indicatorOf(body: SloBody, nameOf: (id: string) => string | undefined): Indicator {
  switch (body.type) {
    case "metric":
      return metricOf(body);
    case "monitor":
      return monitorsOf(body, nameOf);
    case "time_slice":
      return sliceOf(body);
    default:
      return { ok: false, messages: [`dd-observe keeps no SLOs of type ${JSON.stringify(body.type)}`] };
  }
}

function metricOf({ query, sli_specification: specification }: SloBody): Indicator {
  const { numerator, denominator, ...rest } = query ?? {};
  const further = Object.keys(rest);
  if (specification === undefined && further.length === 0 && query !== undefined)
    return { ok: true, fields: { numerator: text(numerator), denominator: text(denominator) } };
  const what =
    further.length > 0 ? `its query has ${further.join(", ")}` : "its formulas make no two queries";
  return {
    ok: false,
    messages: [`it counts in a way that a document can't say: ${what}`],
  };
}

function monitorsOf(
  { monitor_ids: ids, groups }: SloBody,
  nameOf: (id: string) => string | undefined,
): Indicator {
  const names = ids.map((id) => [id, nameOf(id)] as const);
  const unknown = names.filter(([, name]) => name === undefined).map(([id]) => id);
  if (unknown.length > 0) {
    const many =
      unknown.length === 1 ? `monitor ${unknown[0]}, which` : `monitors ${unknown.join(", ")}, which`;
    return {
      ok: false,
      messages: [
        `it measures ${many} dd-observe doesn't keep; import ${unknown.length === 1 ? "it" : "them"} in the same run`,
      ],
    };
  }
  return {
    ok: true,
    fields: {
      monitors: names.map(([, name]) => name),
      ...(groups.length === 0 ? {} : { groups }),
    },
  };
}

/** The name that a single query has where a document names none. */
const ONLY_QUERY = "query1";

function sliceOf({ sli_specification: specification }: SloBody): Indicator {
  const { time_slice: slice, ...others } = specification ?? {};
  const {
    query,
    comparator,
    threshold,
    query_interval_seconds: seconds,
    ...more
  } = isObject(slice) ? slice : {};
  const { formulas, queries, ...rest } = isObject(query) ? query : {};
  const further = [...Object.keys(others), ...Object.keys(more), ...Object.keys(rest)];
  const named = listOf(queries);
  const [formula, ...formulaMore] = listOf(formulas);
  const strange = named.find(
    (one) => one["data_source"] !== "metrics" || Object.keys(one).some((field) => !QUERY_FIELDS.has(field)),
  );
  const refuse = (why: string): Indicator => ({
    ok: false,
    messages: [`it measures in a way that a document can't say: ${why}`],
  });
  if (further.length > 0) return refuse(`it has ${further.join(", ")}`);
  if (formulaMore.length > 0) return refuse("it has several formulas");
  if (strange !== undefined)
    return refuse(
      `its query ${text(strange["name"])} is ${JSON.stringify(strange["data_source"])}, or says more`,
    );
  const texts = Object.fromEntries(named.map((one) => [text(one["name"]), text(one["query"]).trim()]));
  const whole = text(formula?.["formula"]).trim();
  const isSingle = named.length === 1 && whole === ONLY_QUERY && ONLY_QUERY in texts;
  return {
    ok: true,
    fields: {
      ...(isSingle ? { query: texts[ONLY_QUERY] } : { queries: texts, formula: whole }),
      ...(comparator === SLO_DEFAULTS.comparator ? {} : { comparator }),
      threshold,
      ...(seconds === SLO_DEFAULTS.queryIntervalSeconds ? {} : { queryIntervalSeconds: seconds }),
    },
  };
}

const QUERY_FIELDS: ReadonlySet<string> = new Set(["data_source", "name", "query"]);

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
