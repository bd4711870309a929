import { gzipSync } from "node:zlib";

import { expect, onTestFinished, test } from "vitest";

import { startLangfuse } from "./langfuse.ts";
import { startOtlpReceiver, type OtlpReceiver } from "./otlp-receiver.ts";

async function open(starting: Promise<OtlpReceiver> = startOtlpReceiver()): Promise<OtlpReceiver> {
  const receiver = await starting;
  onTestFinished(async () => await receiver.stop());
  return receiver;
}

async function post(url: string, body: string | Buffer, headers: Readonly<Record<string, string>>) {
  const { status } = await fetch(url, { method: "POST", body, headers });
  return status;
}

/** A field of Protocol Buffers: text and messages with their length, a number below 128 as one byte. */
function field(number: number, value: Buffer | string | number): Buffer {
  if (typeof value === "number") return Buffer.from([number * 8, value]);
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

function message(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

const ID = "0102030405060708";
const PROTOBUF = { "content-type": "application/x-protobuf" };
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };
const SPAN = {
  resource: { "service.name": "support" },
  scope: "langchain",
  name: "chat",
  traceId: "",
  spanId: ID,
  parentSpanId: "",
  attributes: { tokens: 120 },
  statusCode: 2,
};
const BINARY = field(
  1,
  message(
    field(1, field(1, message(field(1, "service.name"), field(2, field(1, "support"))))),
    field(
      2,
      message(
        field(1, field(1, "langchain")),
        field(
          2,
          message(
            field(2, Buffer.from(ID, "hex")),
            field(5, "chat"),
            field(6, 1),
            field(9, message(field(1, "tokens"), field(2, field(3, 120)))),
            field(15, field(3, 2)),
          ),
        ),
      ),
    ),
  ),
);
const TEXT = JSON.stringify({
  resourceSpans: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "support" } }] },
      scopeSpans: [
        {
          scope: { name: "langchain" },
          spans: [
            {
              name: "chat",
              spanId: ID,
              attributes: [{ key: "tokens", value: { intValue: "120" } }],
              status: { code: 2 },
            },
          ],
        },
      ],
    },
  ],
});

test("keeps the same of a span as Protocol Buffers, in JSON and compressed", async () => {
  const receiver = await open();
  const url = `${receiver.url}/v1/traces`;

  const statuses = [
    await post(url, BINARY, PROTOBUF),
    await post(url, TEXT, JSON_TYPE),
    await post(url, gzipSync(TEXT), { ...JSON_TYPE, "content-encoding": "gzip" }),
  ];

  expect(statuses).toEqual([200, 200, 200]);
  expect(receiver.spans).toEqual([SPAN, SPAN, SPAN]);
  expect(receiver.faults).toEqual([]);
});

test("keeps a metric with its temporality and the attributes of its points", async () => {
  const receiver = await open();
  const point = field(7, message(field(1, "tool"), field(2, field(1, "search"))));
  const sum = message(field(1, point), field(2, 1));
  const metric = message(field(1, "calls"), field(3, "{call}"), field(7, sum));

  await post(`${receiver.url}/v1/metrics`, field(1, field(2, field(2, metric))), PROTOBUF);

  const [found] = receiver.metrics;
  expect(found).toMatchObject({ name: "calls", unit: "{call}", kind: "sum", temporality: 1 });
  expect(found?.attributes).toEqual([{ tool: "search" }]);
});

test("keeps a log with its text", async () => {
  const receiver = await open();
  const logRecords = [{ severityText: "WARN", body: { stringValue: "slow" } }];

  await post(
    `${receiver.url}/v1/logs`,
    JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }),
    JSON_TYPE,
  );

  expect(receiver.logs).toEqual([
    { resource: {}, scope: "", severity: "WARN", body: "slow", attributes: {} },
  ]);
});

test("what can't be read is refused and told of", async () => {
  const receiver = await open();
  const url = `${receiver.url}/v1/traces`;

  const statuses = [
    await post(url, BINARY.subarray(0, -1), PROTOBUF),
    await post(url, "{", JSON_TYPE),
    await post(url, TEXT, { "content-type": "text/plain" }),
    await post(`${receiver.url}/v2/traces`, TEXT, JSON_TYPE),
  ];

  expect(statuses).toEqual([400, 400, 400, 404]);
  expect(receiver.faults).toEqual([
    expect.stringContaining("cut short"),
    expect.stringContaining("JSON"),
    expect.stringContaining("text/plain"),
  ]);
  expect(receiver.spans).toEqual([]);
});

test("Langfuse takes traces with the right keys only, and nothing else", async () => {
  const langfuse = await open(startLangfuse({ publicKey: "pk-lf-1", secretKey: "sk-lf-1" }));
  const basic = (keys: string) => ({ ...JSON_TYPE, authorization: `Basic ${btoa(keys)}` });
  const url = `${langfuse.url}/api/public/otel/v1`;

  const statuses = [
    await post(`${url}/traces`, TEXT, JSON_TYPE),
    await post(`${url}/traces`, TEXT, basic("pk-lf-1:other")),
    await post(`${url}/metrics`, TEXT, basic("pk-lf-1:sk-lf-1")),
    await post(`${url}/traces`, TEXT, basic("pk-lf-1:sk-lf-1")),
  ];

  expect(statuses).toEqual([401, 401, 404, 200]);
  expect(langfuse.spans).toEqual([SPAN]);
  expect(langfuse.requests.map(({ status }) => status)).toEqual([401, 401, 404, 200]);
});
