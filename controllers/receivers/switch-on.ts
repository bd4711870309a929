import {
  addressText,
  type DogstatsdAddress,
  type ReceiverAddresses,
} from "../../clients/receiver-address.ts";
import type { ReceiverName } from "../../clients/receivers.ts";

/** Every receiver of the Agent, in the order in which people see them, and what each is called. */
export const RECEIVER_TITLES: Readonly<Record<ReceiverName, string>> = {
  dogstatsd: "DogStatsD",
  "otlp-grpc": "OTLP by gRPC",
  "otlp-http": "OTLP by HTTP",
  apm: "traces (APM)",
};

const CORE = "datadog-agent";
const TRACE = "datadog-agent-trace";

/** How a receiver of the Agent is switched on from outside its `datadog.yaml`. */
export interface SwitchOn {
  /** For an Agent on the machine itself. */
  readonly env: Readonly<Record<string, string>>;
  /** systemd's units whose processes read it. */
  readonly units: readonly string[];
  /** For an Agent in a container: the same, open to other containers. */
  readonly containerEnv: Readonly<Record<string, string>>;
  /** What `docker run` needs besides. */
  readonly containerFlags: readonly string[];
  readonly note: string;
}

export function addressOf(name: ReceiverName, addresses: ReceiverAddresses): DogstatsdAddress {
  switch (name) {
    case "dogstatsd":
      return addresses.dogstatsd;
    case "otlp-grpc":
      return addresses.otlpGrpc;
    case "otlp-http":
      return addresses.otlpHttp;
    case "apm":
      return addresses.apm;
    default:
      return name satisfies never;
  }
}

/** @see https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest_in_the_agent/ and https://docs.datadoghq.com/developers/dogstatsd/ */
export function switchOn(name: ReceiverName, addresses: ReceiverAddresses): SwitchOn {
  const address = addressOf(name, addresses);
  if ("path" in address) return switchOnSocket(address.path);
  const { port } = address;
  const published = (protocol: string): readonly string[] => [`-p 127.0.0.1:${port}:${port}${protocol}`];
  switch (name) {
    case "dogstatsd": {
      const env = { DD_USE_DOGSTATSD: "true", DD_DOGSTATSD_PORT: String(port) };
      return {
        env,
        units: [CORE],
        containerEnv: { ...env, DD_DOGSTATSD_NON_LOCAL_TRAFFIC: "true" },
        containerFlags: published("/udp"),
        note: "It is on by default, at 127.0.0.1:8125. In a container it takes packets of other containers only with DD_DOGSTATSD_NON_LOCAL_TRAFFIC.",
      };
    }
    case "otlp-grpc":
    case "otlp-http": {
      const variable = `DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_${name === "otlp-grpc" ? "GRPC" : "HTTP"}_ENDPOINT`;
      return {
        env: { [variable]: local(address) },
        // One receives, the other takes the traces over: both must know.
        units: [CORE, TRACE],
        containerEnv: { [variable]: `0.0.0.0:${port}` },
        containerFlags: published(""),
        note: "It is off by default. Metrics and traces need Agent 7.32, logs 7.48 and DD_OTLP_CONFIG_LOGS_ENABLED=true. Where core Agent and trace Agent are separate containers, both need the variable.",
      };
    }
    case "apm": {
      const env = { DD_APM_ENABLED: "true", DD_APM_RECEIVER_PORT: String(port) };
      return {
        env,
        units: [TRACE],
        containerEnv: { ...env, DD_APM_NON_LOCAL_TRAFFIC: "true" },
        containerFlags: published(""),
        note: "It is on by default on a machine, at 127.0.0.1:8126. In a container it takes traces of other containers only with DD_APM_NON_LOCAL_TRAFFIC.",
      };
    }
    default:
      return name satisfies never;
  }
}

function switchOnSocket(path: string): SwitchOn {
  const env = { DD_USE_DOGSTATSD: "true", DD_DOGSTATSD_SOCKET: path };
  const folder = path.replace(/\/[^/]*$/, "") || "/";
  return {
    env,
    units: [CORE],
    containerEnv: env,
    containerFlags: [`-v ${folder}:${folder}`],
    note: "Whoever sends must be able to write to the socket; containers mount its folder.",
  };
}

function local(address: Exclude<DogstatsdAddress, { readonly path: string }>): string {
  return address.host === "127.0.0.1" ? `localhost:${address.port}` : addressText(address);
}

/** The same as one line: what a condition's message says. */
export function switchOnInShort(name: ReceiverName, addresses: ReceiverAddresses): string {
  return Object.entries(switchOn(name, addresses).env)
    .map(([variable, value]) => `${variable}=${value}`)
    .join(" ");
}

/** All of it, ready to paste. Nothing in it touches `datadog.yaml`. */
export function switchOnText(name: ReceiverName, addresses: ReceiverAddresses): string {
  const { env, units, containerEnv, containerFlags, note } = switchOn(name, addresses);
  const file = `dd-observe-${name}.conf`;
  const dropIns = units.flatMap((unit) => [
    `sudo mkdir -p /etc/systemd/system/${unit}.service.d`,
    `sudo tee /etc/systemd/system/${unit}.service.d/${file} >/dev/null <<'EOF'`,
    "[Service]",
    ...Object.entries(env).map(([variable, value]) => `Environment="${variable}=${value}"`),
    "EOF",
  ]);
  const flags = [
    ...Object.entries(containerEnv).map(([variable, value]) => `-e ${variable}=${value}`),
    ...containerFlags,
  ];
  return [
    note,
    "",
    `systemd (writes ${units.length === 1 ? "one drop-in" : "a drop-in for each unit"}, leaves datadog.yaml alone):`,
    "",
    // Not indented: a here-document ends only where its last word begins a line.
    ...dropIns,
    "sudo systemctl daemon-reload",
    `sudo systemctl restart ${CORE}`,
    "",
    "Container, added to its docker run:",
    "",
    flags.join(" "),
    "",
    "Nomad, in the task of the Agent:",
    "",
    "env {",
    ...Object.entries(containerEnv).map(([variable, value]) => `  ${variable} = "${value}"`),
    "}",
  ].join("\n");
}
