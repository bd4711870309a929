import { describe, expect, onTestFinished, test, vi } from "vitest";

import { sentMetrics } from "../../crds/pack-metrics.ts";
import { observed, PACKS } from "../builders/observed.ts";
import { NatsClient } from "../servers/nats-client.ts";
import {
  exporterBinary,
  natsBinary,
  NO_EXPORTER,
  NO_NATS,
  startExporter,
  startNats,
  type Exporter,
  type Nats,
  type NatsServer,
} from "../servers/nats.ts";
import { misfits, missingFamilies } from "./against-table.ts";
import { openMetricsInstance } from "./openmetrics-instance.ts";
import { sentByOpenMetrics, type SentSeries } from "./openmetrics-names.ts";

const pack = PACKS.get("nats")!;
const INSTANCE = openMetricsInstance("nats", "");
const missing = [
  ...(natsBinary() === undefined ? [NO_NATS] : []),
  ...(exporterBinary() === undefined ? [NO_EXPORTER] : []),
];
const why = missing.length === 0 ? "" : ` (${missing.join("; ")})`;

async function nats(options: Parameters<typeof startNats>[0] = {}): Promise<Nats> {
  const started = await startNats(options);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

async function exporter(server: NatsServer, flags?: readonly string[]): Promise<Exporter> {
  const started = await startExporter(server, flags);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

async function client(server: NatsServer): Promise<NatsClient> {
  const connected = await NatsClient.connect(server.port);
  onTestFinished(() => connected.close());
  return connected;
}

/** A stream, a mirror, a sourced one and a consumer that is behind: ten published, three fetched, one of them done. */
async function busy(server: NatsServer, replicas = 1): Promise<NatsClient> {
  const js = await client(server);
  const stream = (name: string, more: object): Promise<unknown> => {
    const config = { name, num_replicas: replicas, storage: "file", retention: "limits", ...more };
    // A cluster that has just come up doesn't know all of its servers yet.
    return vi.waitFor(() => js.api(`STREAM.CREATE.${name}`, config), { timeout: 15_000, interval: 250 });
  };
  await stream("ORDERS", { subjects: ["orders.>"], max_bytes: 1_000_000 });
  await stream("COPY", { mirror: { name: "ORDERS" } });
  await stream("SUM", { sources: [{ name: "ORDERS" }] });
  await js.api("CONSUMER.DURABLE.CREATE.ORDERS.worker", {
    stream_name: "ORDERS",
    config: { durable_name: "worker", ack_policy: "explicit", deliver_policy: "all", num_replicas: replicas },
  });
  for (let count = 0; count < 10; count++) await js.request("orders.new", "x".repeat(100));
  await js.next("ORDERS", "worker", true);
  await js.next("ORDERS", "worker", false);
  await js.next("ORDERS", "worker", false);
  return js;
}

const valuesOf = (series: readonly SentSeries[], name: string, ...tags: readonly string[]): number[] =>
  series
    .filter((one) => one.name === name && tags.every((tag) => one.tags.includes(tag)))
    .map(({ value }) => value);

describe.skipIf(missing.length > 0)(`NATS and its exporter, live${why}`, () => {
  test("expose what the pack expects, and send what its table has, with its tags, each series once", async () => {
    const { servers } = await nats();
    await busy(servers[0]!);
    const { read } = await exporter(servers[0]!);
    await expect.poll(read).toContain("jetstream_stream_mirror_lag");

    const text = await read();
    const series = sentByOpenMetrics(text, INSTANCE);

    expect(missingFamilies(pack, text)).toEqual([]);
    expect(misfits(pack, series)).toEqual([]);
    const sent = new Set(series.map(({ name }) => name));
    expect([...sentMetrics(pack.metrics).keys()].filter((name) => !sent.has(name))).toEqual([]);
  });

  test("give the numbers that the monitors rest on", async () => {
    const { servers } = await nats();
    await busy(servers[0]!);
    const { read } = await exporter(servers[0]!);

    const series = sentByOpenMetrics(await read(), INSTANCE);
    const consumer = ["stream_name:orders", "consumer_name:worker", "is_consumer_leader:true"];

    expect(valuesOf(series, "nats.jetstream.consumer.pending", ...consumer)).toEqual([7]);
    expect(valuesOf(series, "nats.jetstream.consumer.ack_pending", ...consumer)).toEqual([2]);
    expect(valuesOf(series, "nats.jetstream.stream.messages", "stream_name:orders")).toEqual([10]);
    expect(valuesOf(series, "nats.jetstream.stream.limit_bytes", "stream_name:orders")).toEqual([1_000_000]);
    expect(valuesOf(series, "nats.jetstream.stream.limit_bytes", "stream_name:copy")).toEqual([-1]);
    expect(valuesOf(series, "nats.connections.total")).toEqual([1]);
    expect(valuesOf(series, "nats.healthz.ok")).toEqual([1]);
    expect(valuesOf(series, "nats.jetstream.disabled")).toEqual([0]);
    expect(valuesOf(series, "nats.jetstream.storage.max")[0]).toBeGreaterThan(0);
  });

  test("count the replicas of a cluster once by the leader's tag, and each by the servers' own totals", async () => {
    const { servers } = await nats({ size: 3 });
    await busy(servers[0]!, 3);
    const exporters = await Promise.all(servers.map((server) => exporter(server)));
    const all = async (): Promise<readonly SentSeries[]> => {
      const texts = await Promise.all(exporters.map(({ read }) => read()));
      return texts.flatMap((text) => sentByOpenMetrics(text, INSTANCE));
    };
    const orders = "stream_name:orders";
    await expect
      .poll(async () => valuesOf(await all(), "nats.jetstream.stream.messages", orders), { timeout: 10_000 })
      .toEqual([10, 10, 10]);

    const series = await all();

    expect(valuesOf(series, "nats.jetstream.stream.messages", orders, "is_stream_leader:true")).toEqual([10]);
    expect(valuesOf(series, "nats.jetstream.consumer.pending", "is_consumer_leader:true")).toEqual([7]);
    expect(valuesOf(series, "nats.jetstream.consumer.pending")).toHaveLength(3);
    expect(valuesOf(series, "nats.jetstream.streams")).toEqual([3, 3, 3]);
  }, 60_000);

  test("show a server that is gone by its health alone: all else stands still or is missing", async () => {
    const { servers } = await nats();
    const { read } = await exporter(servers[0]!);
    await read();

    await servers[0]!.stop();
    const series = sentByOpenMetrics(await read(), INSTANCE);

    expect(valuesOf(series, "nats.healthz.ok")).toEqual([0]);
    expect(valuesOf(series, "nats.healthz.status")).toEqual([]);
    expect(valuesOf(series, "nats.connections.max")).toEqual([65_536]);
    expect(valuesOf(series, "nats.jetstream.disabled")).toEqual([]);
  });

  test("show a server without JetStream as one, so that the pack's option must say if that is wanted", async () => {
    const { servers } = await nats({ jetstream: false });
    const { read } = await exporter(servers[0]!);

    const series = sentByOpenMetrics(await read(), INSTANCE);

    expect(valuesOf(series, "nats.jetstream.disabled")).toEqual([1]);
    expect(valuesOf(series, "nats.jetstream.storage.max")).toEqual([]);
    expect([...observed("nats", "agent: {jetstream: false}").monitors.keys()]).not.toContain(
      "nats/jetstream-disabled",
    );
  });

  test("are read by the generic pack as well, under the service's name", async () => {
    const { servers } = await nats();
    const { read } = await exporter(servers[0]!);
    const document = "pack: generic\nagent: {metrics: ['^gnatsd_varz_(connections|mem)$']}\n";

    const series = sentByOpenMetrics(await read(), openMetricsInstance("bus", document));

    expect(series.map(({ name }) => name).toSorted()).toEqual([
      "bus.gnatsd_varz_connections",
      "bus.gnatsd_varz_mem",
    ]);
  });
});

// The exporter names what the server's own page has, level by level, so that this holds without it.
describe.skipIf(natsBinary() === undefined)(
  `NATS, live${natsBinary() === undefined ? ` (${NO_NATS})` : ""}`,
  () => {
    test("has on its page what the pack's names of varz are made of", async () => {
      const { servers } = await nats();
      const page = (await (await fetch(`${servers[0]!.monitoring}/varz`)).json()) as object;
      const names = new Set(numbersOf(page).map((path) => `gnatsd_varz_${path.join("_")}`));

      const wanted = Object.values(pack.metrics.metrics).flatMap(({ exposed = "" }) =>
        exposed.startsWith("gnatsd_varz_") ? [exposed] : [],
      );

      expect(wanted.length).toBeGreaterThan(15);
      expect(wanted.filter((name) => !names.has(name))).toEqual([]);
    });
  },
);

function numbersOf(value: object, above: readonly string[] = []): (readonly string[])[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (typeof inner === "number") return [[...above, key]];
    return typeof inner === "object" && inner !== null ? numbersOf(inner, [...above, key]) : [];
  });
}
