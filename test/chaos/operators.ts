import { readConfig, type Config } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import type { Clock } from "../../engine/clock.ts";
import { openLog } from "../../engine/log.ts";
import type { Front } from "./front.ts";
import { openWire } from "./wire.ts";

export interface OperatorOptions {
  readonly consulUrl: string;
  readonly datadog: Front;
  readonly apiKey: string;
  readonly appKey: string;
  readonly clock: Clock;
  /** For one call to Datadog, in real milliseconds. */
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  /** Told every line of the log at once. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** `node-1/3` */
  readonly holder: string;
}

/** One process that runs the controller role, as far as the rest of the world can tell. */
export interface ChaosOperator {
  readonly holder: string;
  readonly isRunning: boolean;
  /** What it logged last. */
  readonly lines: readonly string[];
  /** SIGKILL: nothing that it still does reaches anybody. */
  kill(): Promise<void>;
  /** SIGTERM: what is under way is finished, and the lock is given back. */
  stop(): Promise<void>;
}

const KEPT_LINES = 400;
/** How long what is left of a killed process may go on talking to itself. */
const GHOST_MS = 25_000;

/** The settings of an operator of a test, as its environment would give them. */
export function configOf(options: OperatorOptions): Config {
  const config = readConfig(
    {},
    {
      CONSUL_HTTP_ADDR: options.consulUrl,
      DD_API_URL: options.datadog.url,
      DD_API_KEY: options.apiKey,
      DD_APP_KEY: options.datadog.keyOf(options.holder, options.appKey),
      DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
      ...options.env,
    },
  );
  return {
    ...config,
    holder: options.holder,
    datadog: { ...config.datadog, timeoutMs: options.timeoutMs },
  };
}

/** Starts the controller role in this process, behind wires of its own. */
export async function startChaosOperator(options: OperatorOptions): Promise<ChaosOperator> {
  const wire = await openWire(options.consulUrl);
  const lines: string[] = [];
  const log = openLog({
    level: "info",
    pretty: false,
    out: {
      write(line: string) {
        lines.push(line.trimEnd());
        options.onLine?.(line.trimEnd());
        if (lines.length > KEPT_LINES) lines.shift();
      },
    },
  });
  const stop = new AbortController();
  const config = configOf({ ...options, consulUrl: wire.url });
  let isRunning = true;
  const running = startOperator(config, "controller", stop.signal, log, options.clock).then(
    async ({ done }) => await done,
  );
  // A process that ends by itself is a failure that the world's state shows; its log says why.
  const ended = running.then(
    () => undefined,
    (error: unknown) => void lines.push(`ended: ${String(error instanceof Error ? error.stack : error)}`),
  );

  function cut(): void {
    wire.cut();
    options.datadog.cut(options.holder);
  }

  async function end(isSudden: boolean): Promise<void> {
    if (!isRunning) return;
    isRunning = false;
    if (isSudden) cut();
    stop.abort(new Error(isSudden ? "killed" : "stopped"));
    const giveUp = new AbortController();
    await Promise.race([ended, after(isSudden ? 0 : GHOST_MS, giveUp.signal)]);
    giveUp.abort();
    if (!isSudden) cut();
  }

  return {
    holder: options.holder,
    lines,
    get isRunning() {
      return isRunning;
    },
    kill: async () => await end(true),
    stop: async () => await end(false),
  };
}

async function after(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
