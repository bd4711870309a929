import type { Mark } from "./mark.ts";

/** Begins the line by which an object without free tags is known to be ours: a dashboard's description, a downtime's message. */
const PREFIX = "Managed by dd-observe:";
const LINE = /^Managed by dd-observe: owner=(\S+) key=(\S+?)( deletion=retain)?$/;

/**
 * The line that makes an object ours: `Managed by dd-observe: owner=dc1 key=ray/overview`.
 *
 * The cluster stands in lower case, as in the tags of monitors.
 */
export function markLine(mark: Mark & { readonly clusterId: string }): string {
  const line = `${PREFIX} owner=${mark.clusterId.toLowerCase()} key=${mark.key}`;
  return mark.retain ? `${line} deletion=retain` : line;
}

/**
 * Reads our mark from a text, wherever its line stands: somebody may have written below it.
 *
 * @returns undefined unless the text holds exactly one mark and it names this cluster. A mark
 *   that somebody changed makes the object theirs, and so does a second one.
 */
export function readTextMark(text: string, clusterId: string): Mark | undefined {
  const [line, ...others] = linesOf(text).filter(isMark);
  if (line === undefined || others.length > 0) return undefined;
  const [, owner, key, retain] = LINE.exec(line.trim()) ?? [];
  if (owner?.toLowerCase() !== clusterId.toLowerCase() || key === undefined) return undefined;
  return { key, retain: retain !== undefined };
}

/** Every mark of a text, whoever's it is, and spoilt ones too. */
export function markLinesIn(text: string): readonly string[] {
  return linesOf(text)
    .filter(isMark)
    .map((line) => line.trim());
}

/** The text with this mark, and no other, as its last line. A blank line before it keeps it a paragraph of its own. */
export function withMark(text: string, mark: Mark & { readonly clusterId: string }): string {
  const plain = withoutMark(text);
  return plain === "" ? markLine(mark) : `${plain}\n\n${markLine(mark)}`;
}

/** What people wrote: the text without any mark, and without blanks at its ends. */
export function withoutMark(text: string): string {
  const lines = linesOf(text);
  if (!lines.some(isMark)) return text.trim();
  return lines
    .filter((line) => !isMark(line))
    .join("\n")
    .trim();
}

function linesOf(text: string): readonly string[] {
  return text.split(/\r?\n/);
}

/** True for a spoilt mark as well, so that it isn't taken for a person's words. */
function isMark(line: string): boolean {
  return line.trim().startsWith(PREFIX);
}
