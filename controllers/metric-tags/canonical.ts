import { textSet, trimmed } from "../datadog/texts.ts";
import { isObject, type Json } from "../monitors/canonical.ts";

/**
 * Which tags of a metric Datadog keeps, in canonical form: two equal configurations are deeply
 * equal. Names are the API's own.
 *
 * `aggregations` is never part of it: deprecated, and Datadog fills it in by the metric's type.
 *
 * @see https://docs.datadoghq.com/api/latest/metrics/#create-a-tag-configuration
 */
export interface MetricTagsBody {
  readonly metric: string;
  /** `gauge`, `count`, `rate` or `distribution`. Absent if the wish doesn't say: then it is what the metric is. */
  readonly metric_type?: string;
  /** Sorted and unique. */
  readonly tags: readonly string[];
  /** True: the tags are those left out. False: those kept. */
  readonly exclude_tags_mode: boolean;
  /** Only a distribution can have percentiles. */
  readonly include_percentiles: boolean;
}

/** What the wish of a configuration comes to, in canonical form. */
export function canonicalDesired(wire: Json): MetricTagsBody {
  const attributes = attributesOf(wire);
  const type = trimmed(attributes["metric_type"]);
  return {
    metric: trimmed(wire["id"]),
    ...(type === "" ? {} : { metric_type: type }),
    tags: textSet(attributes["tags"]),
    exclude_tags_mode: attributes["exclude_tags_mode"] === true,
    include_percentiles: attributes["include_percentiles"] === true,
  };
}

/**
 * A configuration as Datadog returned it, in canonical form.
 *
 * @param raw An item of the list, or `data` of a single answer.
 * @param wanted The wish, if there is one. The type counts only if the wish states it.
 */
export function canonicalObserved(raw: Json, wanted?: MetricTagsBody): MetricTagsBody {
  const { metric_type: type, ...body } = canonicalDesired(raw);
  const counts = wanted === undefined || wanted.metric_type !== undefined;
  return counts && type !== undefined ? { ...body, metric_type: type } : body;
}

/**
 * `data` of the request that creates the configuration.
 *
 * @param knownType What the metric is, for a wish that doesn't say. Datadog asks for a type in every create.
 */
export function toWire(body: MetricTagsBody, knownType = "gauge"): Json {
  const type = body.metric_type ?? knownType;
  return {
    type: "manage_tags",
    id: body.metric,
    attributes: { metric_type: type, ...changeable(body, type) },
  };
}

/**
 * `data` of the request that changes the configuration: a metric's type is never part of it.
 *
 * @param knownType What the metric is, for a wish that doesn't say.
 */
export function toPatch(body: MetricTagsBody, knownType = "gauge"): Json {
  return {
    type: "manage_tags",
    id: body.metric,
    attributes: changeable(body, body.metric_type ?? knownType),
  };
}

/** Datadog refuses `include_percentiles`, even false, for what is no distribution. */
function changeable(body: MetricTagsBody, type: string): Json {
  const hasPercentiles = body.include_percentiles || type === "distribution";
  return {
    tags: [...body.tags],
    exclude_tags_mode: body.exclude_tags_mode,
    ...(hasPercentiles ? { include_percentiles: body.include_percentiles } : {}),
  };
}

function attributesOf(wire: Json): Json {
  return isObject(wire["attributes"]) ? wire["attributes"] : {};
}
