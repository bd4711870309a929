import { decodeMsgpack } from "./msgpack.ts";
import type { TraceSpan } from "./trace-spans.ts";

/** One span of LLM Observability. */
export interface LlmSpan {
  readonly name: string;
  /** `llm`, `tool`, `workflow`, `agent`, `task`. */
  readonly kind: string;
  readonly tags: readonly string[];
  /** Tokens, by name. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** As tracers send it: dd-trace names the kind by one word, ddtrace by an object; tags are a list, or an object with the trace. */
interface Told {
  readonly name: string;
  readonly tags?: readonly string[] | Readonly<Record<string, string>>;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly metrics?: Readonly<Record<string, number>>;
}

/** Of a request to the intake: one event, or a list of them, each with its spans. */
export function llmSpansOf(body: Buffer): readonly LlmSpan[] {
  const told = JSON.parse(body.toString("utf8")) as { readonly spans: readonly Told[] }[];
  return (Array.isArray(told) ? told : [told]).flatMap(({ spans }) => spans).map(read);
}

/** Those that go along with the spans of a trace, as ddtrace sends them. */
export function llmSpansWith(spans: readonly TraceSpan[]): readonly LlmSpan[] {
  return spans
    .flatMap(({ meta_struct: along }) => along?.["_llmobs"] ?? [])
    .map((packed) => read(decodeMsgpack(packed) as Told));
}

function read({ name, tags = [], meta = {}, metrics = {} }: Told): LlmSpan {
  const { kind } = (meta["span"] ?? { kind: meta["span.kind"] }) as { readonly kind?: unknown };
  const pairs = Object.entries(tags).map(([key, value]) => `${key}:${value}`);
  return {
    name,
    kind: typeof kind === "string" ? kind : "",
    tags: Array.isArray(tags) ? tags : pairs,
    metrics,
  };
}
