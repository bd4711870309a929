import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

import { afterEach, expect, test } from "vitest";

import { datadogReader, datadogWriter } from "../../clients/datadog.ts";
import { wishedMonitor } from "../builders/monitors.ts";
import { startFakeDatadog } from "../fakes/datadog.ts";

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

const KEYS = { apiKey: "secret-api-key", appKey: "secret-app-key" };
const BODY = { ...wishedMonitor("ray/a").body };
const signal = () => AbortSignal.timeout(10_000);

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
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

test("follows no redirect, as it would carry the keys along", async () => {
  const seen: string[] = [];
  const elsewhere = await serve((request, response) => {
    seen.push(JSON.stringify(request.headers));
    response.end("[]");
  });
  const url = await serve((_request, response) => {
    response.writeHead(307, { location: `${elsewhere}/api/v1/monitor` }).end();
  });

  const list = datadogReader({ ...KEYS, url }).listMonitors(["a"], { signal: signal() });

  await expect(list).rejects.toMatchObject({ failure: "unavailable", status: 307 });
  expect(seen).toEqual([]);
});

test("a write that never left is no open question", async () => {
  const url = await serve(() => undefined);
  await stops.pop()?.();

  const created = datadogWriter({ ...KEYS, url }).createMonitor(BODY, { signal: signal() });

  await expect(created).rejects.toMatchObject({
    failure: "unavailable",
    message: expect.stringMatching(/ECONNREFUSED/),
  });
});

test("a write that is given up after it was sent is an open question; a read is not", async () => {
  const url = await serve(() => undefined);
  const datadog = datadogWriter({ ...KEYS, url });
  const reason = new Error("leadership lost");

  const write = datadog.createMonitor(BODY, { signal: abortedAfter(50, reason) });
  const read = datadog.getMonitor(1, { signal: abortedAfter(50, reason) });

  await expect(write).rejects.toMatchObject({ failure: "ambiguous" });
  await expect(read).rejects.toBe(reason);
});

test("reads compressed answers", async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync('[{"id":1,"org_id":7}]'));
  });

  const list = await datadogReader({ ...KEYS, url }).listMonitors(["a"], { signal: signal() });

  expect(list.monitors).toEqual([{ id: 1, org_id: 7 }]);
});

test.for([
  ["an object", "{}"],
  ["a list of something else", '[{"name":"no id"}]'],
  ["nothing", ""],
])("takes %s for no list of monitors", async ([_what, body]) => {
  const url = await serve((_request, response) => {
    response.end(body);
  });

  const list = datadogReader({ ...KEYS, url }).listMonitors(["a"], { signal: signal() });

  await expect(list).rejects.toMatchObject({ failure: "unavailable" });
});

test("never prints a key, whatever the server echoes", async () => {
  const url = await serve((request, response) => {
    const keys = `${request.headers["dd-api-key"]?.toString()} ${request.headers["dd-application-key"]?.toString()}`;
    const echo = JSON.stringify({ errors: [`bad keys ${keys}`] });
    response.writeHead(400).end(echo);
  });

  const error: unknown = await datadogWriter({ ...KEYS, url })
    .createMonitor(BODY, { signal: signal() })
    .catch((e: unknown) => e);

  expect(String(error)).toContain("bad keys");
  expect(String(error)).not.toContain("secret");
});

test("sends a body as it is, key for key", async () => {
  const api = await startFakeDatadog();
  stops.push(() => api.stop());
  const body = { ...BODY, options: { ...BODY.options, restricted: null, newKey: 1, snake_case: { a: [1] } } };

  await datadogWriter({ url: api.url, apiKey: api.apiKey, appKey: api.appKey }).createMonitor(body, {
    signal: signal(),
  });

  expect(api.log.at(-1)?.body).toEqual(body);
});

test("says where it comes from", async () => {
  let headers: unknown;
  const url = await serve((request, response) => {
    headers = request.headers;
    response.end("[]");
  });

  await datadogReader({ ...KEYS, url: `${url}/` }).listMonitors(["a"], { signal: signal() });

  expect(headers).toMatchObject({
    "dd-api-key": KEYS.apiKey,
    "dd-application-key": KEYS.appKey,
    "x-datadog-managed-by": "iac",
  });
});

function abortedAfter(ms: number, reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), ms);
  return controller.signal;
}
