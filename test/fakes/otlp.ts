import { decodeProtobuf, type Message } from "./protobuf.ts";

export type Attributes = Readonly<Record<string, unknown>>;

/** What all records of one sender have in common. */
interface Sent {
  readonly resource: Attributes;
  /** Name of the library that made it. */
  readonly scope: string;
}

export interface OtlpSpan extends Sent {
  readonly name: string;
  /** Hexadecimal digits: 32 of the trace, 16 of the span and its parent; no parent is `""`. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Attributes;
  /** 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
}

export interface OtlpMetric extends Sent {
  readonly name: string;
  readonly unit: string;
  readonly kind: "gauge" | "sum" | "histogram" | "other";
  /** 1 delta, 2 cumulative; 0 where there is none. */
  readonly temporality: number;
  /** Of each point. */
  readonly attributes: readonly Attributes[];
}

export interface OtlpLog extends Sent {
  readonly severity: string;
  readonly body: unknown;
  readonly attributes: Attributes;
}

export interface OtlpTold {
  readonly spans: readonly OtlpSpan[];
  readonly metrics: readonly OtlpMetric[];
  readonly logs: readonly OtlpLog[];
}

export const SIGNALS = ["traces", "metrics", "logs"] as const;
export type Signal = (typeof SIGNALS)[number];

/**
 * Reads one request of OTLP by HTTP, as `application/json` or `application/x-protobuf`.
 *
 * @throws {Error} if it is neither, or can't be read.
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
 */
export function readOtlp(signal: Signal, contentType: string, body: Buffer): OtlpTold {
  const type = contentType.split(";", 1)[0]!.trim();
  if (type !== "application/json" && type !== "application/x-protobuf")
    throw new Error(`content-type "${contentType}"`);
  const { sources, scopes, records } = WORDS[signal];
  const told = (
    type === "application/json" ? JSON.parse(body.toString("utf8")) : decodeProtobuf(body, REQUESTS[signal])
  ) as Json;
  const found = listOf(told[sources]).flatMap((source) => {
    const resource = attributesOf(objectOf(source["resource"])["attributes"]);
    return listOf(source[scopes]).flatMap((scope) => {
      const sent = { resource, scope: textOf(objectOf(scope["scope"])["name"]) };
      return listOf(scope[records]).map((record) => ({ sent, record }));
    });
  });
  return {
    spans: signal === "traces" ? found.map(({ sent, record }) => spanOf(sent, record)) : [],
    metrics: signal === "metrics" ? found.map(({ sent, record }) => metricOf(sent, record)) : [],
    logs: signal === "logs" ? found.map(({ sent, record }) => logOf(sent, record)) : [],
  };
}

type Json = Readonly<Record<string, unknown>>;

const WORDS = {
  traces: { sources: "resourceSpans", scopes: "scopeSpans", records: "spans" },
  metrics: { sources: "resourceMetrics", scopes: "scopeMetrics", records: "metrics" },
  logs: { sources: "resourceLogs", scopes: "scopeLogs", records: "logRecords" },
} as const;

function spanOf(sent: Sent, span: Json): OtlpSpan {
  return {
    ...sent,
    name: textOf(span["name"]),
    traceId: textOf(span["traceId"]),
    spanId: textOf(span["spanId"]),
    parentSpanId: textOf(span["parentSpanId"]),
    attributes: attributesOf(span["attributes"]),
    statusCode: Number(objectOf(span["status"])["code"] ?? 0),
  };
}

function metricOf(sent: Sent, metric: Json): OtlpMetric {
  const kind = (["gauge", "sum", "histogram"] as const).find((one) => metric[one] !== undefined) ?? "other";
  const points = objectOf(metric[kind]);
  return {
    ...sent,
    name: textOf(metric["name"]),
    unit: textOf(metric["unit"]),
    kind,
    temporality: Number(points["aggregationTemporality"] ?? 0),
    attributes: listOf(points["dataPoints"]).map((point) => attributesOf(point["attributes"])),
  };
}

