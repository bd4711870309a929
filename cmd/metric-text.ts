import { COMMON_TAGS, type Answer, type MetricFacts, type Sender } from "../controllers/metric-facts.ts";
import { wrap } from "./table.ts";
import type { Terminal } from "./terminal.ts";

type Look = Pick<Terminal, "paint" | "width">;

/** What is known of a metric, for people. */
export function formatMetric({ name, answers, senders }: MetricFacts, look: Look): string {
  const isSent = senders.length > 0;
  const blocks = [
    line("METRIC", isSent ? name : `${name}, which nothing sends`, look),
    ...answers.map((answer) => formatAnswer(answer, isSent, look)),
    ...senders.map((sender) => formatSender(sender, look)),
  ];
  return blocks.join("");
}

const ANSWERS: Readonly<Record<Answer["answer"], string>> = {
  same: "a real name",
  renamed: "there under another name",
  derived: "it follows from others",
  poll: "dd-observe can ask for it and send it",
  none: "it can't be had",
};

function formatAnswer({ pack, answer, metrics, query, note }: Answer, isSent: boolean, look: Look): string {
  return [
    isSent ? "" : line("ANSWER", `${ANSWERS[answer]} (pack ${pack})`, look),
    isSent || metrics.length === 0 ? "" : line("METRICS", metrics.join(", "), look),
    query === undefined ? "" : line("QUERY", query, look),
    note === undefined ? "" : `\n${wrap(note, look.width)}\n`,
  ].join("");
}

function formatSender(sender: Sender, look: Look): string {
  const { pack, title, type, unit, description, tags, exposed, placement, since, needs } = sender;
  const { verified, source, query, usedBy } = sender;
  const own = tags.length === 0 ? "" : `${tags.join(", ")}; and as every series `;
  const facts: readonly (readonly [name: string, text: string | undefined])[] = [
    ["SENT BY", `pack ${pack} (${title})${exposed === undefined ? "" : `, exposed as ${exposed}`}`],
    ["TYPE", unit === undefined ? type : `${type}, ${unit}`],
    ["TAGS", `${own}${COMMON_TAGS.join(", ")}`],
    ["PLACED", placement],
    ["NEEDS", needs.length === 0 ? undefined : needs.join(", ")],
    ["SINCE", since],
    ["RESTS ON", restsOn(verified, source)],
    ["QUERY", query],
    ["USED BY", usedBy.length === 0 ? undefined : usedBy.join(", ")],
  ];
  const lines = facts.flatMap(([name, text]) => (text === undefined ? [] : [line(name, text, look)]));
  const told = description ?? "The pack only knows that it is sent.";
  return `\n${lines.join("")}\n${wrap(told, look.width)}\n`;
}

const VERIFIED: Readonly<Record<string, string>> = {
  live: "seen on a live system",
  source: "read in its source",
  documentation: "read in its documentation",
  unverified: "not verified",
};

/** Commits are cut: enough to find them by. */
function restsOn(verified: string | undefined, source: string | undefined): string | undefined {
  const parts = [verified === undefined ? undefined : VERIFIED[verified], source];
  const text = parts.filter((part) => part !== undefined).join("; ");
  return text === "" ? undefined : text.replaceAll(/\b([0-9a-f]{10})[0-9a-f]{30}\b/g, "$1");
}

const INDENT = " ".repeat(10);

function line(name: string, text: string, { paint, width }: Look): string {
  const wrapped = wrap(text, width, INDENT).slice(INDENT.length);
  return `${paint("bold", `${name}:`.padEnd(INDENT.length))}${wrapped}\n`;
}
