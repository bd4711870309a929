/** One span of the trace intake. */
export interface TraceSpan {
  readonly name: string;
  readonly service: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** What goes along with the span, each as MessagePack. */
  readonly meta_struct?: Readonly<Record<string, Buffer>>;
}

/** The spans of one request, already out of MessagePack: objects in version 0.4, in 0.5 lists that point into a table of texts. */
export function readTraces(path: "/v0.4/traces" | "/v0.5/traces", told: unknown): readonly TraceSpan[] {
  if (path === "/v0.4/traces") return (told as TraceSpan[][]).flat();
  const [texts, traces] = told as [readonly string[], readonly (readonly Packed[])[]];
  const text = (index: number): string => texts[index] ?? "";
  const named = <Value, Read>(fields: Readonly<Record<string, Value>>, read: (value: Value) => Read) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [text(Number(name)), read(value)]));
  return traces.flat().map(([service, name, , , , , , , , meta, metrics]) => ({
    name: text(name),
    service: text(service),
    meta: named(meta, text),
    metrics: named(metrics, Number),
  }));
}

/** @see https://github.com/DataDog/datadog-agent (pkg/trace/api/version.go, v05) */
type Packed = readonly [
  service: number,
  name: number,
  resource: number,
  traceId: number,
  spanId: number,
  parentId: number,
  start: number,
  duration: number,
  error: number,
  meta: Readonly<Record<string, number>>,
  metrics: Readonly<Record<string, number>>,
  type: number,
];
