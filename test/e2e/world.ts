import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect, onTestFinished } from "vitest";
import { parse } from "yaml";

import { createConsul, type Consul } from "../../clients/consul.ts";
import { parseStatus, type StoredCondition } from "../../engine/status/status.ts";
import { ownFake, type DatadogDouble } from "../contracts/datadog-double.ts";
import { startFakeAgent, type FakeAgent, type FakeAgentOptions } from "../fakes/agent.ts";
import {
  consulBinary,
  NO_CONSUL,
  startConsul,
  type ConsulServer,
  type ConsulServerOptions,
} from "../servers/consul.ts";
import { keyInTags, objectsIn, type Objects } from "./objects.ts";
import { runCommand, startOperator, type CommandResult, type Env, type Operator } from "./operator.ts";

export interface WorldOptions {
  readonly consul?: ConsulServerOptions;
  readonly agent?: Partial<FakeAgentOptions>;
  /** The project's own stand-in if absent. */
  readonly datadog?: () => Promise<DatadogDouble>;
  /** Settings of every operator and command of this world. */
  readonly env?: Env;
}

/** What stands in the world, in a form that is easily written down. */
export interface State {
  /** Endpoints of the instances in each file that is ours, by path. Everything else in the folder has its text. */
  readonly files: Readonly<Record<string, readonly string[] | string>>;
  /** Critical thresholds by key: more than one is a duplicate. Monitors of others have their name. */
  readonly monitors: Readonly<Record<string, readonly unknown[]>>;
  /** Of the other kinds. What a test wants of them is left out where it is about something else. */
  readonly objects?: Objects;
}

export interface World {
  readonly consul: ConsulServer;
  /** With the token for everything, where there are ACLs. */
  readonly kv: Consul;
  readonly datadog: DatadogDouble;
  readonly agent: FakeAgent;
  readonly confd: string;
  /** Starts an operator. Both roles unless `args` say otherwise. */
  run(args?: readonly string[], env?: Env): Operator;
  /** Those that were started, in order. */
  readonly operators: readonly Operator[];
  command(...args: readonly string[]): Promise<CommandResult>;
  put(service: string, document: unknown): Promise<void>;
  /** Registers one instance whose id is the service's name. */
  register(
    service: string,
    options?: { readonly port?: number; readonly tags?: readonly string[] },
  ): Promise<void>;
  deregister(service: string): Promise<void>;
  state(): Promise<State>;
  /** What every writer says of a service, by type: `True Synced: 1 monitor as wished`. */
  conditions(service: string): Promise<Readonly<Record<string, string>>>;
}

/** For the title of a suite. */
export const SKIPPED = consulBinary() === undefined ? ` (${NO_CONSUL})` : "";

/** The dashboard that the packs compose. */
export const OVERVIEW = "_dashboards/infrastructure-overview";
export const MANIFEST = "dd-observe.manifest.json";
const TAG = "dd-observe";
/** What a write looks like before its rename. */
const TEMP = /\.tmp-\d+-[0-9a-f]+-\d+$/;

