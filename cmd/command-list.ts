import { Option } from "commander";

import type { Run } from "./call.ts";
import type { SettingName } from "./settings.ts";

/** What a command says of itself. */
export interface Description {
  /** `describe <service>` */
  readonly usage: string;
  readonly summary: string;
  /** More than the summary, for the command's own help. */
  readonly details?: string;
  readonly settings: readonly SettingName[];
  readonly options?: readonly Option[];
  readonly examples: readonly string[];
  /** Exit codes other than 0 for success and 1 for an error. */
  readonly exit?: string;
  /** Loads the code only when it is needed: help must be there at once. */
  readonly load: () => Promise<Run>;
}

const CONSUL: readonly SettingName[] = [
  "consulAddr",
  "consulTokenFile",
  "consulCaCert",
  "consulNamespace",
  "consulDatacenter",
];
const DATADOG: readonly SettingName[] = ["datadogUrl", "datadogSite"];
const NODE: readonly SettingName[] = ["nodeName", "confdDir", "agentUrl", "agentReload"];
const NOMAD: readonly SettingName[] = [
  "nomadAddr",
  "nomadTokenFile",
  "nomadCaCert",
  "nomadNamespace",
  "nomadServices",
  "nomadNamespaces",
  "nomadJobs",
  "nomadConfigDir",
  "nomadBin",
];
/** Only a process that goes on running asks the Agent's receivers. */
const RECEIVERS: readonly SettingName[] = ["dogstatsd", "otlpGrpc", "otlpHttp", "apm", "probeInterval"];
const RULES: readonly SettingName[] = ["clusterId", "policy", "packsDir"];
const PASS: readonly SettingName[] = [
  ...CONSUL,
  ...DATADOG,
  ...NODE,
  ...NOMAD,
  ...RULES,
  "grace",
  "maxDeletes",
  "evaluators",
];
const APPLY: readonly SettingName[] = [...PASS, "changeEvents"];
const RUN: readonly SettingName[] = [
  ...APPLY,
  ...RECEIVERS,
  "nomadRestart",
  "httpAddr",
  "resync",
  "costInterval",
  "arrivalInterval",
  "budgetInterval",
  "logLevel",
];

/** What can be listed. */
export const KINDS =
  "services|monitors|slos|dashboards|downtimes|metric-tags|catalog|evaluators|files|packs|nodes";

