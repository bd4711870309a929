import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

import { afterEach, expect, test } from "vitest";

import { changeEvents } from "../../clients/datadog-events.ts";
import { downtimeWriter } from "../../clients/datadog-downtimes.ts";
import { metricTagsReader, metricTagsWriter } from "../../clients/datadog-metric-tags.ts";
import { dashboardReader } from "../../clients/datadog-dashboards.ts";
import { catalogReader, catalogWriter } from "../../clients/datadog-catalog.ts";
import { sloReader, sloWriter } from "../../clients/datadog-slos.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { ApiError } from "../../clients/errors.ts";
import { datadogReader, datadogWriter } from "../../clients/datadog.ts";
import { signal } from "../target-contract.ts";

const KEYS = { apiKey: "secret-api-key", appKey: "secret-app-key" };
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

async function serve(listener: Listener): Promise<string> {
  const server = createServer((request, response) => void listener(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  stops.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers every request alike. */
async function answering(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return serve((_request, response) => void response.writeHead(status, headers).end(text));
}

const transportTo = (url: string) => new DatadogTransport({ ...KEYS, url, timeoutMs: 1_000 });

test("an operation without a factory carries both keys, where it comes from, and its body as it is", async () => {
  const seen: { method?: string; url?: string; headers: IncomingHttpHeaders; body: unknown }[] = [];
  const url = await serve(async (request, response) => {
    const { method = "", url: path = "", headers } = request;
    seen.push({ method, url: path, headers, body: await json(request) });
    response.writeHead(200).end('{"data":{"id":"a"}}');
  });
  const data = { type: "manage_tags", id: "ray.a", attributes: { tags: [], new_field: { a: [null] } } };

  await metricTagsWriter(transportTo(url)).update("ray.a", data, { signal: signal() });

  expect(seen).toMatchObject([
    {
      method: "PATCH",
      url: "/api/v2/metrics/ray.a/tags",
      headers: {
        "content-type": "application/json",
        "dd-api-key": KEYS.apiKey,
        "dd-application-key": KEYS.appKey,
        "x-datadog-managed-by": "iac",
      },
      body: { data },
    },
  ]);
});

test("names in a path are escaped, and none can climb out of it", async () => {
  const seen: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    seen.push(request.url);
    response.writeHead(204).end();
  });
  const catalog = catalogWriter(transportTo(url));

  await catalog.delete("service:default/ray", { signal: signal() });
  await catalog.delete("../../v1/monitor/1?x=y", { signal: signal() });

  expect(seen).toEqual([
    "/api/v2/catalog/entity/service%3Adefault%2Fray",
    "/api/v2/catalog/entity/..%2F..%2Fv1%2Fmonitor%2F1%3Fx%3Dy",
  ]);
  await expect(catalog.delete("..", { signal: signal() })).rejects.toThrow(/needs a value for entity_id/);
  await expect(catalog.delete("", { signal: signal() })).rejects.toThrow(/needs a value for entity_id/);
});

test("an empty answer to a delete is a success, an empty answer to a read is none", async () => {
  const transport = transportTo(await answering(200, undefined));

  await downtimeWriter(transport).delete("1", { signal: signal() });
  await sloWriter(transport).delete("1", { signal: signal() });
  await datadogWriter(transport).deleteMonitor(1, { signal: signal() });

  await expect(downtimeWriter(transport).get("1", { signal: signal() })).rejects.toMatchObject({
    failure: "unavailable",
  });
});

test("a create that answers without the object is an open question", async () => {
  const transport = transportTo(await answering(200, { data: [] }));

  await expect(sloWriter(transport).create({ name: "a" }, { signal: signal() })).rejects.toMatchObject({
    failure: "ambiguous",
    message: 'Cannot create SLO "a": a success without the object',
  });
});

test.for([
  ["a text", { errors: ["no"] }, "no"],
  ["several", { errors: ["no", "never"] }, "no; never"],
  ["JSON:API's objects", { errors: [{ status: "400", title: "Bad Request", detail: "no" }] }, "no"],
  ["an object without a detail", { errors: [{ title: "Bad Request" }] }, "Bad Request"],
  ["texts by id", { data: [], errors: { a1: "no", a2: ["never"] } }, "no; never"],
  ["a single error", { error: "no" }, "no"],
] as const)("says what Datadog said, in %s", async ([_how, body, expected]) => {
  const transport = transportTo(await answering(400, body));

  const read = metricTagsReader(transport).get("ray.a", { signal: signal() });

  await expect(read).rejects.toMatchObject({
    failure: "rejected",
    message: `Cannot read the tag configuration of metric ray.a: 400 ${expected}`,
  });
});

test("never prints a key, whatever the server echoes", async () => {
  const url = await serve((request, response) => {
    const echo = JSON.stringify({ errors: [{ detail: JSON.stringify(request.headers) }] });
    response.writeHead(400).end(echo);
  });

  const error: unknown = await downtimeWriter(transportTo(url))
    .create({ type: "downtime", attributes: {} }, { signal: signal() })
    .catch((e: unknown) => e);

  expect(String(error)).toContain("dd-api-key");
  expect(String(error)).not.toContain("secret");
});

test("a transport that only reads lets no write of any kind leave", async () => {
  const seen: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    seen.push(request.method);
    response.end('{"data":{"id":"a"}}');
  });
  const transport = new DatadogTransport({ ...KEYS, url, readOnly: true });
  const options = { signal: signal() };

  const writes = [
    datadogWriter(transport).deleteMonitor(1, options),
    sloWriter(transport).delete("a", options),
    metricTagsWriter(transport).update("a", {}, options),
    downtimeWriter(transport).create({}, options),
    catalogWriter(transport).upsert({ kind: "service", metadata: { name: "a" } }, options),
    changeEvents(transport).post({ title: "a", tags: [], resource: "a" }, options),
  ];

  for (const write of writes) await expect(write).rejects.toThrow(/only reads/);
  await sloReader(transport).get("a", options);
  expect(seen).toEqual(["GET"]);
});