/** Starts everything but the operator. All of it ends with the test. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const consul = await startConsul(options.consul);
  onTestFinished(async () => await consul[Symbol.asyncDispose]());
  const datadog = await (options.datadog ?? ownFake)();
  onTestFinished(async () => await datadog.stop());
  const confd = await mkdtemp(join(tmpdir(), "dd-observe-confd-"));
  onTestFinished(async () => await rm(confd, { recursive: true, force: true }));
  const agent = await startFakeAgent({ confdDir: confd, scrape: false, ...options.agent });
  onTestFinished(async () => await agent.stop());

  const token = consul.rootToken;
  const kv = createConsul({ address: consul.url, token });
  const env: Env = {
    CONSUL_HTTP_ADDR: consul.url,
    ...(token === undefined ? {} : { CONSUL_HTTP_TOKEN: token }),
    DD_API_URL: datadog.url,
    DD_API_KEY: datadog.apiKey,
    DD_APP_KEY: datadog.appKey,
    DD_OBSERVE_CONFD_DIR: confd,
    DD_OBSERVE_AGENT_URL: agent.url,
    DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
    DD_OBSERVE_RESYNC: "2s",
    DD_OBSERVE_GRACE: "2s",
    // Nobody sends metrics here.
    DD_OBSERVE_ARRIVAL_INTERVAL: "0",
    DD_OBSERVE_PROBE_INTERVAL: "0",
    ...options.env,
  };
  const operators: Operator[] = [];
  return {
    consul,
    kv,
    datadog,
    agent,
    confd,
    operators,
    run(args = [], more = {}) {
      const operator = startOperator(args, { ...env, ...more });
      operators.push(operator);
      return operator;
    },
    command: async (...args) => await runCommand(args, env),
    async put(service, document) {
      await kv.kvPut(
        `observability/${service}`,
        typeof document === "string" ? document : JSON.stringify(document),
      );
    },
    async register(service, { port = 9_100, tags = [TAG] } = {}) {
      await kv.serviceRegister({ id: service, name: service, address: "127.0.0.1", port, tags });
    },
    deregister: async (service) => await kv.serviceDeregister(service),
    state: async () => ({
      files: await filesIn(confd),
      monitors: monitorsOf(datadog),
      objects: objectsIn(datadog),
    }),
    conditions: async (service) => await conditionsOf(kv, service),
  };
}

/** The state of a world with one file and one monitor of the generic pack for each service. */
export function generic(...services: readonly (string | readonly [name: string, port: number])[]): State {
  const pairs = services.map((service) =>
    typeof service === "string" ? ([service, 9_100] as const) : service,
  );
  return {
    files: Object.fromEntries(
      pairs.map(([name, port]) => [fileOf(name), [`http://127.0.0.1:${port}/metrics`]]),
    ),
    monitors: Object.fromEntries(pairs.map(([name]) => [`${name}/endpoint-down`, [3]])),
    // The pack's section stands in it for all of them.
    objects: pairs.length === 0 ? {} : { dashboards: { [OVERVIEW]: ["Infrastructure Overview"] } },
  };
}

export function fileOf(service: string, check = "openmetrics"): string {
  return `${check}.d/dd-observe-${service}.yaml`;
}

/** As much of the world as the test says something of. */
async function lookAt(world: World, wanted: State): Promise<State> {
  const { objects, ...state } = await world.state();
  return wanted.objects === undefined ? state : { ...state, objects: objects ?? {} };
}

/** Waits until the world is exactly so: files, monitors, nothing else. */
export async function expectState(world: World, wanted: State, timeout = 30_000): Promise<void> {
  try {
    await expect.poll(async () => await lookAt(world, wanted), { timeout, interval: 25 }).toEqual(wanted);
  } catch (error) {
    throw new Error(`${String(error)}\n${world.operators.at(-1)?.describe()}`, { cause: error });
  }
}

/** Looks for a while and fails if anything but the wanted state was ever there. */
export async function expectStays(world: World, wanted: State, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  while (performance.now() < until) {
    expect(await lookAt(world, wanted)).toEqual(wanted);
    await sleep(50);
  }
}

export async function expectCondition(
  world: World,
  service: string,
  type: string,
  wanted: string | RegExp,
): Promise<void> {
  await expect
    .poll(async () => (await world.conditions(service))[type], { timeout: 60_000, interval: 50 })
    .toMatch(wanted);
}

/** The only monitor with this key, as Datadog has it. */
export function monitorOf(
  world: World,
  key: string,
): Readonly<Record<string, unknown>> & { readonly id: number } {
  const found = world.datadog.monitors().filter((monitor) => keyOf(monitor) === key);
  expect(found.map(keyOf)).toEqual([key]);
  return found[0] as Readonly<Record<string, unknown>> & { readonly id: number };
}

