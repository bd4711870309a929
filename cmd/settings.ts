export interface Setting {
  readonly env: readonly string[];
  readonly flag?: string;
  readonly value: string;
  readonly description: string;
  readonly default?: string;
  /** The default in words, where it depends on the machine. */
  readonly docsDefault?: string;
}

/** Every setting, in the order in which help and the reference show them. Flags win over the environment. */
export const SETTINGS = {
  consulAddr: {
    env: ["CONSUL_HTTP_ADDR"],
    flag: "--consul-addr",
    value: "url",
    description: "Consul's HTTP API",
    default: "http://127.0.0.1:8500",
  },
  consulToken: { env: ["CONSUL_HTTP_TOKEN"], value: "token", description: "Consul's token" },
  consulTokenFile: {
    env: ["CONSUL_HTTP_TOKEN_FILE"],
    flag: "--consul-token-file",
    value: "path",
    description: "file with Consul's token; read again when it is refused",
  },
  consulCaCert: {
    env: ["CONSUL_CACERT"],
    flag: "--consul-ca-cert",
    value: "path",
    description: "CA of Consul's certificate",
  },
  consulNamespace: {
    env: ["CONSUL_NAMESPACE"],
    flag: "--consul-namespace",
    value: "name",
    description: "Consul namespace (Enterprise)",
  },
  consulDatacenter: {
    env: ["CONSUL_DATACENTER"],
    flag: "--consul-datacenter",
    value: "name",
    description: "Consul datacenter to ask",
  },
  nomadAddr: {
    env: ["NOMAD_ADDR"],
    flag: "--nomad-addr",
    value: "url",
    description: "this machine's Nomad agent, or unix://<path> of a task's API socket",
    default: "http://127.0.0.1:4646",
    docsDefault: "http://127.0.0.1:4646; the API socket within a task of Nomad that has a token",
  },
  nomadToken: { env: ["NOMAD_TOKEN"], value: "token", description: "Nomad's token" },
  nomadTokenFile: {
    env: ["NOMAD_TOKEN_FILE"],
    flag: "--nomad-token-file",
    value: "path",
    description: "file with Nomad's token; read again when it is refused",
  },
  nomadCaCert: {
    env: ["NOMAD_CACERT"],
    flag: "--nomad-ca-cert",
    value: "path",
    description: "CA of Nomad's certificate",
  },
  nomadNamespace: {
    env: ["NOMAD_NAMESPACE"],
    flag: "--nomad-namespace",
    value: "name",
    description: "Nomad namespace of calls that name no other",
  },
  nomadServices: {
    env: ["DD_OBSERVE_NOMAD_SERVICES"],
    flag: "--nomad-services",
    value: "on|off",
    description: 'count services that Nomad registers itself (provider = "nomad"), from Nomad 1.3 on',
    default: "off",
  },
  nomadNamespaces: {
    env: ["DD_OBSERVE_NOMAD_NAMESPACES"],
    flag: "--nomad-namespaces",
    value: "names",
    description: "Nomad namespaces whose services count, with commas between them; * for all",
    default: "*",
  },
  nomadJobs: {
    env: ["DD_OBSERVE_NOMAD_JOBS"],
    flag: "--nomad-jobs",
    value: "on|off",
    description:
      "look into the jobs of services that have an environment, and write it into their Variables where that is wished",
    default: "on",
  },
  nomadAllocId: {
    env: ["NOMAD_ALLOC_ID"],
    value: "id",
    description: "the allocation that dd-observe itself runs in; Nomad sets it",
  },
  nomadConfigDir: {
    env: ["DD_OBSERVE_NOMAD_CONFIG_DIR"],
    flag: "--nomad-config-dir",
    value: "path",
    description: "the folder that this machine's Nomad reads its configuration from",
    default: "/etc/nomad.d",
  },
  nomadBin: {
    env: ["DD_OBSERVE_NOMAD_BIN"],
    flag: "--nomad-bin",
    value: "path",
    description: "the nomad program, which checks a telemetry file before it is put in place; off for none",
    default: "nomad",
  },
  nomadRestart: {
    env: ["DD_OBSERVE_NOMAD_RESTART"],
    flag: "--nomad-restart",
    value: "how",
    description:
      "what restarts this machine's Nomad where a document wishes it: none, or command:<program and arguments>",
    default: "none",
  },
  datadogUrl: {
    env: ["DD_API_URL"],
    flag: "--datadog-url",
    value: "url",
    description: "base URL of Datadog's API; overrides the site",
  },
  datadogSite: {
    env: ["DD_SITE"],
    flag: "--datadog-site",
    value: "site",
    description: "Datadog site",
    default: "datadoghq.com",
  },
  datadogApiKey: { env: ["DD_API_KEY"], value: "key", description: "Datadog API key" },
  datadogAppKey: { env: ["DD_APP_KEY"], value: "key", description: "Datadog application key" },
  nodeName: {
    env: ["DD_OBSERVE_NODE_NAME"],
    flag: "--node-name",
    value: "name",
    description: "this machine's name in Consul; asked of Consul's agent if absent",
  },
  confdDir: {
    env: ["DD_OBSERVE_CONFD_DIR"],
    flag: "--confd-dir",
    value: "path",
    description: "the Agent's conf.d folder",
    default: process.platform === "darwin" ? "/opt/datadog-agent/etc/conf.d" : "/etc/datadog-agent/conf.d",
    docsDefault: "/etc/datadog-agent/conf.d, on macOS /opt/datadog-agent/etc/conf.d",
  },
  agentUrl: {
    env: ["DD_OBSERVE_AGENT_URL"],
    flag: "--agent-url",
    value: "url",
    description: "the Agent's expvar",
    default: "http://127.0.0.1:5000",
  },
  agentReload: {
    env: ["DD_OBSERVE_AGENT_RELOAD"],
    flag: "--agent-reload",
    value: "how",
    description:
      "how the Agent learns of new files: none, poll, command:<argv>, or nomad:<job>/<task>, which restarts the task, with ?signal=<name> to signal it instead",
    default: "none",
  },
  dogstatsd: {
    env: ["DD_OBSERVE_DOGSTATSD"],
    flag: "--dogstatsd",
    value: "host:port",
    description: "the Agent's DogStatsD: host:port, or unix:<path> of its socket",
    default: "127.0.0.1:8125",
  },
  otlpGrpc: {
    env: ["DD_OBSERVE_OTLP_GRPC"],
    flag: "--otlp-grpc",
    value: "host:port",
    description: "the Agent's OTLP receiver for gRPC",
    default: "127.0.0.1:4317",
  },
  otlpHttp: {
    env: ["DD_OBSERVE_OTLP_HTTP"],
    flag: "--otlp-http",
    value: "host:port",
    description: "the Agent's OTLP receiver for HTTP",
    default: "127.0.0.1:4318",
  },
  apm: {
    env: ["DD_OBSERVE_APM"],
    flag: "--apm",
    value: "host:port",
    description: "the Agent's receiver for traces",
    default: "127.0.0.1:8126",
  },
  tag: {
    env: ["DD_OBSERVE_TAG"],
    value: "tag",
    description: "the tag that says a service is observed",
    default: "dd-observe",
  },
  kvPrefix: {
    env: ["DD_OBSERVE_KV_PREFIX"],
    value: "prefix",
    description: "where documents stand in Consul's KV",
    default: "observability",
  },
  statePrefix: {
    env: ["DD_OBSERVE_STATE_PREFIX"],
    value: "prefix",
    description: "where dd-observe keeps its own state in Consul's KV",
    default: "dd-observe",
  },
  clusterId: {
    env: ["DD_OBSERVE_CLUSTER_ID"],
    flag: "--cluster-id",
    value: "id",
    description: "marks what this operator owns; the Consul datacenter if absent",
  },
  httpAddr: {
    env: ["DD_OBSERVE_HTTP_ADDR"],
    flag: "--http-addr",
    value: "host:port",
    description: "status page, /metrics, /healthz, /readyz and /v1",
    default: "127.0.0.1:8620",
  },
  httpToken: {
    env: ["DD_OBSERVE_HTTP_TOKEN"],
    value: "token",
    description: "asked of clients when the address is not loopback",
  },
  resync: {
    env: ["DD_OBSERVE_RESYNC"],
    flag: "--resync",
    value: "duration",
    description: "how often everything is compared afresh",
    default: "60s",
  },
  grace: {
    env: ["DD_OBSERVE_GRACE"],
    flag: "--grace",
    value: "duration",
    description: "how long a service must be gone before its objects are deleted",
    default: "10m",
  },
  maxDeletes: {
    env: ["DD_OBSERVE_MAX_DELETES"],
    flag: "--max-deletes",
    value: "n,p%",
    description:
      "how much one pass may delete without approval: a number, a share, or both (the larger counts)",
    default: "10,20%",
  },
  changeEvents: {
    env: ["DD_OBSERVE_CHANGE_EVENTS"],
    flag: "--change-events",
    value: "on|off",
    description: "tell in Datadog, by an event, what dd-observe changed there",
    default: "on",
  },
  costInterval: {
    env: ["DD_OBSERVE_COST_INTERVAL"],
    flag: "--cost-interval",
    value: "duration",
    description: "how often the leader measures what each service costs; 0 for never",
    default: "1h",
  },
  arrivalInterval: {
    env: ["DD_OBSERVE_ARRIVAL_INTERVAL"],
    flag: "--arrival-interval",
    value: "duration",
    description: "how often the leader looks whether each service's metrics arrive in Datadog; 0 for never",
    default: "5m",
  },
  evaluators: {
    env: ["DD_OBSERVE_EVALUATORS"],
    flag: "--evaluators",
    value: "on|off",
    description:
      "whether evaluators of LLM Observability are kept; Datadog marks their API as unstable and may change it",
    default: "off",
  },
  budgetInterval: {
    env: ["DD_OBSERVE_BUDGET_INTERVAL"],
    flag: "--budget-interval",
    value: "duration",
    description:
      "how often the leader holds budgets of AI agents against their cost, and sends both to its Agent; 0 for never",
    default: "5m",
  },
  probeInterval: {
    env: ["DD_OBSERVE_PROBE_INTERVAL"],
    flag: "--probe-interval",
    value: "duration",
    description: "how often a node asks the endpoints of its services and the Agent's receivers; 0 for never",
    default: "60s",
  },
  policy: {
    env: ["DD_OBSERVE_POLICY_FILE"],
    flag: "--policy",
    value: "path",
    description: "what people may wish; strict if absent",
  },
  packsDir: {
    env: ["DD_OBSERVE_PACKS_DIR"],
    flag: "--packs-dir",
    value: "path",
    description:
      "folders of more packs, joined by a colon; one with a built-in's name replaces or extends it",
  },
  logLevel: {
    env: ["DD_OBSERVE_LOG_LEVEL"],
    flag: "--log-level",
    value: "level",
    description: "trace, debug, info, warn, error, silent",
    default: "info",
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof SETTINGS;
export type Flags = Readonly<Partial<Record<SettingName, string | undefined>>>;
export type Env = Readonly<Record<string, string | undefined>>;
