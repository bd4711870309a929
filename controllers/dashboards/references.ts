import { SHORT_REFERENCES } from "../../crds/placeholders.ts";
import { reference } from "../../engine/plan/tokens.ts";

const SHORT = new RegExp(
  `\\$\\{(${Object.keys(SHORT_REFERENCES).join("|")}):([^{}|]+)(?:\\|([^{}]*))?\\}`,
  "g",
);

/** Writes out what is short for a service's own objects: `${slo:latency}` of `ray` is `${slos:ray/latency}`. */
export function expandShortReferences(value: unknown, service: string): unknown {
  if (typeof value === "string") {
    return value.replaceAll(
      SHORT,
      (_all, kind: keyof typeof SHORT_REFERENCES, name: string, fallback?: string) =>
        reference(SHORT_REFERENCES[kind], `${service}/${name}`, fallback),
    );
  }
  if (Array.isArray(value)) return value.map((item) => expandShortReferences(item, service));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, expandShortReferences(inner, service)]),
  );
}
