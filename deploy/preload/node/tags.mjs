// @ts-check

/** How many values each tag may have in one process, by the contract of packs/ai-agent/metrics.yaml. @type {Readonly<Record<string, number>>} */
export const LIMITS = {
  agent: 50,
  action: 20,
  decision: 3,
  error_type: 10,
  evaluator: 10,
  gate: 15,
  instance: 64,
  model: 20,
  outcome: 4,
  provider: 8,
  reason: 10,
  severity: 4,
  task_type: 30,
  tool: 50,
};

/** Of one metric only. @type {Readonly<Record<string, number>>} */
const SPECIAL = { "ai.agent.task.retries reason": 8 };
const DEFAULT_LIMIT = 10;

/** Longer values are cut. */
const MAX_CHARS = 100;

/** Texts that are remembered; several of them may have one normal form. */
const MAX_REMEMBERED = 2_000;

/** Lower case letters, digits and _ . - / only; at most 100 characters; `unknown` where nothing is left. @param {unknown} value */
export function normalised(value) {
  const text = String(value)
    .slice(0, 4 * MAX_CHARS)
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9_.\-/]+/g, "_")
    .slice(0, MAX_CHARS)
    .replace(/^_+|_+$/g, "");
  return text === "" ? "unknown" : text;
}

/**
 * The text of the tags that all metrics have. Their values are the operator's, and stay as they are but for DogStatsD's
 * own marks.
 *
 * @param {readonly [string, string][]} pairs
 */
export function unified(pairs) {
  return pairs.map((pair) => pair.map((part) => part.replace(/[,|#\s]+/g, "_")).join(":"));
}

/** Remembers the first values of each tag; later ones become `other`, so that no application makes series without end. */
export class Bounds {
  /** @type {Map<string, Set<string>>} */
  #seen = new Map();
  /** @type {Map<string, string>} */
  #texts = new Map();

  /** `key:value` as it is sent. @param {string} metric @param {string} key @param {unknown} value */
  text(metric, key, value) {
    const special = `${metric} ${key}`;
    const kind = special in SPECIAL ? special : key;
    const remembered = `${kind} ${String(value)}`;
    const known = this.#texts.get(remembered);
    if (known !== undefined) return known;
    const wanted = normalised(value);
    const seen = this.#seen.get(kind) ?? new Set();
    this.#seen.set(kind, seen);
    if (!seen.has(wanted)) {
      if (seen.size >= (SPECIAL[kind] ?? LIMITS[key] ?? DEFAULT_LIMIT)) return `${key}:other`;
      seen.add(wanted);
    }
    const text = `${key}:${wanted}`;
    if (this.#texts.size < MAX_REMEMBERED) this.#texts.set(remembered, text);
    return text;
  }
}
