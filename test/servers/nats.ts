import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { binary } from "./binary.ts";
import { freePorts } from "./free-ports.ts";
import { run, untilAnswers, type Running } from "./process.ts";

/** `NATS_SERVER_BIN`, else `nats-server` on the PATH. */
export function natsBinary(): string | undefined {
  return binary("NATS_SERVER_BIN", "nats-server");
}

/** `NATS_EXPORTER_BIN`, else `prometheus-nats-exporter` on the PATH. */
export function exporterBinary(): string | undefined {
  return binary("NATS_EXPORTER_BIN", "prometheus-nats-exporter");
}

export const NO_NATS = "skipped: no nats-server (set NATS_SERVER_BIN, or put nats-server on the PATH)";
export const NO_EXPORTER =
  "skipped: no prometheus-nats-exporter (set NATS_EXPORTER_BIN, or put it on the PATH)";

export interface NatsServer {
  readonly name: string;
  readonly port: number;
  /** Of the monitoring port. */
  readonly monitoring: string;
  stop(): Promise<void>;
}

export interface Nats extends AsyncDisposable {
  readonly servers: readonly NatsServer[];
}

/** Starts one server, or several that are a cluster, on free ports of loopback, with their data in a folder that goes with them. */
export async function startNats(options: { size?: number; jetstream?: boolean } = {}): Promise<Nats> {
  const { size = 1, jetstream = true } = options;
  const program = natsBinary();
  if (program === undefined) throw new Error(NO_NATS);
  const folder = await mkdtemp(join(tmpdir(), "dd-observe-nats-"));
  const ports = await freePorts(size * 3);
  const routes = ports.slice(size * 2);
  const others = routes.map((port) => `nats://127.0.0.1:${port}`).join(",");
  const cluster = (own: number): string[] =>
    ["--cluster_name", "c1", "--cluster", `nats://127.0.0.1:${own}`, "--routes"].concat(others);
  const running: Running[] = [];
  const servers = Array.from({ length: size }, (_, index): NatsServer => {
    const [port = 0, http = 0, own = 0] = [ports[index], ports[size + index], routes[index]];
    const name = `n${index + 1}`;
    const process = run(program, [
      "-a=127.0.0.1",
      `-p=${port}`,
      `-m=${http}`,
      `-n=${name}`,
      ...(jetstream ? ["-js", "-sd", join(folder, name)] : []),
      ...(size > 1 ? cluster(own) : []),
    ]);
    running.push(process);
    return { name, port, monitoring: `http://127.0.0.1:${http}`, stop: () => process.stop() };
  });
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((process) => process.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const ready = servers.map(({ monitoring }, index) =>
      untilAnswers(`${monitoring}/healthz`, running[index]!, (body) => body.includes('"ok"')),
    );
    await Promise.all(ready);
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, [Symbol.asyncDispose]: stop };
}

export interface Exporter extends AsyncDisposable {
  /** Where the metrics are. */
  readonly url: string;
  readonly read: () => Promise<string>;
}

/** Starts the exporter beside one server, as the pack's setup has it. */
export async function startExporter(
  server: NatsServer,
  flags: readonly string[] = ["-varz", "-connz", "-healthz", "-jsz=all"],
): Promise<Exporter> {
  const program = exporterBinary();
  if (program === undefined) throw new Error(NO_EXPORTER);
  const [port = 0] = await freePorts(1);
  const process = run(program, ["-a", "127.0.0.1", "-p", String(port), ...flags, server.monitoring]);
  const url = `http://127.0.0.1:${port}/metrics`;
  try {
    await untilAnswers(url, process);
  } catch (error) {
    await process.stop();
    throw error;
  }
  return {
    url,
    read: async () => await (await fetch(url)).text(),
    [Symbol.asyncDispose]: () => process.stop(),
  };
}
