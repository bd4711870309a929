/** The entries of two answers that differ, as JSON texts. */
export interface AnswerDiff {
  /** Of the older answer: gone or changed. */
  readonly before: readonly string[];
  /** Of the newer one: new or changed. */
  readonly after: readonly string[];
}

const FIRST = Buffer.from('[{"LockIndex":');
/** Between two entries. Can't be part of a key or a value, where a quote has a backslash before it. */
const BETWEEN = Buffer.from('},{"LockIndex":');
const LAST = Buffer.from("}]");

/**
 * Finds the entries of a list of keys that differ between two answers of Consul, without parsing the others.
 *
 * Consul sends all keys of a prefix when one has changed. Parsing 4.6 MB for one document
 * costs some ten times as much as comparing the bytes, most of it garbage to collect.
 *
 * @returns Undefined if an answer doesn't have the form that Consul gives it.
 *   An entry that is in neither list is the same in both answers, byte for byte.
 */
export function diffAnswers(before: Buffer, after: Buffer): AnswerDiff | undefined {
  if (!hasForm(before) || !hasForm(after)) return undefined;
  const gone: string[] = [];
  const come: string[] = [];
  // Both stand at the first byte of an entry, or at the end of their list.
  let i = 1;
  let j = 1;
  while (i < before.length || j < after.length) {
    const same = commonLength(before, i, after, j);
    if (i + same === before.length && j + same === after.length) break;
    const back = same - entryStart(before, i, same);
    i += same - back;
    j += same - back;
    const old = entryAt(before, i);
    const young = entryAt(after, j);
    const order = old === undefined ? 1 : young === undefined ? -1 : compareKeys(old.text, young.text);
    if (old !== undefined && order <= 0) {
      gone.push(old.text);
      i = old.next;
    }
    if (young !== undefined && order >= 0) {
      come.push(young.text);
      j = young.next;
    }
    if (old === undefined && young === undefined) break;
  }
  return { before: gone, after: come };
}

function hasForm(answer: Buffer): boolean {
  return answer.subarray(0, FIRST.length).equals(FIRST) && answer.subarray(-LAST.length).equals(LAST);
}

const BLOCK = 65_536;

/** How many bytes are the same from `i` and `j` on. */
function commonLength(a: Buffer, i: number, b: Buffer, j: number): number {
  const most = Math.min(a.length - i, b.length - j);
  let same = 0;
  let step = BLOCK;
  while (same < most && step > 0) {
    const length = Math.min(step, most - same);
    const [from, to] = [i + same, i + same + length];
    if (a.compare(b, j + same, j + same + length, from, to) === 0) same += length;
    else step = length === 1 ? 0 : Math.floor(length / 2);
  }
  return same;
}

/** Where the entry begins that byte `same` from `from` belongs to, counted from `from`. */
function entryStart(answer: Buffer, from: number, same: number): number {
  const seen = answer.subarray(from, from + same);
  const between = seen.lastIndexOf(BETWEEN);
  return between < 0 ? 0 : between + "},".length;
}

interface Entry {
  readonly text: string;
  /** Where the next entry begins; the length of the answer after the last one. */
  readonly next: number;
}

/** Undefined at the end of the list. */
function entryAt(answer: Buffer, from: number): Entry | undefined {
  if (from >= answer.length) return undefined;
  const between = answer.indexOf(BETWEEN, from);
  if (between < 0) return { text: answer.toString("utf8", from, answer.length - 1), next: answer.length };
  return { text: answer.toString("utf8", from, between + 1), next: between + "},".length };
}

function compareKeys(a: string, b: string): number {
  const [keyA, keyB] = [keyOf(a), keyOf(b)];
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
}

function keyOf(entry: string): string {
  return (JSON.parse(entry) as { readonly Key: string }).Key;
}