test("follows no redirect of an operation without a factory", async () => {
  const seen: IncomingHttpHeaders[] = [];
  const elsewhere = await serve((request, response) => {
    seen.push(request.headers);
    response.end("{}");
  });
  const transport = transportTo(
    await answering(308, undefined, { location: `${elsewhere}/api/v2/downtime` }),
  );

  await expect(downtimeWriter(transport).list({ signal: signal() })).rejects.toMatchObject({
    failure: "unavailable",
    status: 308,
  });
  expect(seen).toEqual([]);
});

test("SLOs are read to the end if the totals of a full page contradict each other", async () => {
  const asked: (string | null)[] = [];
  const url = await serve((request, response) => {
    const offset = new URL(request.url ?? "/", "http://x").searchParams.get("offset");
    asked.push(offset);
    const size = offset === null ? 1_000 : 3;
    const data = Array.from({ length: size }, (_, n) => ({ id: `${offset ?? 0}-${n}` }));
    // As recorded: the second total is that of the page.
    const page = { total_count: 1_003, total_filtered_count: 1_000 };
    response.end(JSON.stringify({ data, error: null, metadata: { page } }));
  });

  const { objects } = await sloReader(transportTo(url)).list("a", { signal: signal() });

  expect(objects).toHaveLength(1_003);
  expect(asked).toEqual([null, "1000"]);
});

test("a cut off list of dashboards is read to the end", async () => {
  const asked: string[] = [];
  const url = await serve((request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://x");
    asked.push(searchParams.toString());
    const start = Number(searchParams.get("start") ?? 0);
    const ids = Array.from({ length: 250 }, (_, n) => ({ id: `d${n}` }));
    response.end(JSON.stringify({ dashboards: ids.slice(start, start + 100) }));
  });

  const { objects } = await dashboardReader(transportTo(url)).list({ signal: signal() });

  expect(objects).toHaveLength(250);
  expect(asked).toEqual(["", "count=1000&start=100", "count=1000&start=200", "count=1000&start=250"]);
});

test("a server that gives the same page of metrics for ever is not believed", async () => {
  const transport = transportTo(
    await answering(200, { data: [], meta: { pagination: { next_cursor: "again" } } }),
  );

  const list = metricTagsReader(transport).list({ signal: signal() });

  await expect(list).rejects.toMatchObject({
    failure: "unavailable",
    message: expect.stringContaining("the same page twice"),
  });
});

