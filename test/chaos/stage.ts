import { createConsul, type Consul } from "../../clients/consul.ts";
import { parseStatus, type ServiceStatus } from "../../engine/status/status.ts";
import type { DatadogDouble } from "../contracts/datadog-double.ts";
import { startFakeConsul, type FakeConsul } from "../fakes/consul.ts";
import { openFront, type Front } from "./front.ts";
import { fastClock, type FastClock } from "./fast-clock.ts";
import { configOf, startChaosOperator, type ChaosOperator, type OperatorOptions } from "./operators.ts";

export interface StageOptions {
  readonly datadog: () => Promise<DatadogDouble>;
  /** How fast time passes. 20 if absent. */
  readonly rate?: number;
  /** For one call to Datadog, in real milliseconds. 1 500 if absent. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Told every line that an operator logs. */
  readonly onLine?: ((holder: string, line: string) => void) | undefined;
}

export interface StartOptions {
  readonly appKey?: string;
  readonly apiKey?: string;
  /** To another Datadog. */
  readonly datadog?: Front;
}

const RATE = 20;
const TIMEOUT_MS = 1_500;

/** Ten seconds between two looks at Datadog, half a minute of grace: half a second and a second and a half at this rate. */
const ENV = { DD_OBSERVE_RESYNC: "10s", DD_OBSERVE_GRACE: "30s", DD_OBSERVE_ARRIVAL_INTERVAL: "0" };

const NEVER = new AbortController().signal;
const LOCK = "dd-observe/leader";

/** A Consul, a Datadog, and the operators between them. People and accidents act through it. */
export class Stage {
  readonly consul: FakeConsul;
  readonly datadog: DatadogDouble;
  readonly kv: Consul;
  readonly clock: FastClock;
  readonly operators: ChaosOperator[] = [];
  readonly #options: StageOptions;
  #started = 0;

  readonly front: Front;

  private constructor(options: StageOptions, consul: FakeConsul, datadog: DatadogDouble, front: Front) {
    this.front = front;
    this.#options = options;
    this.consul = consul;
    this.datadog = datadog;
    this.kv = createConsul({ address: consul.url });
    this.clock = fastClock(options.rate ?? RATE);
  }

  static async open(options: StageOptions): Promise<Stage> {
    const datadog = await options.datadog();
    const consul = await startFakeConsul();
    // So that wishes can be read before the first operator runs.
    consul.put("observability/.keep", "");
    return new Stage(options, consul, datadog, await openFront(datadog.url));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map(async (one) => await one.kill()));
    await Promise.all([this.consul.stop(), this.datadog.stop(), this.front.stop()]);
    this.clock.stop();
  }

  get running(): readonly ChaosOperator[] {
    return this.operators.filter(({ isRunning }) => isRunning);
  }

  get config(): ReturnType<typeof configOf> {
    return configOf(this.#operatorOptions({}));
  }

  async start(more: StartOptions = {}): Promise<ChaosOperator> {
    this.#started++;
    const operator = await startChaosOperator(this.#operatorOptions(more));
    this.operators.push(operator);
    return operator;
  }

  #operatorOptions(more: StartOptions): OperatorOptions {
    const { env = {}, timeoutMs = TIMEOUT_MS, onLine } = this.#options;
    const holder = `chaos/${this.#started}`;
    const { datadog, consul, clock, front } = this;
    return {
      consulUrl: consul.url,
      datadog: more.datadog ?? front,
      apiKey: more.apiKey ?? datadog.apiKey,
      appKey: more.appKey ?? datadog.appKey,
      clock,
      timeoutMs,
      env: { ...ENV, ...env },
      holder,
      onLine: onLine === undefined ? undefined : (line) => onLine(holder, line),
    };
  }

  /** Whoever leads now, if it is one that runs. */
  leader(): ChaosOperator | undefined {
    const row = this.consul.state.keys.get(LOCK);
    if (row?.Session === undefined) return undefined;
    const text = Buffer.from(row.Value ?? "", "base64").toString("utf8");
    return this.running.find(({ holder }) => text.includes(`"${holder}"`));
  }

  /** Consul ends the leader's session, as it does by itself after a while without a sign of life. */
  endTerm(): void {
    const { state } = this.consul;
    const session = state.keys.get(LOCK)?.Session;
    if (session !== undefined) state.destroySession(session);
    state.lockDelays.clear();
  }

  put(name: string, document: unknown): void {
    const text = typeof document === "string" ? document : JSON.stringify(document);
    this.consul.put(`observability/${name}`, text);
  }

  remove(name: string): void {
    this.consul.state.deleteKey(`observability/${name}`);
  }

  document(name: string): string | undefined {
    const value = this.consul.state.keys.get(`observability/${name}`)?.Value;
    return value === undefined ? undefined : Buffer.from(value ?? "", "base64").toString("utf8");
  }

  resumeAll(): void {
    this.consul.state.deleteTree("dd-observe/control/paused/");
  }

  register(service: string, tags: readonly string[] = ["dd-observe"]): void {
    const { state } = this.consul;
    state.registerService(state.nodeName, { Service: service, Tags: [...tags], Port: 8080 });
  }

  deregister(service: string): void {
    const { state } = this.consul;
    state.deregisterService(state.nodeName, service);
  }

  /** What the leaders said of each service. */
  statuses(): readonly ServiceStatus[] {
    const texts = [...this.consul.state.keys.values()]
      .filter(({ Key }) => Key.startsWith("dd-observe/status/services/"))
      .map(({ Value }) => Buffer.from(Value ?? "", "base64").toString("utf8"));
    return texts.flatMap((text) => parseStatus(text) ?? []);
  }

  /** A person reads what the statuses ask for, and does it. Returns the hashes. */
  approveEverything(): readonly string[] {
    const told = this.statuses().flatMap(({ conditions }) => conditions.map(({ message }) => message));
    const hashes = told.flatMap((text) =>
      [...text.matchAll(/dd-observe approve ([0-9a-f]+)/g)].map(([, hash]) => hash!),
    );
    for (const hash of new Set(hashes)) this.consul.put(`dd-observe/control/approved/${hash}`, "");
    return [...new Set(hashes)];
  }

  /** Waits as the operators do. */
  async pass(ms: number): Promise<void> {
    await this.clock.sleep(ms, NEVER);
  }
}
