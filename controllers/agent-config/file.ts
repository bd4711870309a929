import { stringify } from "yaml";

import { refusedAddress } from "../../crds/address.ts";
import { isSlug } from "../../crds/names.ts";
import { forbiddenText } from "../../crds/options.ts";

/** One file that the Agent reads. `check` and `service` are slugs; `text` is the whole file, mark included. */
export interface AgentFile {
  readonly check: string;
  readonly service: string;
  readonly text: string;
}

/** What the Agent finds in a file. Other top-level keys are refused: `ad_identifiers` would make it a container template, `logs` tails any file. */
export interface AgentConfig {
  readonly init_config: Readonly<Record<string, unknown>>;
  readonly instances: readonly Readonly<Record<string, unknown>>[];
}

export interface FileSpec {
  /** Name of the Agent check, such as `ray` or `openmetrics`. */
  readonly check: string;
  readonly service: string;
  readonly clusterId: string;
  readonly config: AgentConfig;
  /** True if the wish says `deletion: retain`. Stands in the mark, so that the file itself says so when all else is lost. */
  readonly retain?: boolean;
}

/** Whose a file is, from its first line. */
export interface Mark {
  /** The cluster id of the operator that wrote it. */
  readonly owner: string;
  readonly service: string;
  readonly retain: boolean;
}

/** What the names of our files begin with. */
export const FILE_PREFIX = "dd-observe-";

/** Where a file stands, relative to the conf.d folder. */
export function pathOf({ check, service }: Pick<AgentFile, "check" | "service">): string {
  return `${check}.d/${FILE_PREFIX}${service}.yaml`;
}

export function keyOfFile({ check, service }: Pick<AgentFile, "check" | "service">): string {
  return `${service}/${check}`;
}

/** The opposite of `pathOf`; undefined if the path is none of ours. */
export function fileAt(path: string): Pick<AgentFile, "check" | "service"> | undefined {
  const match = /^(.+)\.d\/dd-observe-(.+)\.yaml$/.exec(path);
  const [, check = "", service = ""] = match ?? [];
  return isSlug(check) && isSlug(service) ? { check, service } : undefined;
}

/**
 * Renders the file of one service and check. Equal specs give equal bytes.
 *
 * @throws {UnsafeConfigError} if a name is no slug or the configuration could reach
 *   what it must not. A wish is checked long before; this is the last gate.
 */