test("metrics that come with the configurations are left out, beside one of the same name or alone", async () => {
  const configured = { type: "manage_tags", id: "ray.a", attributes: { tags: ["env"] } };
  const data = [configured, { type: "metrics", id: "ray.a" }, { type: "metrics", id: "ray.b" }];
  const transport = transportTo(await answering(200, { data }));

  expect(await metricTagsReader(transport).list({ signal: signal() })).toEqual([configured]);
});

test("downtimes that were canceled or have ended are left out", async () => {
  const data = ["scheduled", "active", "canceled", "ended"].map((status) => ({
    type: "downtime",
    id: status,
    attributes: { status },
  }));
  const transport = transportTo(await answering(200, { data, meta: { page: { total_filtered_count: 4 } } }));

  const { objects: listed } = await downtimeWriter(transport).list({ signal: signal() });

  expect(listed.map(({ id }) => id)).toEqual(["scheduled", "active"]);
});

test("an entity of an older definition is told by what the list says of it", async () => {
  const attributes = { apiVersion: "v2.1", kind: "service", name: "old", namespace: "default", owner: "web" };
  const transport = transportTo(
    await answering(200, { data: [{ id: "1", type: "entity", attributes }], included: [] }),
  );

  const entity = await catalogReader(transport).get("service:default/old", { signal: signal() });

  expect(entity).toEqual({
    apiVersion: "v2.1",
    kind: "service",
    metadata: { name: "old", namespace: "default", owner: "web" },
  });
});

test("counts groups from the totals of the answer, not from its page", async () => {
  // As the real API was recorded to answer.
  const status = [
    { count: 196, name: "Alert" },
    { count: 123, name: "OK" },
  ];
  const counts = { status, muted: [{ count: 319, name: false }], type: [{ count: 319, name: "metric" }] };
  const metadata = { total_count: 319, page_count: 319, page: 0, per_page: 1 };
  const transport = transportTo(
    await answering(200, { counts, groups: [{ group: "host:a", status: "Alert" }], metadata }),
  );

  const { total, byStatus } = await datadogReader(transport).countGroups(["service:ray"], {
    signal: signal(),
  });

  expect(total).toBe(319);
  expect(Object.fromEntries(byStatus)).toEqual({ Alert: 196, OK: 123 });
});

test("a distribution tells one volume alone", async () => {
  const attributes = { distinct_volume: 42 };
  const transport = transportTo(
    await answering(200, { data: { type: "distinct_metric_volumes", id: "ray.latency", attributes } }),
  );

  const volumes = await metricTagsReader(transport).volumes("ray.latency", { signal: signal() });

  expect(volumes).toEqual({ ingested: undefined, indexed: 42 });
});

/** Of a process that may send only so often: then its term is over, though nobody has told it yet. */
function transportOfTerm(url: string, sends: number) {
  const term = new AbortController();
  let asked = 0;
  const mustHold = (): void => {
    asked++;
    if (asked > sends)
      term.abort(new ApiError("go on as the leader", "the session is over", { failure: "conflict" }));
    term.signal.throwIfAborted();
  };
  const transport = new DatadogTransport({
    ...KEYS,
    url,
    timeoutMs: 1_000,
    mandate: { signal: term.signal, mustHold },
  });
  return { transport, signal: term.signal, asked: () => asked };
}

test("sends nothing once a call has waited for its turn for longer than this process leads", async () => {
  const seen: string[] = [];
  const url = await serve((request, response) => {
    seen.push(request.method ?? "");
    response.end("{}");
  });
  const { transport, signal: termSignal } = transportOfTerm(url, 0);

  const write = downtimeWriter(transport).create({}, { signal: termSignal });

  await expect(write).rejects.toMatchObject({ failure: "conflict" });
  expect(seen).toEqual([]);
});

test("sends nothing over a connection that stands only when this process leads no more", async () => {
  const seen: string[] = [];
  const url = await serve((request) => void seen.push(request.method ?? ""));
  // It may when it asks for the connection, and may not when the connection is there.
  const { transport, signal: termSignal, asked } = transportOfTerm(url, 1);

  const write = downtimeWriter(transport).create({}, { signal: termSignal });

  await expect(write).rejects.toThrow("Cannot create a downtime");
  expect(asked()).toBe(2);
  expect(seen).toEqual([]);
});