function logOf(sent: Sent, log: Json): OtlpLog {
  return {
    ...sent,
    severity: textOf(log["severityText"]),
    body: valueOf(objectOf(log["body"])),
    attributes: attributesOf(log["attributes"]),
  };
}

function attributesOf(told: unknown): Attributes {
  return Object.fromEntries(
    listOf(told).map(({ key, value }) => [textOf(key), valueOf(objectOf(value))] as const),
  );
}

/** An `AnyValue`. Integers come as text in JSON, since they have 64 bits. */
function valueOf(value: Json): unknown {
  if (value["intValue"] !== undefined) return Number(value["intValue"]);
  if (value["arrayValue"] !== undefined) return listOf(objectOf(value["arrayValue"])["values"]).map(valueOf);
  if (value["kvlistValue"] !== undefined) return attributesOf(objectOf(value["kvlistValue"])["values"]);
  return value["stringValue"] ?? value["boolValue"] ?? value["doubleValue"] ?? value["bytesValue"];
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

// What of the messages is read, named as in JSON.
// https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto

const ANY: Message = {
  1: ["stringValue", "text"],
  2: ["boolValue", "bool"],
  3: ["intValue", "varint"],
  4: ["doubleValue", "double"],
  5: ["arrayValue", () => ({ 1: ["values[]", () => ANY] })],
  6: ["kvlistValue", () => ({ 1: ["values[]", () => KEY_VALUE] })],
  7: ["bytesValue", "hex"],
};
const KEY_VALUE: Message = { 1: ["key", "text"], 2: ["value", () => ANY] };
const RESOURCE: Message = { 1: ["attributes[]", () => KEY_VALUE] };
const SCOPE: Message = { 1: ["name", "text"], 2: ["version", "text"] };

const SPAN: Message = {
  1: ["traceId", "hex"],
  2: ["spanId", "hex"],
  4: ["parentSpanId", "hex"],
  5: ["name", "text"],
  6: ["kind", "varint"],
  7: ["startTimeUnixNano", "fixed64"],
  8: ["endTimeUnixNano", "fixed64"],
  9: ["attributes[]", () => KEY_VALUE],
  15: ["status", () => ({ 2: ["message", "text"], 3: ["code", "varint"] })],
};

const NUMBER_POINT: Message = {
  4: ["asDouble", "double"],
  6: ["asInt", "signed64"],
  7: ["attributes[]", () => KEY_VALUE],
};
const HISTOGRAM_POINT: Message = {
  4: ["count", "fixed64"],
  5: ["sum", "double"],
  9: ["attributes[]", () => KEY_VALUE],
};
const METRIC: Message = {
  1: ["name", "text"],
  3: ["unit", "text"],
  5: ["gauge", () => ({ 1: ["dataPoints[]", () => NUMBER_POINT] })],
  7: ["sum", () => ({ 1: ["dataPoints[]", () => NUMBER_POINT], 2: ["aggregationTemporality", "varint"] })],
  9: [
    "histogram",
    () => ({ 1: ["dataPoints[]", () => HISTOGRAM_POINT], 2: ["aggregationTemporality", "varint"] }),
  ],
};

const LOG: Message = {
  3: ["severityText", "text"],
  5: ["body", () => ANY],
  6: ["attributes[]", () => KEY_VALUE],
};

const REQUESTS: Readonly<Record<Signal, Message>> = {
  traces: requestOf("traces", SPAN),
  metrics: requestOf("metrics", METRIC),
  logs: requestOf("logs", LOG),
};

function requestOf(signal: Signal, record: Message): Message {
  const { sources, scopes, records } = WORDS[signal];
  const scope: Message = { 1: ["scope", () => SCOPE], 2: [`${records}[]`, () => record] };
  const source: Message = { 1: ["resource", () => RESOURCE], 2: [`${scopes}[]`, () => scope] };
  return { 1: [`${sources}[]`, () => source] };
}
