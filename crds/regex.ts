import safeRegex from "safe-regex2";

const LIMITS = { characters: 200, unbounded: 3, variable: 10 } as const;

/**
 * Says what is wrong with a regular expression for the Agent, or undefined if nothing is.
 *
 * The Agent's are Python's, searched in every name or line of every scrape. So only what both
 * languages read alike is allowed, and nothing that can take exponential time.
 */
export function wrongRegex(text: string): string | undefined {
  if (text.length > LIMITS.characters)
    return `must be a regular expression of at most ${LIMITS.characters} characters`;
  if (!compiles(text)) return "must be a regular expression that compiles";
  const foreign = foreignToPython(text);
  if (foreign !== undefined)
    return `must be a regular expression that Python reads as well, without ${foreign}`;
  return safeRegex(text) ? tooSlow(text) : SLOW;
}

export function compiles(text: string, flags = ""): boolean {
  try {
    return new RegExp(text, flags).source !== "";
  } catch {
    return false;
  }
}

const SLOW = "must not be a regular expression whose search can take for ever (nested repetition)";

/** Escapes that both languages know: classes, anchors, white space, code points, and every sign that is no letter. */
const SHARED_ESCAPE = /^\\(?:[bBdDsSwWfnrtv]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^A-Za-z0-9])/;

function foreignToPython(text: string): string | undefined {
  for (let at = text.indexOf("\\"); at !== -1; at = text.indexOf("\\", at + 2)) {
    if (!SHARED_ESCAPE.test(text.slice(at))) return text.slice(at, at + 2);
  }
  const bare = text.replaceAll(/\\./g, "__");
  return /\(\?(?!:|=|!)|\[\^?\]|\{,/.exec(bare)?.[0];
}

/**
 * Bounds what backtracking can cost. Repeating a group that itself can match in several ways is exponential
 * ((a|aa)+, (a?){50}), and so are many optional parts in a row (a?a?a?…); k unbounded parts cost the k-th power.
 */
function tooSlow(text: string): string | undefined {
  const bare = text.replaceAll(/\\./g, "_").replaceAll(/\[[^\]]*\]/g, "_");
  const groups: { varies: boolean }[] = [{ varies: false }];
  let closed: { varies: boolean } | undefined;
  let unbounded = 0;
  let variable = 0;
  for (let at = 0; at < bare.length; at++) {
    const repeat = /^(?:([*+])|(\?)|\{(\d+)(,?)(\d*)\})\??/.exec(bare.slice(at));
    if (repeat !== null && !bare.startsWith("(?", at - 1)) {
      const most = mostTimes(repeat);
      if (closed?.varies === true && most > 1) return SLOW;
      if (most === Infinity) unbounded++;
      if (repeat[3] === undefined || repeat[4] === ",") variable++;
      if (repeat[3] === undefined || repeat[4] === ",") groups.at(-1)!.varies = true;
      at += repeat[0].length - 1;
      closed = undefined;
      continue;
    }
    closed = undefined;
    if (bare[at] === "(") groups.push({ varies: false });
    else if (bare[at] === "|") groups.at(-1)!.varies = true;
    else if (bare[at] === ")") {
      closed = groups.pop();
      if (closed?.varies === true && groups.length > 0) groups.at(-1)!.varies = true;
    }
  }
  if (unbounded > LIMITS.unbounded)
    return `must not repeat more than ${LIMITS.unbounded} parts without a bound (*, +)`;
  return variable > LIMITS.variable
    ? `must not have more than ${LIMITS.variable} parts of variable length`
    : undefined;
}

function mostTimes([, star, optional, least, comma, most]: RegExpExecArray): number {
  if (star !== undefined) return Infinity;
  if (optional !== undefined) return 1;
  if (comma === "") return Number(least);
  return most === "" ? Infinity : Number(most);
}
