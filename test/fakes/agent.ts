import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { parseDocument } from "yaml";

export interface FakeAgentOptions {
  readonly confdDir: string;
  /** 0 for any free one. */
  readonly port?: number;
  /** Reads the files again every so many ms, as with `autoconf_config_files_poll`. */
  readonly pollMs?: number;
  /** Runs every check every so many ms. Without it only `run()` and `reload()` do. */
  readonly runMs?: number;
  /** How often it says that checks run, where others than itself let them run. */
  readonly saidIntervalMs?: number;
  /** False to let checks succeed without asking their endpoints. */
  readonly scrape?: boolean;
  /** Checks that the Agent has. Others give a loader error. */
  readonly known?: readonly string[];
  /** Options that an instance of a check may have. Others raise a ConfigurationError in its runs. */
  readonly options?: Readonly<Record<string, readonly string[]>>;
  /** Told what an endpoint answered, as the real one would send it on. Checks that read an API are run for that only. */
  readonly onScrape?: (check: FakeCheck, text: string) => void;
  readonly now?: () => number;
}

/** One instance as it runs. */
export interface FakeCheck {
  readonly id: string;
  readonly check: string;
  readonly file: string;
  readonly instance: Readonly<Record<string, unknown>>;
  runs: number;
  errors: number;
  lastError: string;
  metricSamples: number;
  updatedAt: number;
}

