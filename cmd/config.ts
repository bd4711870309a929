import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { readDocument } from "../crds/document.ts";
import { policySchema, STRICT_POLICY, type Policy } from "../crds/policy.ts";
import { formatProblem } from "../crds/problem.ts";
import { LOG_LEVELS, type LogLevel } from "../engine/log.ts";
import type { NomadNamespaces } from "../engine/sources/sources.ts";
import type { DeleteLimit } from "../engine/plan/policies.ts";
import type { NomadOptions } from "../clients/nomad-connection.ts";
import type { DogstatsdAddress, ReceiverAddresses, SocketAddress } from "../clients/receiver-address.ts";
import { parseRestartCommand, type RestartCommand } from "../controllers/nomad-telemetry/restart/command.ts";
import { SETTINGS, type Env, type Flags, type Setting, type SettingName } from "./settings.ts";

export { SETTINGS, type Flags, type Setting, type SettingName } from "./settings.ts";

export type Role = "all" | "controller" | "node";

/** Everything that a command may know from outside. Read once, at the start. */
export interface Config {
  readonly consul: {
    readonly address: string;
    readonly token: string | (() => string | undefined) | undefined;
    /** PEM. */
    readonly caCert: string | undefined;
    readonly namespace: string | undefined;
    readonly datacenter: string | undefined;
  };
  readonly nomad: NomadOptions & {
    /** Where this machine's Nomad reads its configuration. */
    readonly configDir: string;
    /** Whether services that Nomad registers itself count, and those of which namespaces. */
    readonly services: boolean;
    readonly namespaces: NomadNamespaces;
    /** Whether the jobs of services that have an environment are looked into, and their Variables written. */
    readonly jobs: boolean;
    /** The allocation that this process runs in, if it does. */
    readonly allocation: string | undefined;
    /** The nomad program; undefined if none is to be used. */
    readonly bin: string | undefined;
    /** What restarts it; undefined if only a person does. */
    readonly restart: RestartCommand | undefined;
  };
  readonly datadog: {
    readonly url: string;
    readonly apiKey: string | undefined;
    readonly appKey: string | undefined;
    /** For one call. The client's own if absent. */
    readonly timeoutMs?: number;
  };
  readonly nodeName: string | undefined;
  readonly confdDir: string;
  readonly agentUrl: string;
  readonly agentReload: string;
  /** Where the local Agent takes what systems send by themselves. */
  readonly receivers: ReceiverAddresses;
  readonly tagName: string;
  readonly kvPrefix: string;
  readonly statePrefix: string;
  /** Undefined for the Consul datacenter. */
  readonly clusterId: string | undefined;
  readonly http: { readonly host: string; readonly port: number; readonly token: string | undefined };
  readonly resyncMs: number;
  readonly graceMs: number;
  readonly limit: DeleteLimit;
  readonly changeEvents: boolean;
  readonly evaluators: boolean;
  /** 0 for never. */
  readonly costIntervalMs: number;
  readonly arrivalIntervalMs: number;
  readonly budgetIntervalMs: number;
  /** 0 for never. */
  readonly probeIntervalMs: number;
  readonly policy: Policy;
  readonly packDirs: readonly string[];
  readonly logLevel: LogLevel;
  readonly holder: string;
}

/** A setting that cannot be used. The message names the setting, what it is, and what it may be. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** The environment of this process, for what hands it on to others. */
export function processEnv(): Env {
  return process.env;
}

/**
 * Reads flags and environment. The only place of the program that does.
 *
 * @throws {ConfigError} if a setting cannot be used.
 */
