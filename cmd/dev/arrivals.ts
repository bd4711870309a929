import type { AgentIntake, MetricLine } from "../../test/fakes/agent-intake.ts";
import type { FakeDatadog } from "../../test/fakes/datadog.ts";

/** So many seconds of points are kept. */
const KEPT_S = 900;

/** Counts what the stand-in Agent takes in of a workload, for people. */
export class Arrivals {
  readonly #sums = new Map<string, number>();
  readonly #tools = new Map<string, number>();
  #told = "";

  add({ name, values, tags }: MetricLine): void {
    const sum = values.reduce((all, value) => all + value, 0);
    this.#sums.set(name, (this.#sums.get(name) ?? 0) + sum);
    const tool = tags.find((tag) => tag.startsWith("tool:"))?.slice("tool:".length);
    if (name === "ai.agent.tool.selected" && tool !== undefined)
      this.#tools.set(tool, (this.#tools.get(tool) ?? 0) + sum);
  }

  /** True once there are tokens, their cost, calls of tools, and spans of LLM Observability. */
  isComplete({ llmSpans }: Pick<AgentIntake, "llmSpans">): boolean {
    return (
      ["ai.agent.tokens.input", "ai.agent.tokens.output", "ai.agent.cost", "ai.agent.tool.selected"].every(
        (name) => (this.#sums.get(name) ?? 0) > 0,
      ) && llmSpans.length > 0
    );
  }

  /** What has arrived by now. Undefined if that was told before, or if nothing has. */
  line({ spans, llmSpans }: Pick<AgentIntake, "spans" | "llmSpans">): string | undefined {
    const of = (name: string): number => this.#sums.get(`ai.agent.${name}`) ?? 0;
    const tools = [...this.#tools].map(([name, count]) => `${name} ${count}`).join(", ");
    const failures = of("tool.failures");
    const parts = [
      `${of("tasks.completed")} tasks`,
      `tokens ${of("tokens.input")} in, ${of("tokens.output")} out`,
      `$${of("cost").toFixed(4)}`,
      `tools ${tools === "" ? "none" : tools}${failures > 0 ? ` (${failures} failed)` : ""}`,
      `${spans.length} spans, ${llmSpans.length} of LLM`,
    ];
    const text = parts.join(" · ");
    if (text === this.#told || of("tasks.completed") === 0) return undefined;
    this.#told = text;
    return text;
  }
}

/** What DogStatsD took in arrives at the stand-in Datadog, each value as a point. */
export function forwardMetric(
  { metrics }: Pick<FakeDatadog, "metrics">,
  { name, values, tags }: MetricLine,
): void {
  const at = Math.floor(Date.now() / 1_000);
  const before = (metrics.get(name) ?? []).filter((point) => point.at > at - KEPT_S);
  metrics.set(name, [...before, ...values.map((value) => ({ at, value, tags }))]);
}