async function filesIn(folder: string): Promise<Record<string, readonly string[] | string>> {
  const files: Record<string, readonly string[] | string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory() || (entry.parentPath === folder && entry.name === MANIFEST)) continue;
    if (TEMP.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text !== undefined) files[path.slice(folder.length + 1)] = contentOf(entry.name, text);
  }
  return files;
}

/** Fails if a write of a process that has ended left something behind. */
export async function expectNoTemps({ confd }: World): Promise<void> {
  const names = await readdir(confd, { recursive: true });
  expect(names.filter((name) => TEMP.test(name))).toEqual([]);
}

function contentOf(name: string, text: string): readonly string[] | string {
  if (!/^dd-observe-.*\.yaml$/.test(name) || !text.startsWith("# Managed by dd-observe")) return text;
  const { instances } = parse(text) as { instances: readonly Record<string, string>[] };
  return instances.map((instance) => instance["openmetrics_endpoint"] ?? instance["url"] ?? "");
}

function monitorsOf(datadog: DatadogDouble): Record<string, unknown[]> {
  const monitors: Record<string, unknown[]> = {};
  for (const monitor of datadog.monitors()) {
    const options = monitor["options"] as { readonly thresholds?: { readonly critical?: number } };
    const key = keyOf(monitor);
    (monitors[key ?? `not ours: ${String(monitor["name"])}`] ??= []).push(options.thresholds?.critical);
  }
  return monitors;
}

function keyOf(monitor: Readonly<Record<string, unknown>>): string | undefined {
  return keyInTags(monitor["tags"]);
}

async function conditionsOf(kv: Consul, service: string): Promise<Record<string, string>> {
  const entries = await kv.kvList("dd-observe/status/");
  const statuses = entries
    .flatMap(({ text }) => parseStatus(text) ?? [])
    .filter((one) => one.service === service);
  const inWords = ({ type, status, reason, message }: StoredCondition): [string, string] => [
    type,
    `${status} ${reason}: ${message}`,
  ];
  return Object.fromEntries(statuses.flatMap(({ conditions }) => conditions.map(inWords)));
}

/** The same state with other thresholds. */
export function tuned(state: State, monitors: Readonly<Record<string, readonly number[]>>): State {
  return { ...state, monitors: { ...state.monitors, ...monitors } };
}

/** The same state with monitors that are not ours. */
export function withForeign(state: State, ...names: readonly string[]): State {
  const others = Object.fromEntries(names.map((name) => [`not ours: ${name}`, [7]]));
  return { ...state, monitors: { ...state.monitors, ...others } };
}

/** A person makes a monitor. The returned function gives it as it stands now, without the times that Datadog keeps. */
export async function addForeign({ datadog }: World, name: string): Promise<() => unknown> {
  const answer = await fetch(`${datadog.url}/api/v1/monitor`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "dd-api-key": datadog.apiKey,
      "dd-application-key": datadog.appKey,
    },
    body: JSON.stringify({
      name,
      type: "query alert",
      query: "avg(last_5m):avg:system.load.1{*} > 7",
      message: "",
      tags: ["team:people"],
      options: { thresholds: { critical: 7 } },
    }),
  });
  const { id } = (await answer.json()) as { readonly id: number };
  return () => structuredClone(datadog.monitors().find((monitor) => monitor["id"] === id));
}

/** The hashes that the statuses ask a person to approve. Sorted. */
export async function hashesToApprove({ kv }: World): Promise<readonly string[]> {
  const texts = (await kv.kvList("dd-observe/status/")).map(({ text }) => text).join("\n");
  return [
    ...new Set([...texts.matchAll(/dd-observe approve ([0-9a-f]+)/g)].map(([, hash]) => hash as string)),
  ].sort();
}

/** What Consul does by itself twenty seconds after a leader has died, for which most tests have no time. */
export async function endSessions({ consul }: World): Promise<void> {
  const answer = await fetch(`${consul.url}/v1/session/list`);
  const sessions = (await answer.json()) as readonly { readonly ID: string }[];
  for (const { ID } of sessions) await fetch(`${consul.url}/v1/session/destroy/${ID}`, { method: "PUT" });
}
