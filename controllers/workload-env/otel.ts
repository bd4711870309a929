import type { Instrumentation } from "../../crds/instrumentation.ts";
import type { Wish } from "../../crds/resolve.ts";
import { allTags } from "../scope.ts";
import { PLACEHOLDERS, type Variable } from "./variable.ts";

/** The Agent's OTLP receiver, by protocol. It has no socket. */
const PORTS = { "http/protobuf": 4318, "http/json": 4318, grpc: 4317 } as const;

/**
 * The variables of OpenTelemetry's SDKs. No DD_TRACE_*: dd-trace reads OTEL_* as its own, so only one is published.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function otelVariables(
  wish: Wish,
  { mode, otlp, sampleRate, llmobs, env }: Instrumentation,
  clusterId: string,
): ReadonlyMap<string, Variable> {
  const protocol = otlp?.protocol ?? "http/protobuf";
  const host = mode === "hostip" ? PLACEHOLDERS.nodeIp : "127.0.0.1";
  const byProfile = (value: string): Variable => ({ value, from: "profile" });
  const byWish = (value: string, field: string): Variable => ({ value, from: "wish", field });
  const variables = new Map<string, Variable>([
    ["OTEL_SERVICE_NAME", { value: wish.service, from: "default" }],
    ["OTEL_RESOURCE_ATTRIBUTES", byWish(attributesOf(wish, { llmobs, env }, clusterId), "tags")],
    [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      otlp?.endpoint === undefined
        ? { value: `http://${host}:${PORTS[protocol]}`, from: "profile", field: "instrumentation.mode" }
        : byWish(otlp.endpoint, "instrumentation.otlp.endpoint"),
    ],
    [
      "OTEL_EXPORTER_OTLP_PROTOCOL",
      otlp?.protocol === undefined ? byProfile(protocol) : byWish(protocol, "instrumentation.otlp.protocol"),
    ],
    ["OTEL_TRACES_EXPORTER", byProfile("otlp")],
    // Without it Node's SDK drops metrics without a word.
    ["OTEL_METRICS_EXPORTER", byProfile("otlp")],
    // The Agent takes logs by OTLP only where that is switched on.
    ["OTEL_LOGS_EXPORTER", byProfile("none")],
    // Datadog's sums are of intervals. https://docs.datadoghq.com/opentelemetry/guide/otlp_delta_temporality/
    ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", byProfile("delta")],
    // Instrumentations that began with older names emit gen_ai.* of today only when asked.
    ["OTEL_SEMCONV_STABILITY_OPT_IN", byProfile("gen_ai_latest_experimental")],
  ]);
  if (sampleRate !== undefined) {
    const field = "instrumentation.sampleRate";
    variables.set("OTEL_TRACES_SAMPLER", byWish("parentbased_traceidratio", field));
    variables.set("OTEL_TRACES_SAMPLER_ARG", byWish(String(sampleRate), field));
  }
  return variables;
}

/** Unified tags in OpenTelemetry's words, and the wish's own tags as they are. */
function attributesOf(
  wish: Wish,
  { llmobs, env = {} }: Pick<Instrumentation, "llmobs" | "env">,
  clusterId: string,
): string {
  const version = env["DD_VERSION"];
  const attributes: readonly (readonly [string, string])[] = [
    ...(wish.env === undefined ? [] : [["deployment.environment.name", wish.env] as const]),
    // The name of older conventions, which older Agents read.
    ...(wish.env === undefined ? [] : [["deployment.environment", wish.env] as const]),
    ...(version === undefined ? [] : [["service.version", String(version)] as const]),
    ...allTags(wish, clusterId)
      .filter((tag) => !/^(?:service|env):/.test(tag))
      .map((tag) => [tag.slice(0, tag.indexOf(":")), tag.slice(tag.indexOf(":") + 1)] as const),
    // Asks Datadog to make LLM Observability's spans of GenAI's.
    ...(llmobs === true ? [["dd_llmobs_enabled", "true"] as const] : []),
  ];
  return attributes.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join(",");
}

/** As W3C Baggage has it, which the specification asks for. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll("%2F", "/").replaceAll("%3A", ":");
}
