import type { WitnessedWrite } from "./witness.ts";

/** One time of leading: the epoch grows from term to term, whoever leads. */
export interface TermOf {
  readonly writer: string;
  readonly epoch: number;
}

/**
 * What is wrong with a history of writes, in words. Needs no clock to be right:
 *
 * - two processes never have a write under way at the same time;
 * - whoever's turn is over writes again only in a later term of its own: the order of the writers is an order of terms.
 */
export function wrongIn(
  writes: readonly WitnessedWrite[],
  terms: readonly TermOf[],
  endedAt: number,
): readonly string[] {
  return [...overlapsIn(writes, endedAt), ...strayTurnsIn(writes, terms)];
}

function overlapsIn(writes: readonly WitnessedWrite[], endedAt: number): readonly string[] {
  const wrong: string[] = [];
  let last: (WitnessedWrite & { readonly until: number }) | undefined;
  for (const write of [...writes].sort((a, b) => a.cameAt - b.cameAt)) {
    if (last !== undefined && last.writer !== write.writer && write.cameAt < last.until)
      wrong.push(
        `${inWords(write)} came ${Math.round(last.until - write.cameAt)} ms before ${inWords(last)} was done`,
      );
    const until = write.doneAt ?? endedAt;
    if (last === undefined || last.writer !== write.writer || until > last.until) last = { ...write, until };
  }
  return wrong;
}

function strayTurnsIn(writes: readonly WitnessedWrite[], terms: readonly TermOf[]): readonly string[] {
  const inOrder = [...terms].sort((a, b) => a.epoch - b.epoch);
  let at = -1;
  const wrong: string[] = [];
  let writer: string | undefined;
  for (const write of [...writes].sort((a, b) => a.cameAt - b.cameAt)) {
    if (write.writer === writer) continue;
    const next = inOrder.findIndex((term, index) => index > at && term.writer === write.writer);
    // What comes after it is judged as if the stray write had not been there.
    if (next < 0) {
      wrong.push(`${inWords(write)} came after the term of ${write.writer} was over`);
      continue;
    }
    at = next;
    writer = write.writer;
  }
  return wrong;
}

function inWords({ writer, what }: WitnessedWrite): string {
  return `"${what}" of ${writer}`;
}

/** The value that half of the others don't exceed, and the highest one. */
export function spread(
  values: readonly number[],
): { readonly count: number; readonly p50: number; readonly max: number } | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  return { count: sorted.length, p50: sorted[Math.floor((sorted.length - 1) / 2)]!, max: sorted.at(-1)! };
}
