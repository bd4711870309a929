import { median, quantile } from "../bench/row.ts";
import type { Finding } from "./simulation.ts";
import { answersOf, type Traffic } from "./traffic.ts";

/** Markdown tables: what each step cost, and what was asked. Steps of one name are summed up, a line for all. */
export function renderFindings(findings: readonly Finding[], nodes: number): string {
  const groups = [...Map.groupBy(findings, ({ step }) => step).values()];
  const head = [
    "step",
    "files",
    "converged p50, p99, max",
    "Consul's CPU",
    "answers",
    "to the nodes",
    "from the nodes",
    "writes",
    "to the controllers",
    "leader's CPU, RSS",
    "Consul's RSS",
    "took",
    "load",
  ];
  const lines = groups.map((group) => {
    const last = group.at(-1)!;
    const converged = group.flatMap(({ convergedMs }) => convergedMs);
    const mean = (of: (finding: Finding) => number): number =>
      group.reduce((total, one) => total + of(one), 0) / group.length;
    return [
      group.length === 1 ? last.step : `${last.step} (mean of ${group.length})`,
      inWords(mean(({ files }) => files)),
      converged.length === 0
        ? ""
        : [quantile(converged, 0.5), quantile(converged, 0.99), Math.max(...converged)]
            .map(seconds)
            .join(", "),
      `${mean(({ consulCpuSeconds }) => consulCpuSeconds).toFixed(2)} s`,
      inWords(mean(({ nodes: traffic }) => answersOf(traffic))),
      bytes(mean(({ nodes: { bytesIn } }) => bytesIn)),
      bytes(mean(({ nodes: { bytesOut } }) => bytesOut)),
      inWords(mean(({ writes }) => writes)),
      bytes(mean(({ controllers: { bytesIn } }) => bytesIn)),
      `${mean(({ leaderCpuSeconds }) => leaderCpuSeconds).toFixed(2)} s, ${Math.round(last.leaderRssMib)} MiB`,
      `${Math.round(last.consulRssMib)} MiB`,
      seconds(mean(({ tookMs }) => tookMs)),
      median(group.map(({ load }) => load)).toFixed(1),
    ];
  });
  const asked = groups.map((group) => {
    const last = group.at(-1)!;
    return `- ${last.step}: ${kinds(last.nodes)}; ${last.nodes.connections} connections, ${(last.nodes.connections / nodes).toFixed(1)} a node`;
  });
  return `${table(head, lines)}\n\nAnswers to the nodes, by what was asked:\n\n${asked.join("\n")}`;
}

function kinds({ answers }: Traffic): string {
  const parts = Object.entries(answers).toSorted(([, a], [, b]) => b - a);
  return parts.map(([kind, count]) => `${kind} ${count.toLocaleString("en-US")}`).join(", ") || "none";
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...lines.map(line)].join("\n");
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function bytes(count: number): string {
  if (count < 10_000) return `${Math.round(count)} B`;
  if (count < 10_000_000) return `${Math.round(count / 1_000)} kB`;
  return count < 10_000_000_000 ? `${Math.round(count / 1e6)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

function inWords(value: number): string {
  return value >= 10 ? Math.round(value).toLocaleString("en-US") : String(Math.round(value * 10) / 10);
}