export function readConfig(flags: Flags = {}, env: Env = process.env): Config {
  const stated = (name: SettingName): string | undefined =>
    flags[name] ??
    SETTINGS[name].env.map((variable) => env[variable]).find((value) => value !== undefined && value !== "");
  const get = (name: SettingName): string | undefined => {
    const setting: Setting = SETTINGS[name];
    return stated(name) ?? setting.default;
  };
  const must = (name: SettingName): string => get(name)!;

  const tokenFile = get("consulTokenFile");
  const nomadTokenFile = get("nomadTokenFile");
  return {
    consul: {
      address: url("consulAddr", withScheme(must("consulAddr"), env["CONSUL_HTTP_SSL"] === "true")),
      token:
        get("consulToken") ??
        (tokenFile === undefined ? undefined : () => readText("consulTokenFile", tokenFile).trim()),
      caCert: textOf("consulCaCert", get("consulCaCert")),
      namespace: get("consulNamespace"),
      datacenter: get("consulDatacenter"),
    },
    nomad: {
      address: nomadAddress(stated("nomadAddr") ?? taskApi(env) ?? must("nomadAddr")),
      token:
        get("nomadToken") ??
        (nomadTokenFile === undefined ? undefined : () => readText("nomadTokenFile", nomadTokenFile).trim()),
      caCert: textOf("nomadCaCert", get("nomadCaCert")),
      namespace: get("nomadNamespace"),
      services: onOrOff("nomadServices", must("nomadServices")),
      namespaces: nomadNamespaces(must("nomadNamespaces")),
      jobs: onOrOff("nomadJobs", must("nomadJobs")),
      allocation: get("nomadAllocId"),
      configDir: must("nomadConfigDir"),
      bin: must("nomadBin") === "off" ? undefined : must("nomadBin"),
      restart: restartCommand(must("nomadRestart")),
    },
    datadog: {
      url: url("datadogUrl", get("datadogUrl") ?? `https://api.${must("datadogSite")}`),
      apiKey: get("datadogApiKey"),
      appKey: get("datadogAppKey"),
    },
    nodeName: get("nodeName"),
    confdDir: must("confdDir"),
    agentUrl: url("agentUrl", must("agentUrl")),
    agentReload: must("agentReload"),
    receivers: {
      dogstatsd: dogstatsd(must("dogstatsd")),
      otlpGrpc: receiver("otlpGrpc", must("otlpGrpc")),
      otlpHttp: receiver("otlpHttp", must("otlpHttp")),
      apm: receiver("apm", must("apm")),
    },
    tagName: must("tag"),
    kvPrefix: keyPrefix("kvPrefix", must("kvPrefix")),
    statePrefix: keyPrefix("statePrefix", must("statePrefix")),
    clusterId: slug("clusterId", get("clusterId")),
    http: { ...address("httpAddr", must("httpAddr")), token: get("httpToken") },
    resyncMs: duration("resync", must("resync")),
    graceMs: duration("grace", must("grace")),
    limit: deleteLimit(must("maxDeletes")),
    changeEvents: onOrOff("changeEvents", must("changeEvents")),
    evaluators: onOrOff("evaluators", must("evaluators")),
    costIntervalMs: duration("costInterval", must("costInterval")),
    arrivalIntervalMs: duration("arrivalInterval", must("arrivalInterval")),
    budgetIntervalMs: duration("budgetInterval", must("budgetInterval")),
    probeIntervalMs: duration("probeInterval", must("probeInterval")),
    policy: policy(get("policy")),
    packDirs: directories(get("packsDir")),
    logLevel: logLevel(must("logLevel")),
    holder: `${hostname()}/${process.pid}`,
  };
}

function wrong(name: SettingName, value: string, must: string): ConfigError {
  const { flag, env }: Setting = SETTINGS[name];
  return new ConfigError(
    `${[flag, ...env].filter(Boolean).join(" or ")} is ${JSON.stringify(value)}, but must be ${must}`,
  );
}

function withScheme(text: string, isTls: boolean): string {
  return /^[a-z]+:\/\//.test(text) ? text : `${isTls ? "https" : "http"}://${text}`;
}

function url(name: SettingName, text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    throw wrong(name, text, "a URL such as http://127.0.0.1:8500");
  }
  return text.replace(/\/+$/, "");
}

function nomadAddress(text: string): string {
  return /^unix:(?:\/\/)?\/./.test(text) ? text : url("nomadAddr", withScheme(text, false));
}

/** Nomad puts it into the secrets of each task from 1.5 on. It asks for a token even where Nomad has no ACLs. */
function taskApi(env: Env): string | undefined {
  const dir = env["NOMAD_SECRETS_DIR"];
  if (dir === undefined || dir === "" || !env["NOMAD_TOKEN"]) return undefined;
  const socket = join(dir, "api.sock");
  return existsSync(socket) ? `unix://${socket}` : undefined;
}

