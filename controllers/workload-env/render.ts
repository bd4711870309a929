import { AGENT_PACK, instrumentationOf, type Instrumentation } from "../../crds/instrumentation.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compareText } from "../../engine/plan/plan.ts";
import { allTags } from "../scope.ts";
import { nodeLoader } from "./node-loader.ts";
import { otelVariables } from "./otel.ts";
import { PLACEHOLDERS, type Variable } from "./variable.ts";
import { warningsOf, type Warning } from "./warnings.ts";

/** What the workload of one service is given. */
export interface Environment {
  readonly instrumentation: Instrumentation;
  /** By name, sorted. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** What is likely not meant, each with what to do. Nothing is left out for it. */
  readonly warnings: readonly Warning[];
}

type Variables = Map<string, Variable>;

/** Works out the environment of a service's workload. Undefined if its wish asks for none. Pure. */
export function renderEnvironment(wish: Wish, clusterId: string): Environment | undefined {
  const instrumentation = instrumentationOf(wish.instrumentation, wish.pack.name);
  if (instrumentation === undefined) return undefined;
  const variables: Variables = new Map();
  putUnified(variables, wish, clusterId);
  putAgent(variables, instrumentation);
  if (instrumentation.profile === "ddtrace") putDatadog(variables, instrumentation);
  if (instrumentation.profile === "otel")
    for (const [name, variable] of otelVariables(wish, instrumentation, clusterId))
      variables.set(name, variable);
  if (instrumentation.profile !== "otel") putLangfuse(variables, wish, instrumentation);
  if (instrumentation.inject) putInjection(variables, instrumentation);
  for (const [name, value] of Object.entries(instrumentation.env ?? {}))
    variables.set(name, { value: String(value), from: "wish", field: `instrumentation.env.${name}` });
  return {
    instrumentation,
    variables: new Map([...variables].sort(([a], [b]) => compareText(a, b))),
    warnings: warningsOf(instrumentation, wish.pack.name === AGENT_PACK),
  };
}

function byWish(value: string, field: string): Variable {
  return { value, from: "wish", field };
}

/** @see https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/ */
function putUnified(variables: Variables, wish: Wish, clusterId: string): void {
  variables.set("DD_SERVICE", { value: wish.service, from: "default" });
  if (wish.env !== undefined) variables.set("DD_ENV", byWish(wish.env, "env"));
  const tags = allTags(wish, clusterId).filter((tag) => !/^(?:service|env):/.test(tag));
  variables.set("DD_TAGS", byWish(tags.join(","), "tags"));
}

const HOSTS = { local: "127.0.0.1", hostip: PLACEHOLDERS.nodeIp } as const;
/** Where Datadog's own packages and images put the Agent's sockets. */
const SOCKETS = "/var/run/datadog";

/** Where the Agent takes traces and metrics. dd-trace for Node reads no DD_DOGSTATSD_URL, hot-shots and the preload do. */
function putAgent(variables: Variables, { mode, profile }: Instrumentation): void {
  const put = (name: string, value: string): void => {
    variables.set(name, { value, from: "profile", field: "instrumentation.mode" });
  };
  if (mode === "socket") {
    if (profile === "ddtrace") put("DD_TRACE_AGENT_URL", `unix://${SOCKETS}/apm.socket`);
    put("DD_DOGSTATSD_URL", `unix://${SOCKETS}/dsd.socket`);
    return;
  }
  const host = HOSTS[mode];
  if (profile === "ddtrace") put("DD_TRACE_AGENT_URL", `http://${host}:8126`);
  put("DD_AGENT_HOST", host);
  put("DD_DOGSTATSD_PORT", "8125");
  put("DD_DOGSTATSD_URL", `udp://${host}:8125`);
}

function putDatadog(variables: Variables, { sampleRate, llmobs }: Instrumentation): void {
  variables.set("DD_TRACE_STARTUP_LOGS", { value: "false", from: "profile" });
  if (sampleRate !== undefined)
    variables.set(
      "DD_TRACE_SAMPLING_RULES",
      byWish(JSON.stringify([{ sample_rate: sampleRate }]), "instrumentation.sampleRate"),
    );
  // DD_SERVICE names the application; DD_LLMOBS_ML_APP alone would switch it on, and is deprecated in Python.
  if (llmobs !== undefined)
    variables.set("DD_LLMOBS_ENABLED", byWish(String(llmobs), "instrumentation.llmobs"));
}

/** An environment's name as Langfuse takes it. @see https://langfuse.com/docs/observability/features/environments */
const LANGFUSE_ENVIRONMENT = /^(?!langfuse)[a-z0-9_-]{1,40}$/;

/** Only the base URL: the keys come from a Nomad Variable. Python's older SDKs call it LANGFUSE_HOST. */
function putLangfuse(
  variables: Variables,
  { env }: Wish,
  { profile, langfuse, sampleRate, inject }: Instrumentation,
): void {
  if (langfuse?.baseUrl === undefined) return;
  variables.set("LANGFUSE_BASE_URL", byWish(langfuse.baseUrl, "instrumentation.langfuse.baseUrl"));
  variables.set("LANGFUSE_HOST", byWish(langfuse.baseUrl, "instrumentation.langfuse.baseUrl"));
  if (env !== undefined && LANGFUSE_ENVIRONMENT.test(env))
    variables.set("LANGFUSE_TRACING_ENVIRONMENT", byWish(env, "env"));
  if (profile === "langfuse" && sampleRate !== undefined)
    variables.set("LANGFUSE_SAMPLE_RATE", byWish(String(sampleRate), "instrumentation.sampleRate"));
  if (inject) variables.set("DD_OBSERVE_LANGFUSE", byWish("true", "instrumentation.langfuse.baseUrl"));
}

/** What loads the tracer and the preload. Either is left out where it isn't there, and the workload runs on. */
function putInjection(variables: Variables, instrumentation: Instrumentation): void {
  const { profile, language, agentMetrics, prices, tracer } = instrumentation;
  variables.set("DD_OBSERVE_AGENT_METRICS", byWish(String(agentMetrics), "instrumentation.agentMetrics"));
  if (agentMetrics && prices !== undefined && Object.keys(prices).length > 0)
    variables.set("DD_OBSERVE_PRICES", byWish(JSON.stringify(sorted(prices)), "instrumentation.prices"));
  if (language === "node")
    variables.set("NODE_OPTIONS", byWish(nodeLoader({ profile, tracer }), "instrumentation.inject"));
  if (language === "python") {
    const bootstrap = profile === "ddtrace" ? tracer?.bootstrap : undefined;
    const folders = [`${PLACEHOLDERS.preload}/python`, ...(bootstrap === undefined ? [] : [bootstrap])];
    variables.set("PYTHONPATH", byWish(folders.join(":"), "instrumentation.inject"));
  }
}

/** The same bytes whatever the order in which layers name the models. */
function sorted(prices: NonNullable<Instrumentation["prices"]>): object {
  const names = Object.keys(prices).sort(compareText);
  return Object.fromEntries(
    names.map((name) => [name, { input: prices[name]!.input, output: prices[name]!.output }]),
  );
}
