// @ts-check
import { debug } from "./settings.mjs";
import { Bounds, unified } from "./tags.mjs";

/**
 * Metrics, aggregated in the process and sent by DogStatsD. Counts are summed; a distribution's values go out together,
 * several in one line (protocol 1.1); gauges are asked for when they are due. Nothing here throws.
 *
 * @typedef {Record<string, unknown>} Tags
 * @typedef {{ name: string, value: number, tags: Tags }} Gauge
 * @typedef {object} Transport
 * @property {number} maxBytes A line and a packet are no longer.
 * @property {(packets: string[]) => void} send
 * @property {(packets: string[]) => void} sendAtExit As `send`, where nothing that comes later is run any more.
 */

export const FLUSH_MS = 2_000;
export const GAUGE_MS = 10_000;

/** So many values of one series are kept until they are sent. Beyond it a fair sample stands for all, and says so. */
export const MAX_VALUES = 2_000;

/** So many series between two flushes; the bounds of the tags keep it far below. */
const MAX_SERIES = 5_000;

export class Emitter {
  #transport;
  #tags;
  #instance;
  #now;
  #bounds = new Bounds();
  /** @type {Map<string, { name: string, tags: string, total: number }>} */
  #counts = new Map();
  /** @type {Map<string, Series>} */
  #series = new Map();
  /** @type {(() => Gauge[])[]} */
  #gauges = [];
  #gaugesDueMs = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * @param {Transport} transport
   * @param {readonly [string, string][]} [tags] Of every metric.
   * @param {string} [instance] Of gauges, which tells this process from others on the machine.
   * @param {() => number} [now] Milliseconds.
   */
  constructor(transport, tags = [], instance, now = () => performance.now()) {
    this.#transport = transport;
    this.#tags = unified(tags);
    this.#instance = instance === undefined ? {} : { instance };
    this.#now = now;
  }

  /** `read` is asked every ten seconds. @param {() => Gauge[]} read */
  gauge(read) {
    this.#gauges.push(read);
    this.start();
  }

  /** @param {string} name @param {Tags} tags */
  count(name, tags) {
    const text = this.#text(name, tags);
    const key = `${name}|${text}`;
    const held = this.#counts.get(key);
    if (held !== undefined) held.total += 1;
    else if (this.#counts.size < MAX_SERIES) this.#counts.set(key, { name, tags: text, total: 1 });
    this.start();
  }

  /** @param {string} name @param {number} value @param {Tags} tags */
  distribution(name, value, tags) {
    if (!Number.isFinite(value)) return;
    const text = this.#text(name, tags);
    const key = `${name}|${text}`;
    const held = this.#series.get(key);
    if (held !== undefined) held.add(value);
    else if (this.#series.size < MAX_SERIES) this.#series.set(key, new Series(name, text, value));
    this.start();
  }

  /** Starts the timer unless it runs. It keeps no process alive. */
  start() {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.flush(), FLUSH_MS);
    this.#timer.unref();
    process.on("exit", () => this.flush(true));
  }

  /** Sends every count and value that is held, and the gauges if they are due. @param {boolean} [atExit] */
  flush(atExit = false) {
    try {
      const packets = packed(this.#lines(), this.#transport.maxBytes);
      if (packets.length === 0) return;
      if (atExit) this.#transport.sendAtExit(packets);
      else this.#transport.send(packets);
    } catch (error) {
      debug("metrics were not sent", error);
    }
  }

  /** Sends now and then every two seconds no more; for tests. */
  stop() {
    clearInterval(this.#timer);
  }

  #lines() {
    const lines = this.#dueGauges();
    for (const { name, tags, total } of this.#counts.values()) lines.push(`${name}:${total}|c${tags}`);
    for (const series of this.#series.values()) lines.push(...series.lines(this.#transport.maxBytes));
    this.#counts.clear();
    this.#series.clear();
    return lines;
  }

  #dueGauges() {
    const nowMs = this.#now();
    if (nowMs < this.#gaugesDueMs) return [];
    this.#gaugesDueMs = nowMs + GAUGE_MS;
    const gauges = this.#gauges.flatMap((read) => read());
    return gauges.map(({ name, value, tags }) => {
      const text = this.#text(name, { ...tags, ...this.#instance });
      return `${name}:${numeral(value)}|g${text}`;
    });
  }

  /** @param {string} name @param {Tags} tags */
  #text(name, tags) {
    let text = "";
    for (const key in tags) text += `${text === "" ? "" : ","}${this.#bounds.text(name, key, tags[key])}`;
    const all = [text, ...this.#tags].filter((part) => part !== "").join(",");
    return all === "" ? "" : `|#${all}`;
  }
}

/** Values of one distribution since the last flush. */
class Series {
  #values;
  #seen = 1;

  /** @param {string} name @param {string} tags @param {number} value */
  constructor(name, tags, value) {
    this.name = name;
    this.tags = tags;
    this.#values = [value];
  }

  /** Algorithm R: each value has the same chance to be among those that are kept. @param {number} value */
  add(value) {
    this.#seen += 1;
    if (this.#values.length < MAX_VALUES) {
      this.#values.push(value);
      return;
    }
    const at = Math.floor(Math.random() * this.#seen);
    if (at < MAX_VALUES) this.#values[at] = value;
  }

  /** @param {number} maxBytes */
  lines(maxBytes) {
    const kept = this.#values.length / this.#seen;
    const end = `|d${kept === 1 ? "" : `|@${numeral(kept)}`}${this.tags}`;
    const room = maxBytes - Buffer.byteLength(this.name) - Buffer.byteLength(end);
    const lines = [];
    let values = "";
    for (const value of this.#values) {
      const text = `:${numeral(value)}`;
      if (values !== "" && values.length + text.length > room) {
        lines.push(`${this.name}${values}${end}`);
        values = "";
      }
      values += text;
    }
    lines.push(`${this.name}${values}${end}`);
    return lines;
  }
}

/** Lines, several in one packet. One that is longer than a packet goes alone. @param {string[]} lines @param {number} maxBytes */
function packed(lines, maxBytes) {
  const packets = [];
  let packet = "";
  let used = 0;
  for (const line of lines) {
    const bytes = Buffer.byteLength(line);
    if (packet !== "" && used + 1 + bytes > maxBytes) {
      packets.push(packet);
      packet = "";
      used = 0;
    }
    used += bytes + (packet === "" ? 0 : 1);
    packet += packet === "" ? line : `\n${line}`;
  }
  if (packet !== "") packets.push(packet);
  return packets;
}

/** Without an exponent, which not every reader of the protocol takes. @param {number} value */
function numeral(value) {
  if (Number.isInteger(value)) return Math.abs(value) < 1e21 ? String(value) : BigInt(value).toString();
  return value.toFixed(12).replace(/\.?0+$/, "");
}