export interface FakeAgent {
  /** Base of the expvar server. */
  readonly url: string;
  readonly checks: readonly FakeCheck[];
  /** Reads all files again, as after a restart (counts begin anew) or a poll (they go on), then runs every check once. */
  reload(as?: "restart" | "poll"): Promise<void>;
  /** Runs every check once. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

const KNOWN = [
  "consul",
  "dcgm",
  "http_check",
  "kuberay",
  "litellm",
  "nvidia_triton",
  "openmetrics",
  "ray",
  "temporal",
  "vllm",
];
const INTERVAL_MS = 15_000;

interface Loaded {
  readonly check: string;
  readonly file: string;
  readonly initConfig: unknown;
  readonly instances: readonly Record<string, unknown>[];
}

/**
 * A stand-in for the Agent as far as files and expvar go: it finds the files that the Agent finds,
 * keeps the same errors under the same names, and scrapes OpenMetrics endpoints for real.
 *
 * @see https://github.com/DataDog/datadog-agent (comp/core/autodiscovery/providers/config_reader.go)
 */
export async function startFakeAgent(options: FakeAgentOptions): Promise<FakeAgent> {
  const { confdDir, port = 0, pollMs, runMs, now = Date.now } = options;
  const known = new Set(options.known ?? KNOWN);
  let checks = new Map<string, FakeCheck>();
  let configErrors: Record<string, string> = {};
  let loaderErrors: Record<string, Record<string, string>> = {};

  const run = async () => {
    await Promise.all([...checks.values()].map((check) => runOnce(check, options, now)));
  };
  const read = (keepCounts: boolean) => {
    const found = readConfd(confdDir);
    configErrors = found.errors;
    loaderErrors = {};
    const before = checks;
    checks = new Map();
    for (const config of found.configs) {
      if (!known.has(config.check)) {
        loaderErrors[config.check] = {
          "Core Check Loader": `Check ${config.check} not found in Catalog`,
          "Python Check Loader": `unable to import module '${config.check}': No module named '${config.check}'`,
        };
        continue;
      }
      for (const instance of config.instances) {
        const id = idOf(config, instance);
        const old = keepCounts ? before.get(id) : undefined;
        checks.set(id, old ?? newCheck(id, config, instance));
      }
    }
  };
  const reload = async (as: "restart" | "poll" = "restart") => {
    read(as === "poll");
    await run();
  };

  const server = createServer((request, response) => {
    if (request.url !== "/debug/vars") {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.end(
      JSON.stringify(
        expvar(
          [...checks.values()],
          configErrors,
          loaderErrors,
          runMs ?? options.saidIntervalMs ?? INTERVAL_MS,
        ),
      ),
    );
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const timers = [
    pollMs === undefined ? undefined : setInterval(() => void reload("poll"), pollMs),
    runMs === undefined ? undefined : setInterval(() => void run(), runMs),
  ];
  await reload();

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get checks() {
      return [...checks.values()];
    },
    reload,
    run,
    async stop() {
      for (const timer of timers) clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Finds what the Agent finds: YAML one level deep in real folders `<check>.d`, and `<check>.yaml` beside them. */
function readConfd(dir: string): { configs: readonly Loaded[]; errors: Record<string, string> } {
  const configs: Loaded[] = [];
  const errors: Record<string, string> = {};
  for (const entry of readdirSync(dir, { withFileTypes: true }).sort(byName)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory() && entry.name.endsWith(".d")) {
      const check = entry.name.slice(0, -2);
      const all = readdirSync(path, { withFileTypes: true }).sort(byName);
      const names = all.filter((file) => !file.isDirectory()).map(({ name }) => name);
      const own = names.filter((name) => /\.ya?ml$/.test(name) && !/^metrics\.ya?ml$/.test(name));
      const defaults = names.filter((name) => /\.ya?ml\.default$/.test(name));
      const loaded = own.flatMap((name) => readConfig(check, join(path, name), errors));
      configs.push(
        ...(loaded.length > 0
          ? loaded
          : defaults.flatMap((name) => readConfig(check, join(path, name), errors))),
      );
    } else if (entry.isFile() && /\.ya?ml$/.test(entry.name))
      configs.push(...readConfig(entry.name.replace(/\.ya?ml$/, ""), path, errors));
  }
  return { configs, errors };
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** Errors are kept by check name, and one file that parses clears what an earlier one of its folder left. */
function readConfig(check: string, file: string, errors: Record<string, string>): readonly Loaded[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    errors[check] = String(error);
    return [];
  }
  if (text.trim() === "") return [];
  const document = parseDocument(text, { version: "1.1", uniqueKeys: false });
  const [broken] = document.errors;
  if (broken !== undefined) {
    errors[check] = `yaml: ${broken.message.split("\n")[0] ?? ""}`;
    return [];
  }
  const config = document.toJS() as { init_config?: unknown; instances?: unknown; logs?: unknown } | null;
  const instances = Array.isArray(config?.instances) ? (config.instances as Record<string, unknown>[]) : [];
  if (instances.length === 0 && config?.logs === undefined) {
    errors[check] = "Configuration file contains no valid instances";
    return [];
  }
  delete errors[check];
  return [{ check, file, initConfig: config?.init_config, instances }];
}

/** Like the Agent's: any change to a file's configuration gives all its instances other ids. */
function idOf({ check, initConfig, instances }: Loaded, instance: unknown): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([initConfig, instances, instance]))
    .digest("hex");
  return `${check}:${digest.slice(0, 16)}`;
}

function newCheck(id: string, { check, file }: Loaded, instance: Record<string, unknown>): FakeCheck {
  return {
    id,
    check,
    file,
    instance,
    runs: 0,
    errors: 0,
    lastError: "",
    metricSamples: 0,
    updatedAt: 0,
  };
}

async function runOnce(check: FakeCheck, options: FakeAgentOptions, now: () => number): Promise<void> {
  const outcome = await runCheck(check, options);
  check.runs++;
  check.updatedAt = Math.floor(now() / 1000);
  check.lastError =
    outcome.error === undefined
      ? ""
      : JSON.stringify([{ message: outcome.error, traceback: "Traceback (most recent call last): …" }]);
  check.metricSamples = outcome.samples ?? 0;
  if (outcome.error !== undefined) check.errors++;
}

async function runCheck(
  running: FakeCheck,
  { options, scrape = true, onScrape }: FakeAgentOptions,
): Promise<{ error?: string; samples?: number }> {
  const { check, instance } = running;
  const allowed = options?.[check];
  const wrong = allowed && Object.keys(instance).find((name) => !allowed.includes(name));
  if (wrong !== undefined) {
    return {
      error: `Detected 1 error while loading configuration model \`InstanceConfig\`:\n${wrong}\n  Extra inputs are not permitted`,
    };
  }
  const endpoint =
    instance["openmetrics_endpoint"] ?? (onScrape === undefined ? undefined : apiOf(check, instance));
  if (typeof endpoint !== "string" || !scrape) return { samples: 0 };
  const url = new URL(endpoint);
  const place = `HTTPConnectionPool(host='${url.hostname}', port=${url.port}): Max retries exceeded with url: ${url.pathname}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000), redirect: "manual" });
    const text = await response.text();
    if (!response.ok)
      return { error: `${response.status} Client Error: ${response.statusText} for url: ${endpoint}` };
    onScrape?.(running, text);
    return { samples: text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length };
  } catch (error) {
    const why =
      error instanceof Error && error.name === "TimeoutError"
        ? "Read timed out"
        : "Failed to establish a new connection: [Errno 111] Connection refused";
    return {
      error: `${place} (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f${check.length}>: ${why}'))`,
    };
  }
}

/** What the check of Consul asks first. */
function apiOf(check: string, { url }: FakeCheck["instance"]): string | undefined {
  return check === "consul" && typeof url === "string" ? `${url}/v1/status/peers` : undefined;
}

function expvar(
  checks: readonly FakeCheck[],
  configErrors: Record<string, string>,
  loaderErrors: Record<string, Record<string, string>>,
  intervalMs: number,
): unknown {
  const byCheck: Record<string, Record<string, unknown>> = {};
  for (const one of checks) {
    (byCheck[one.check] ??= {})[one.id] = {
      CheckName: one.check,
      CheckVersion: "1.0.0",
      CheckConfigSource: `file:${one.file}`,
      CheckID: one.id,
      Interval: intervalMs * 1e6,
      LastError: one.lastError,
      LastWarnings: null,
      MetricSamples: one.metricSamples,
      TotalErrors: one.errors,
      TotalRuns: one.runs,
      TotalWarnings: 0,
      UpdateTimestamp: one.updatedAt,
    };
  }
  const runs = checks.reduce((sum, { runs: count }) => sum + count, 0);
  return {
    cmdline: ["/opt/datadog-agent/bin/agent/agent", "run"],
    runner: { Checks: byCheck, Runs: runs, Workers: 4 },
    autoconfig: { ConfigErrors: configErrors, ResolveWarnings: {} },
    CheckScheduler: { LoaderErrors: loaderErrors, RunErrors: {} },
    pyLoader: { ConfigureErrors: {} },
  };
}
