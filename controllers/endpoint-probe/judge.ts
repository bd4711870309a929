import type { EndpointAnswer } from "../../clients/endpoint.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Condition } from "../../engine/status/status.ts";

export const ENDPOINT_REACHABLE = "EndpointReachable";

/** A family that every instance of a system always exposes. */
export interface Expectation {
  /** As in `# TYPE`, with or without `_total`. */
  readonly metric?: string | undefined;
  readonly regex?: string | undefined;
  /** What the person can do if it is missing. */
  readonly hint?: string | undefined;
}

/** What is fetched to prove that an instance answers, and what a good answer is made of. */
export interface Probe {
  readonly url: string;
  readonly format: "openmetrics" | "json" | "any";
  readonly expects: readonly Expectation[];
  /** What the person can do, by what came back: `unreachable`, `empty`, or an HTTP status. */
  readonly hints: Readonly<Record<string, string>>;
  /** Where the pack's usual port is asked: the one that the service registered, and the tag that would take it. */
  readonly passedOver?: { readonly port: number; readonly tag: string } | undefined;
}

export interface Verdict {
  readonly reason: "Answers" | "EndpointUnreachable" | "UnexpectedMetrics";
  readonly message: string;
}

/** So many missing families are named, and so many beginnings of those that are there instead. */
const MOST_NAMED = 3;

/** Decides from one answer, or from why there was none, whether an instance can be observed. Pure. */
export function judgeAnswer(probe: Probe, answer: EndpointAnswer | ApiError): Verdict {
  const verdict = judge(probe, answer);
  if (verdict.reason === "Answers" || probe.passedOver === undefined) return verdict;
  const { port, tag } = probe.passedOver;
  const other = `That is the pack's usual port, and the service registered ${port}: if its metrics stand there, give it the tag ${tag}, or set endpoint.port`;
  return { ...verdict, message: sentences(verdict.message, other) };
}

function judge(probe: Probe, answer: EndpointAnswer | ApiError): Verdict {
  if (answer instanceof ApiError) {
    const what = answer.message
      .slice(answer.message.indexOf(probe.url) + probe.url.length)
      .replace(/^: /, "");
    return unreachable(`${probe.url} can't be read: ${what}`, probe.hints["unreachable"] ?? DOWN);
  }
  const { status } = answer;
  if (status < 200 || status > 299) return refused(probe, answer);
  if (probe.format === "any") return answers(probe);
  if (probe.format === "json")
    return isJson(answer)
      ? answers(probe)
      : unexpected(`${probe.url} answers ${kindOf(answer)} instead of JSON`, wrongPlace(probe));
  return judgeMetrics(probe, answer);
}

function judgeMetrics(probe: Probe, answer: EndpointAnswer): Verdict {
  if (answer.families.size === 0) {
    // A page or JSON is of another system, or of another path: no word of the pack's on what it lacks fits there.
    return answer.beginning.trim() === ""
      ? unexpected(`${probe.url} answers nothing`, probe.hints["empty"] ?? wrongPlace(probe))
      : unexpected(`${probe.url} answers ${kindOf(answer)} instead of metrics`, wrongPlace(probe));
  }
  // What was cut off may have them.
  const missing = answer.isWhole ? probe.expects.filter((one) => !isThere(one, answer.families)) : [];
  if (missing.length === 0) return answers(probe);
  const names = missing.map(({ metric, regex }) => metric ?? `anything like ${regex ?? ""}`);
  const hint = missing.find((one) => one.hint !== undefined)?.hint ?? wrongPlace(probe);
  return unexpected(
    `${probe.url} answers without ${listed(names)}; its metrics begin with ${listed(beginningsOf(answer.families))}`,
    hint,
  );
}

function isThere({ metric, regex }: Expectation, families: ReadonlySet<string>): boolean {
  if (metric !== undefined) {
    const bare = metric.replace(/_total$/, "");
    return families.has(bare) || families.has(`${bare}_total`);
  }
  const pattern = new RegExp(regex ?? "", "u");
  return [...families].some((name) => pattern.test(name));
}