export function renderFile({ check, service, clusterId, config, retain = false }: FileSpec): AgentFile {
  for (const [what, name] of [
    ["check", check],
    ["service", service],
    ["cluster id", clusterId],
  ] as const) {
    if (!isSlug(name)) throw new UnsafeConfigError(`the ${what} ${JSON.stringify(name)} is no slug`);
  }
  assertSafeConfig(config);

  const mark =
    `# Managed by dd-observe (owner ${clusterId}, service ${service}${retain ? ", kept" : ""}). ` +
    `Edits are undone; change the wish instead: dd-observe describe ${service}`;
  // The Agent's Python reads YAML 1.1, where `on`, `1:30` and `012` are no texts. Writing 1.1 quotes them.
  const yaml = stringify(withoutRedirects(config), {
    version: "1.1",
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
  return { check, service, text: `${mark}\n${yaml}` };
}

const MARK =
  /^# Managed by dd-observe \(owner ([A-Za-z0-9._-]{1,100}), service ([A-Za-z0-9._-]{1,100})(, kept)?\)/;

/** @param text A whole file or its first line. */
export function readMark(text: string): Mark | undefined {
  const [match, owner, service, kept] = MARK.exec(text) ?? [];
  if (match === undefined || owner === undefined || service === undefined) return undefined;
  return { owner, service, retain: kept !== undefined };
}

/** A configuration that dd-observe refuses to hand to an Agent. The message names the place, never the value. */
export class UnsafeConfigError extends Error {
  override readonly name = "UnsafeConfigError";
}

/**
 * Refuses what would make the Agent read files, send secrets or talk to where it must not.
 *
 * The last gate, whatever packs and wishes have let through. The Agent trusts files:
 * its own hardening options don't apply to them.
 *
 * @throws {UnsafeConfigError}
 */
export function assertSafeConfig(config: AgentConfig): void {
  const problem = unsafeConfig(config);
  if (problem !== undefined) throw new UnsafeConfigError(problem);
}

/** Says what is not safe in a configuration, or undefined if nothing is. */
export function unsafeConfig(config: AgentConfig): string | undefined {
  for (const name of Object.keys(config)) {
    if (name !== "init_config" && name !== "instances") return `${name} is not allowed in an Agent file`;
  }
  return (
    unsafeValue("init_config", config.init_config, true) ??
    firstOf(config.instances.map((instance, at) => unsafeValue(`instances.${at}`, instance, true)))
  );
}

/** Options that reach files, secrets, other hosts or other code. Sources: the checks' `config_models`, the Agent's `config_reader.go`. */
const FORBIDDEN_KEYS = new Set([
  "tls_cert",
  "tls_private_key",
  "tls_private_key_password",
  "tls_ca_cert",
  "auth_token",
  "headers",
  "extra_headers",
  "proxy",
  "log_requests",
  "collect_endpoint_data_for_flare",
  "client_cert_file",
  "private_key_file",
  "ca_bundle_file",
  "loader",
  "logs",
  "ad_identifiers",
  "advanced_ad_identifiers",
  "cel_selector",
  "cluster_check",
  "jmx_metrics",
  "docker_images",
  "discovery",
]);
const FORBIDDEN_PREFIXES = ["kerberos_", "ssl_", "aws_", "bearer_token_"];

/** Options whose keys are names of labels and metrics, not of options. */
const FREE_KEYS = new Set([
  "metrics",
  "extra_metrics",
  "rename_labels",
  "exclude_metrics_by_labels",
  "share_labels",
  "metric_patterns",
]);

function unsafeValue(path: string, value: unknown, keysAreOptions: boolean): string | undefined {
  if (typeof value === "string") {
    const problem = forbiddenText(value);
    return problem === undefined ? undefined : `${path} ${problem}`;
  }
  if (Array.isArray(value))
    return firstOf(value.map((inner, at) => unsafeValue(`${path}.${at}`, inner, keysAreOptions)));
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const problem =
      unsafeName(path, name, keysAreOptions) ??
      (keysAreOptions ? unsafeOption(`${path}.${name}`, name, inner) : undefined) ??
      unsafeValue(`${path}.${name}`, inner, keysAreOptions && !FREE_KEYS.has(name));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function unsafeName(path: string, name: string, isOption: boolean): string | undefined {
  const text = forbiddenText(name);
  if (text !== undefined) return `a key in ${path} ${text}`;
  if (!isOption) return undefined;
  const isForbidden =
    FORBIDDEN_KEYS.has(name) || FORBIDDEN_PREFIXES.some((prefix) => name.startsWith(prefix));
  return isForbidden ? `${path}.${name} is not allowed: it reaches beyond the endpoint` : undefined;
}

function unsafeOption(path: string, name: string, value: unknown): string | undefined {
  if (name === "auth_type" && value !== "basic" && value !== "digest")
    return `${path} must be basic or digest`;
  if (!isAddressKey(name) || typeof value !== "string") return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    return `${path} must be an http or https URL`;
  if (url.username !== "" || url.password !== "") return `${path} must not contain credentials`;
  return isLinkLocal(url.hostname)
    ? `${path} must not be a link-local address or that of a cloud's metadata`
    : undefined;
}

function isAddressKey(name: string): boolean {
  return name === "url" || name === "endpoint" || name.endsWith("_url") || name.endsWith("_endpoint");
}

/** @param host As `URL` writes it: IPv4 in four parts, IPv6 compressed and in brackets. Names were allowed or not before. */
function isLinkLocal(host: string): boolean {
  if (host === "metadata.google.internal" || host.startsWith("[::ffff:a9fe:")) return true;
  return refusedAddress(host.replace(/^\[(.*)\]$/, "$1"), [host]) !== undefined;
}

/** An endpoint that redirects could send the Agent anywhere. `allow_redirects` is true unless a file says otherwise. */
function withoutRedirects(config: AgentConfig): AgentConfig {
  return {
    init_config: config.init_config,
    instances: config.instances.map((instance) =>
      Object.keys(instance).some(isAddressKey) ? { ...instance, allow_redirects: false } : instance,
    ),
  };
}

function firstOf(problems: readonly (string | undefined)[]): string | undefined {
  return problems.find((problem) => problem !== undefined);
}
