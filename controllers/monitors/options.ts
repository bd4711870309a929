import { fillIn, fillInText, type Variables } from "../../crds/pack.ts";
import { splitComparison } from "./comparison.ts";
import type { Definition } from "./definition.ts";
import { NESTED_FIELDS, OPTION_FIELDS, OUTER_FIELDS, WINDOW_FIELDS, withApiNames } from "./fields.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * A monitor's options, with the API's names.
 *
 * @param query With its placeholders filled in.
 */
export function optionsOf(definition: Definition, query: string, variables: Variables): Json {
  const { escalationMessage } = definition;
  return withoutUndefined({
    thresholds: unlessEmpty(thresholdsOf(definition, query, variables)),
    ...renamed(definition, OPTION_FIELDS),
    threshold_windows: unlessEmpty(renamed(definition, WINDOW_FIELDS)),
    escalation_message:
      escalationMessage === undefined ? undefined : fillInText(escalationMessage, variables),
    variables: definition.variables === undefined ? undefined : fillIn(definition.variables, variables),
  });
}

/** What stands beside the options only if the document states it. */
export function outerFieldsOf(definition: Definition): Json {
  return renamed(definition, OUTER_FIELDS);
}

/**
 * The thresholds, without those of the pack that a document's own contradict: whoever lowers
 * `critical` below the pack's `warning` doesn't have to know that there was one.
 */
function thresholdsOf(definition: Definition, query: string, variables: Variables): Json {
  const { critical, warning, ok, unknown, stated } = definition;
  const { criticalQuery, criticalRecoveryQuery } = definition;
  const below = splitComparison(query)?.operator.startsWith("<") === true;
  const keeps = (name: string, inner: number | undefined, outer: number | undefined): number | undefined => {
    if (inner === undefined || outer === undefined || stated.has(name)) return inner;
    return (below ? inner > outer : inner < outer) ? inner : undefined;
  };
  const isCheck = definition.type === "service check";
  const keptWarning = isCheck ? warning : keeps("warning", warning, critical);
  const recovery = numberOf(definition.warningRecovery);
  const hasGround = keptWarning !== undefined || stated.has("warningRecovery");
  return withoutUndefined({
    critical,
    warning: keptWarning,
    critical_recovery: keeps("criticalRecovery", numberOf(definition.criticalRecovery), critical),
    warning_recovery: hasGround ? keeps("warningRecovery", recovery, keptWarning) : undefined,
    critical_query: criticalQuery === undefined ? undefined : fillInText(criticalQuery, variables),
    critical_recovery_query:
      criticalRecoveryQuery === undefined ? undefined : fillInText(criticalRecoveryQuery, variables),
    ok,
    unknown,
  });
}

/** A recovery of `false` is none. */
function numberOf(recovery: number | false | undefined): number | undefined {
  return recovery === false ? undefined : recovery;
}

/** The fields that are set, under the API's names. */
function renamed(definition: Definition, names: Readonly<Record<string, string>>): Json {
  const fields = definition as unknown as Json;
  return Object.fromEntries(
    Object.entries(names)
      .filter(([name]) => fields[name] !== undefined)
      .map(([name, apiName]) => [
        apiName,
        NESTED_FIELDS.has(name) ? withApiNames(fields[name]) : fields[name],
      ]),
  );
}

function unlessEmpty(fields: Json): Json | undefined {
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function withoutUndefined(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