/** The first words of the names that are there, the most frequent first: whose metrics they are. */
function beginningsOf(families: ReadonlySet<string>): readonly string[] {
  const counts = new Map<string, number>();
  for (const name of families) {
    const beginning = /^[a-zA-Z]+[_:]?/.exec(name)?.[0] ?? name;
    counts.set(beginning, (counts.get(beginning) ?? 0) + 1);
  }
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([beginning]) => beginning);
}

function refused(probe: Probe, { status, location }: EndpointAnswer): Verdict {
  const hint = probe.hints[String(status)];
  if (status >= 300 && status <= 399) {
    const where = location === undefined ? "" : ` to ${bounded(location)}`;
    return unreachable(
      `${probe.url} redirects${where} (${status}), and the Agent follows no redirects`,
      hint ?? "State the endpoint that answers by itself: its scheme, port and path",
    );
  }
  return unreachable(`${probe.url} answers ${status}`, hint ?? adviceFor(status, probe));
}

function adviceFor(status: number, probe: Probe): string {
  if (status === 401 || status === 403)
    return "It asks for credentials; let it be read without them from this machine";
  if (status === 404 || status === 405) return wrongPlace(probe);
  if (status >= 500) return "The service itself fails to answer: look at its log";
  return wrongPlace(probe);
}

const DOWN = "Check that the service runs and listens on that address and port";

function wrongPlace({ url }: Probe): string {
  const { port, pathname } = new URL(url);
  return `Check that port ${port === "" ? "(the scheme's own)" : port} and path ${pathname} are the ones where it exposes its metrics; endpoint.port and endpoint.path set others`;
}

/** What the body seems to be, in words. */
function kindOf(answer: EndpointAnswer): string {
  const { contentType, beginning } = answer;
  if (contentType === "text/html" || /^\s*<(?:!doctype|html)/i.test(beginning)) return "an HTML page";
  if (isJson(answer)) return "JSON";
  if (answer.families.size > 0) return "metrics";
  return contentType === "" ? "something else" : `something else (${bounded(contentType)})`;
}

function isJson({ contentType, beginning }: EndpointAnswer): boolean {
  return /[/+]json$/.test(contentType) || /^\s*(?:[[{"]|(?:true|false|null|-?\d+)\s*$)/.test(beginning);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).map(bounded);
  const more = names.length - shown.length;
  const all = more > 0 ? [...shown, `${more} more`] : shown;
  return all.length < 2 ? (all[0] ?? "") : `${all.slice(0, -1).join(", ")} and ${all.at(-1)!}`;
}

/** Texts of a stranger stay short, and on one line. */
function bounded(text: string): string {
  const line = text.replace(/[^\x20-\x7e]+/g, "?");
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

function answers({ url, format }: Probe): Verdict {
  const what = format === "openmetrics" ? "answers with the expected metrics" : "answers";
  return { reason: "Answers", message: `${url} ${what}` };
}

function unreachable(message: string, hint: string): Verdict {
  return { reason: "EndpointUnreachable", message: sentences(message, hint) };
}

function unexpected(message: string, hint: string): Verdict {
  return { reason: "UnexpectedMetrics", message: sentences(message, hint) };
}

function sentences(message: string, hint: string): string {
  return `${message}. ${hint.trim().replace(/\.$/, "")}`;
}

/** One condition for the instances of a service on this machine. Says how many of them fail, and why the first does. */
export function conditionOf(verdicts: readonly Verdict[]): Condition {
  const failing = verdicts.filter(({ reason }) => reason !== "Answers");
  const [first] = failing;
  if (first === undefined) {
    const message =
      verdicts.length === 1 ? verdicts[0]!.message : `all ${verdicts.length} endpoints answer as expected`;
    return { type: ENDPOINT_REACHABLE, status: "True", reason: "Answers", message };
  }
  const share = verdicts.length === 1 ? "" : `${failing.length} of ${verdicts.length} endpoints: `;
  return {
    type: ENDPOINT_REACHABLE,
    status: "False",
    reason: first.reason,
    message: `${share}${first.message}`,
  };
}
