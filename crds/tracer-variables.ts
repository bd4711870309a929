import known from "./tracer-variables.json" with { type: "json" };

export type VariableType = "string" | "boolean" | "int" | "decimal" | "array" | "map" | "json";
export type Language = "node" | "python";

export interface TracerVariable {
  readonly type: VariableType;
  /** Whose libraries read it. */
  readonly languages: readonly Language[];
}

/**
 * The variables that a wish may set, by name: what the tracers' own registries of supported configuration name, without
 * what holds a secret, leads elsewhere, names a file or runs code, or is for tests and builds.
 *
 * @see https://github.com/DataDog/dd-trace-js/blob/master/packages/dd-trace/src/config/supported-configurations.json
 * @see https://github.com/DataDog/dd-trace-py/blob/main/supported-configurations.json
 */
export const TRACER_VARIABLES: ReadonlyMap<string, TracerVariable> = new Map(
  Object.entries(known.variables).map(([name, text]) => {
    const [type, languages = ""] = text.split(" ");
    // The file is ours, and a test reads each of its lines.
    return [name, { type: type as VariableType, languages: languages.split(",") as Language[] }];
  }),
);

/** Which versions of which libraries the names come from. */
export const TRACER_SOURCES: Readonly<Record<string, string>> = known.sources;

/** Whose libraries read a variable, by how it begins. */
const READERS = {
  DD: { node: "dd-trace (Node)", python: "ddtrace (Python)" },
  OTEL: { node: "OpenTelemetry for Node", python: "OpenTelemetry for Python" },
  LANGFUSE: { node: "Langfuse for Node", python: "Langfuse for Python" },
} as const satisfies Readonly<Record<string, Readonly<Record<Language, string>>>>;

/** Who reads a variable, such as `dd-trace (Node)` and `ddtrace (Python)`. Nothing for a name that can't be wished. */
export function readersOf(name: string): readonly string[] {
  // The beginning is one of these three: a test reads every name.
  const names = READERS[name.split("_", 1)[0] as keyof typeof READERS];
  return (TRACER_VARIABLES.get(name)?.languages ?? []).map((language) => names[language]);
}

/** Names that a field of the wish sets, and what to use instead. */
const OWN: Readonly<Record<string, string>> = {
  DD_SERVICE: "it is the service's name",
  DD_ENV: "use env",
  DD_TAGS: "use team and tags",
  DD_LLMOBS_ENABLED: "use instrumentation.llmobs",
  OTEL_SERVICE_NAME: "it is the service's name",
  OTEL_RESOURCE_ATTRIBUTES: "use env, team and tags",
  DD_OBSERVE_AGENT_METRICS: "use instrumentation.agentMetrics",
  DD_OBSERVE_PRICES: "use instrumentation.prices",
  DD_OBSERVE_LANGFUSE: "use instrumentation.langfuse",
  NODE_OPTIONS: "use instrumentation.inject; the job's own options are kept",
  PYTHONPATH: "use instrumentation.inject; the job's own path is kept",
};

/** Why others are refused, the first that fits. */
const REFUSED: readonly (readonly [pattern: RegExp, why: string])[] = [
  [
    /(?:^|_)(?:KEY|SECRET|PASSWORD|TOKEN|CREDENTIALS?)(?:_|$)|_HEADERS$/,
    "can't be wished: it may hold a secret, and Consul is no place for one; give it to the job by a Nomad Variable",
  ],
  [
    /^DD_(?:TRACE_AGENT|AGENT|DOGSTATSD|TRACE_URL)/,
    "can't be wished: where the Agent is follows from instrumentation.mode",
  ],
  [/^OTEL_EXPORTER_OTLP.*ENDPOINT$/, "can't be wished: use instrumentation.otlp.endpoint"],
  [/^LANGFUSE_(?:BASE_?URL|HOST)$/, "can't be wished: use instrumentation.langfuse.baseUrl"],
  [
    /_(?:URLS?|HOST|HOSTNAME|ENDPOINT|PORT|ORIGIN|SOCKET)$|_PROXY(?:_|$)/,
    "can't be wished: it leads the workload's data elsewhere; set it in the job itself",
  ],
  [
    /(?:^|_)(?:FILE|FILENAME|PATH|DIR|FOLDER|CERTIFICATE|DESTINATION|COMMAND|PRELOAD)(?:_|$)/,
    "can't be wished: it names a file of the workload; set it in the job itself",
  ],
];

/** @see https://docs.datadoghq.com/getting_started/site/ */
const SITES: readonly string[] = [
  "datadoghq.com",
  "us3.datadoghq.com",
  "us5.datadoghq.com",
  "datadoghq.eu",
  "ap1.datadoghq.com",
  "ap2.datadoghq.com",
  "ddog-gov.com",
];

/** Why a name can't be wished; undefined if it may. `unknown` if nobody reads it. The sentence goes on after the name. */
export function refusedVariable(name: string): string | undefined {
  if (TRACER_VARIABLES.has(name)) return undefined;
  if (Object.hasOwn(OWN, name)) return `can't be wished as a variable: ${OWN[name]}`;
  return REFUSED.find(([pattern]) => pattern.test(name))?.[1] ?? "unknown";
}

/** What is wrong with a value; undefined if nothing is. Never repeats it. */
export function wrongVariable(name: string, value: string | number | boolean): string | undefined {
  const type = TRACER_VARIABLES.get(name)?.type;
  const text = String(value);
  if (text === "") return "must not be empty";
  if (text.length > 4_000) return "must have at most 4000 characters";
  // oxlint-disable-next-line no-control-regex -- refusing control characters is the point
  if (/[\u0000-\u001f\u007f]/.test(text)) return "must stand on one line, without control characters";
  if (name === "DD_SITE" && !SITES.includes(text))
    return `must be one of Datadog's sites: ${SITES.join(", ")}`;
  if (type === "boolean" && !/^(?:true|false|1|0)$/.test(text)) return "must be true or false";
  if (type === "int" && !/^-?\d{1,15}$/.test(text)) return "must be a whole number";
  if (type === "decimal" && !/^-?\d{1,15}(?:\.\d{1,15})?$/.test(text)) return "must be a number";
  if (type === "json" && !isJson(text)) return "must be JSON";
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