/** Every command, in the order in which help and the reference show them. */
export const COMMANDS: readonly Description[] = [
  {
    usage: "run",
    summary: "run the operator",
    details: "Runs until SIGTERM or SIGINT; a second signal ends it at once.",
    settings: RUN,
    options: [roleOption()],
    examples: ["dd-observe run --role node --confd-dir /etc/datadog-agent/conf.d"],
    load: async () => {
      const { run } = await import("./commands/run.ts");
      return async ({ flags }) => await run(flags);
    },
  },
  {
    usage: "plan",
    summary: "show what would change; writes nothing",
    details:
      "Reads Consul, Datadog and this machine's conf.d with clients that cannot write, and shows what the operator would do now: creates, updates and deletes with every field, what is kept back and why, and which wishes cannot be read.",
    settings: PASS,
    options: [
      roleOption(),
      outputOption(["table", "json", "yaml"]),
      new Option("--validate", "ask Datadog as well whether it would take each change"),
    ],
    examples: ["dd-observe plan", "dd-observe plan --validate", "dd-observe plan --role node -o json"],
    exit: "0 if everything is as wished, 2 if something would change, is kept back or cannot be read",
    load: async () => (await import("./commands/plan.ts")).plan,
  },
  {
    usage: "apply",
    summary: "make one pass, then exit",
    details:
      "Does once what the operator does all the time, under the same lock, and stores what there is to say. While a controller leads, it refuses rather than write beside it. Grace periods go on from one run to the next.",
    settings: APPLY,
    options: [
      roleOption(),
      outputOption(["table", "json", "yaml"]),
      new Option("--wait", "wait until no other controller leads"),
    ],
    examples: ["dd-observe apply", "dd-observe apply --role node"],
    exit: "0 if everything is as wished, 1 if something failed, 2 if something is kept back or cannot be read",
    load: async () => (await import("./commands/apply.ts")).apply,
  },
  {
    usage: "validate <path...>",
    summary: "check documents, policies and packs, offline",
    details:
      "A file is the wish of the service that it is named after, one in a folder _monitors, _slos, _dashboards or _downtimes an object of no service; _defaults, policy files, packs and folders of all these are known by their names. - reads one document from standard input.",
    settings: ["policy", "packsDir"],
    options: [
      new Option("--service <name>", "the service that a document from standard input is for"),
      outputOption(["table", "json", "yaml"]),
    ],
    examples: [
      "dd-observe validate observability/ray.yaml packs/",
      "consul kv get observability/ray | dd-observe validate - --service ray",
    ],
    load: async () => (await import("./commands/validate.ts")).validate,
  },
  {
    usage: "lint <path...>",
    summary: "repair or refuse each alert of a list, offline",
    details:
      "Takes YAML or JSON: a list of alerts, one below monitors: or alerts:, monitors as Datadog's API or Terraform's JSON has them, or metric, operator, threshold and window. - reads standard input. With --fix, documents go to standard output and the verdicts to standard error; refused alerts are left out and named in comments.",
    settings: ["policy", "packsDir"],
    options: [
      new Option("--fix", "print the repaired alerts as documents"),
      new Option("--service <name>", "make them the monitors of this service, in one document"),
      new Option("--output-dir <dir>", "with --fix: write documents as files below this folder"),
      new Option("--force", "with --output-dir: overwrite files that are there"),
      outputOption(["table", "json", "yaml"]),
    ],
    examples: [
      "dd-observe lint alerts.yaml",
      "dd-observe lint alerts.yaml --fix --output-dir observability",
      "dd-observe lint - --fix --service ray < alerts.json",
    ],
    exit: "0 if every alert is ok, 2 if one was repaired or refused, 1 for an error",
    load: async () => (await import("./commands/lint.ts")).lint,
  },
  {
    usage: "get [kind] [names...]",
    summary: `list ${KINDS.replaceAll("|", ", ")}`,
    details: `Kinds: ${KINDS.replaceAll("|", ", ")}. Services if none is given. -o html shows how one dashboard is laid out, as a page that needs nothing else.`,
    settings: [...CONSUL, ...DATADOG, ...RULES, "confdDir"],
    options: [
      outputOption(["table", "wide", "json", "yaml", "html"]),
      new Option("-w, --watch", "print again whenever something changes"),
    ],
    examples: [
      "dd-observe get",
      "dd-observe get monitors ray -o wide",
      "dd-observe get dashboards _dashboards/infrastructure-overview -o html > overview.html",
      "dd-observe get packs",
    ],
    load: async () => (await import("./commands/get.ts")).get,
  },
  {
    usage: "describe <service>",
    summary: "everything about one service, and why something is missing",
    settings: [...CONSUL, ...DATADOG, ...RULES, "confdDir"],
    options: [outputOption(["table", "json", "yaml"])],
    examples: ["dd-observe describe ray"],
    load: async () => (await import("./commands/describe.ts")).describe,
  },
  {
    usage: "env <service>",
    summary:
      "the environment of one service's workload, where each variable comes from, and how a job takes it",
    details:
      "Shows what the wish comes to now, whether it stands in Consul, and what is likely not meant. -o nomad prints what a job's task pastes to take it: a template, and where the preload is loaded, its artifact. What the task sets itself is never overridden. Writes nothing.",
    settings: [...CONSUL, ...RULES],
    options: [
      outputOption(["table", "json", "yaml", "nomad"]),
      new Option("--preload-source <url>", "with -o nomad: where the preload's archive is kept"),
      new Option("--preload-checksum <sum>", "with -o nomad: its checksum, sha256:…"),
    ],
    examples: ["dd-observe env support", "dd-observe env support -o nomad"],
    load: async () => (await import("./commands/env.ts")).env,
  },
  {
    usage: "verify <service>",
    summary: "walk the way of one service from Consul to Datadog, and say where it breaks",
    details:
      "Looks at every step: registered, asked for, accepted, file written, endpoint, receivers, the Agent's check, points in Datadog, controller, monitors, SLOs and dashboards. Of other machines it tells what their node roles say; on this one it looks at the file and asks the Agent itself. Writes nothing. What it may not look at is said so, and the walk goes on.",
    settings: [...CONSUL, ...DATADOG, "nodeName", "confdDir", "agentUrl", ...RULES],
    options: [
      new Option("--node <name>", "only what happens on this node"),
      new Option(
        "--here",
        "ask the endpoints of this machine's instances now, rather than tell what its node role saw",
      ),
      new Option("--wait <duration>", "walk again until all is well or the time is over"),
      outputOption(["table", "wide", "json", "yaml"]),
    ],
    examples: [
      "dd-observe verify ray",
      "dd-observe verify ray --wait 5m",
      "dd-observe verify ray --node node-1 -o json",
    ],
    exit: "0 if all is well, 2 if something is broken, 1 if something could not be looked at or for an error",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
  {
    usage: "explain [field] [name]",
    summary: "explain a field of a document, a metric, or the Agent's receivers",
    details:
      "`explain metric NAME` says what sends a metric, its type, unit and tags, and of a name that nothing sends what there is in its place. With the beginning of a name it lists all that begin so, without one those that people ask for.\n\n`explain receivers [name]` prints what switches on the Agent's receivers for DogStatsD, OTLP and traces: systemd drop-ins and the environment of a container. It never touches datadog.yaml.",
    settings: ["packsDir", "dogstatsd", "otlpGrpc", "otlpHttp", "apm"],
    options: [
      new Option("--pack <name>", "whose Agent options, monitors and metrics are meant"),
      outputOption(["table", "json", "yaml"]),
    ],
    examples: [
      "dd-observe explain endpoint.port",
      "dd-observe explain monitors.object-store-pressure --pack ray",
      "dd-observe explain _monitors.query",
      "dd-observe explain metric ray.tasks.running",
      "dd-observe explain metric nats. -o json",
      "dd-observe explain receivers otlp-grpc",
    ],
    load: async () => (await import("./commands/explain.ts")).explain,
  },
  {
    usage: "approve <hash>",
    summary: "let deletions happen that the brake has stopped",
    settings: CONSUL,
    options: [reasonOption()],
    examples: ['dd-observe approve 3f2a9c01d4be --reason "the ray cluster is gone for good"'],
    load: async () => (await import("./commands/control.ts")).approve,
  },
  {
    usage: "pause <service>",
    summary: "write and delete nothing of a service for now",
    settings: CONSUL,
    options: [reasonOption()],
    examples: ['dd-observe pause ray --reason "testing a threshold by hand"'],
    load: async () => (await import("./commands/control.ts")).pause,
  },
  {
    usage: "resume <service>",
    summary: "end a pause",
    settings: [...CONSUL, ...RULES],
    examples: ["dd-observe resume ray"],
    load: async () => (await import("./commands/control.ts")).resume,
  },
  {
    usage: "adopt <kind> <id|name> <service/name>",
    summary: "take over an existing object of Datadog's",
    details:
      "Gives a monitor, dashboard, SLO, downtime or catalog entity that people made the mark of dd-observe, and nothing else; the next pass brings it in line with the wish. Shows what that pass will change. It is named by its id, or by its exact name where no other has it. The tag configuration of a metric (metric-tags METRIC SERVICE) can carry no mark: the controller takes it over.",
    settings: [...CONSUL, ...DATADOG, ...RULES],
    options: [new Option("--yes", "adopt it even if the next pass changes it")],
    examples: [
      "dd-observe adopt monitor 12345 ray/queue-too-long",
      'dd-observe adopt dashboard "Checkout overview" _dashboards/checkout',
      "dd-observe adopt metric-tags app.latency checkout",
    ],
    load: async () => (await import("./commands/adopt.ts")).adopt,
  },
  {
    usage: "import [kind]",
    summary: "write documents from what people made in Datadog",
    details:
      "Kinds: monitors, slos, dashboards; all of them if none is given. What dd-observe or another tool keeps is left alone. Each document is checked, compiled and compared with what is there: what it can't say is told at its place, and what can't be imported is named with the reason. Ids of monitors and SLOs become names where those are imported in the same run or kept already. Documents go to standard output, or below --output-dir. With --adopt and --yes they are put into Consul, and their objects get dd-observe's mark, so that nothing is made twice.",
    settings: [...CONSUL, ...DATADOG, ...RULES],
    options: [
      repeatable("--id <id>", "only what has one of these ids"),
      new Option("--name <glob>", "only what is named so; * and ? stand for any letters"),
      repeatable("--tag <tag>", "only what has all of these tags"),
      new Option("--service <name>", "make them the objects of this service, in one document"),
      new Option("--output-dir <dir>", "write documents as files below this folder"),
      new Option("--force", "with --output-dir: overwrite files that are there"),
      new Option("--adopt", "print the commands that take the objects over"),
      new Option("--yes", "with --adopt: put the documents into Consul and take the objects over"),
      outputOption(["table", "json", "yaml"]),
    ],
    examples: [
      "dd-observe import --output-dir observability",
      'dd-observe import monitors --name "Checkout*" --service checkout',
      "dd-observe import slos --tag team:shop --adopt --yes",
    ],
    exit: "0 if everything is in documents as it is, 2 if something is left out or would change, 1 for an error",
    load: async () => (await import("./commands/import.ts")).importObjects,
  },
  {
    usage: "restore [kind] [key]",
    summary: "list what was kept before it was deleted or overwritten, and put it back",
    details:
      "Before the operator deletes or overwrites anything in Datadog, it keeps the whole object: the last five versions, for 30 days. Without a key this lists them. With one it shows how the newest, or the one of --at, differs from what stands there now. With --yes it puts that back: what still stands there is overwritten, what is gone is made again, without dd-observe's mark unless a document still wishes it. What the next pass would undo is refused. -o json prints the object as Datadog gave it.",
    settings: [...CONSUL, ...DATADOG, ...RULES],
    options: [
      new Option("--at <time>", "the version of this time, whole or its beginning: 2026-11-22T07:04"),
      new Option("--yes", "put it back"),
      outputOption(["table", "json", "yaml"]),
    ],
    examples: [
      "dd-observe restore",
      "dd-observe restore monitors ray/queue-too-long",
      "dd-observe restore monitors ray/queue-too-long --at 2026-11-22T07:04 --yes",
    ],
    load: async () => (await import("./commands/restore.ts")).restore,
  },
  {
    usage: "dev",
    summary: "try everything on this machine",
    details:
      "Starts the operator with sample services beside it, and a stand-in for what is absent: Consul (CONSUL_HTTP_ADDR, else a consul on the PATH, else the stand-in), Datadog, the Agent (DD_OBSERVE_AGENT_URL, else the stand-in). Shows what happens, and what to try. Writes nothing outside the folder .dev beside the sources, and ends with everything it started. While it runs, the other commands (not run) find it by .dev/env, unless a Consul is named by CONSUL_HTTP_ADDR or --consul-addr.",
    settings: [],
    options: [
      new Option("--once", "end after the first complete sync; 1 if that takes more than 30 s"),
      new Option("--real-datadog", "write to the Datadog that DD_API_KEY and DD_APP_KEY belong to"),
      new Option(
        "--ai-agent",
        "also run an AI agent of LangGraph, whose packages are installed once (200 MB)",
      ),
    ],
    examples: ["dd-observe dev", "dd-observe dev --once", "dd-observe dev --ai-agent"],
    load: async () => (await import("./commands/dev.ts")).dev,
  },
  {
    usage: "completion <shell>",
    summary: "print completion for bash, zsh or fish",
    settings: [],
    examples: [
      "source <(dd-observe completion bash)",
      "dd-observe completion fish > ~/.config/fish/completions/dd-observe.fish",
    ],
    load: async () => (await import("./commands/completion.ts")).completion,
  },
];

function roleOption(): Option {
  return new Option("--role <role>", "controller (Datadog), node (this machine's files), or all")
    .choices(["all", "controller", "node"])
    .default("all");
}

function outputOption(formats: readonly string[]): Option {
  return new Option("-o, --output <format>", "how to print").choices(formats).default(formats[0]!);
}

/** An option that may be given several times. */
function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);
}

function reasonOption(): Option {
  return new Option("--reason <text>", "kept with the order, for whoever looks later");
}