function nomadNamespaces(text: string): NomadNamespaces {
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length === 1 && names[0] === "*") return "all";
  if (names.length === 0 || !names.every((name) => /^[A-Za-z0-9-]{1,128}$/.test(name)))
    throw wrong("nomadNamespaces", text, "*, or names of namespaces such as default,prod");
  return names;
}

function restartCommand(text: string): RestartCommand | undefined {
  try {
    return parseRestartCommand(text);
  } catch (error) {
    throw wrong("nomadRestart", text, error instanceof Error ? error.message : String(error));
  }
}

function keyPrefix(name: SettingName, text: string): string {
  const prefix = text.replace(/^\/+|\/+$/g, "");
  if (!/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/.test(prefix))
    throw wrong(name, text, "a key of letters, digits, dots, dashes and underscores");
  return prefix;
}

/** The Agent's own host: an empty one would be this machine's outside as well as its inside. */
function receiver(name: SettingName, text: string): SocketAddress {
  const match = /^(?:\[([^\]]+)\]|([^:/\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535)
    throw wrong(name, text, "host:port, such as 127.0.0.1:8125");
  return { host: match[1] ?? match[2]!, port };
}

function dogstatsd(text: string): DogstatsdAddress {
  const path = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return { path };
  if (text.startsWith("unix:"))
    throw wrong("dogstatsd", text, "unix: and an absolute path, such as unix:/var/run/datadog/dsd.socket");
  return receiver("dogstatsd", text);
}

function slug(name: SettingName, text: string | undefined): string | undefined {
  if (text !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text))
    throw wrong(name, text, "a name of letters, digits, dots, dashes and underscores");
  return text;
}

function address(name: SettingName, text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw wrong(name, text, "host:port, such as 127.0.0.1:8620");
  return { host: match[1] ?? (match[2] === "" ? "0.0.0.0" : match[2]!), port };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `90s`, `10m`, `1h30m` or `0`. */
export function duration(name: SettingName, text: string): number {
  const ms = durationOf(text);
  if (ms === undefined) throw wrong(name, text, "a duration such as 90s, 10m or 1h30m");
  return ms;
}

/** The same, or undefined for what is no duration. */
export function durationOf(text: string): number | undefined {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return undefined;
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit!]!, 0);
}

function onOrOff(name: SettingName, text: string): boolean {
  if (text !== "on" && text !== "off") throw wrong(name, text, "on or off");
  return text === "on";
}

function deleteLimit(text: string): DeleteLimit {
  let count = 0;
  let share = 0;
  for (const part of text.split(",").map((piece) => piece.trim())) {
    const match = /^(\d+(?:\.\d+)?)(%?)$/.exec(part);
    if (match === null || (match[2] === "%" && Number(match[1]) > 100))
      throw wrong("maxDeletes", text, "a number, a share, or both, such as 10,20%");
    if (match[2] === "%") share = Number(match[1]) / 100;
    else count = Number(match[1]);
  }
  return { count, share };
}

function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((name) => name === text);
  if (level === undefined) throw wrong("logLevel", text, LOG_LEVELS.join(", "));
  return level;
}

function policy(file: string | undefined): Policy {
  if (file === undefined) return STRICT_POLICY;
  const parsed = readDocument(file, readText("policy", file), policySchema);
  if (!parsed.ok)
    throw new ConfigError(
      `The policy file cannot be used:\n  ${parsed.problems.map((problem) => formatProblem(problem)).join("\n  ")}`,
    );
  return parsed.value;
}

function directories(text: string | undefined): readonly string[] {
  const dirs = (text ?? "").split(":").filter((dir) => dir !== "");
  for (const dir of dirs) if (!existsSync(dir)) throw wrong("packsDir", dir, "a folder that exists");
  return dirs;
}

function textOf(name: SettingName, file: string | undefined): string | undefined {
  return file === undefined ? undefined : readText(name, file);
}

function readText(name: SettingName, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw wrong(
      name,
      file,
      `a file that can be read (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}
