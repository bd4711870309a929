import { pino } from "pino";

import { keyOfFile, pathOf } from "../../controllers/agent-config/file.ts";
import { isReserved } from "../../crds/names.ts";
import { LOG_LEVELS, type Log } from "../../engine/log.ts";
import type { Condition, ServiceStatus } from "../../engine/status/status.ts";
import { printable, type Style, type Terminal } from "../terminal.ts";
import { inDevDir } from "./session.ts";

type Line = Readonly<Record<string, unknown>>;

/** What people call one object, by the controller's name. */
const NOUNS: Readonly<Record<string, string>> = {
  "agent-config": "file",
  monitors: "monitor",
  slos: "SLO",
  dashboards: "dashboard",
  downtimes: "downtime",
  "metric-tags": "tags",
  catalog: "entity",
  "workload-env": "env",
};

/** What holds an object back although nothing has failed: it ends by itself, or a person wants it so. */
const CALM: ReadonlySet<string> = new Set([
  "DriftReported",
  "DriftTolerated",
  "Frozen",
  "InGrace",
  "InUse",
  "Paused",
]);

/** What is unknown for no longer than this is no news: an object that waits for the next one, a file that was just written. */
const UNKNOWN_MS = 2_000;
/** Longer ids say nothing to a person. */
const MOST_OF_AN_ID = 12;
/** Longer changes say less than that there is one. */
const MOST_OF_A_CHANGE = 60;
const MOST_CHANGES = 2;

interface Told {
  readonly condition: Condition;
  /** When it was seen first, in milliseconds. */
  readonly since: number;
  readonly isTold: boolean;
}

/** Tells a person what the operator does, as it happens: one line per change of the world. */
export class Narrator {
  readonly #terminal: Terminal;
  /** What people call an object, as far as it is known. */
  readonly #titleOf: (controller: string, id: string) => string | undefined;
  readonly #titles = new Map<string, string>();
  /** What was made and not deleted by us. */
  readonly #standing = new Set<string>();
  readonly #told = new Map<string, Told>();

  constructor(terminal: Terminal, titleOf: (controller: string, id: string) => string | undefined) {
    this.#terminal = terminal;
    this.#titleOf = titleOf;
  }

  /** A log for the operator. What would be noise to a person is left out. */
  openLog(): Log {
    return pino(
      {
        level: LOG_LEVELS[2],
        messageKey: "message",
        base: null,
        formatters: { level: (status) => ({ status }) },
      },
      { write: (line: string) => this.#hear(JSON.parse(line) as Line) },
    );
  }

  /** Says which conditions have changed since it was last told. */
  seeStatuses(statuses: readonly ServiceStatus[], now = performance.now()): void {
    const seen = new Set<string>();
    for (const { service, writer, conditions } of statuses) {
      const green: string[] = [];
      for (const condition of conditions) {
        const key = `${service}\n${writer}\n${condition.type}`;
        seen.add(key);
        const before = this.#told.get(key);
        const isSame =
          before?.condition.status === condition.status && before.condition.reason === condition.reason;
        if (isSame && before.isTold) continue;
        const since = isSame ? before.since : now;
        const isTold = condition.status !== "Unknown" || now - since >= UNKNOWN_MS;
        this.#told.set(key, { condition, since, isTold });
        if (!isTold) continue;
        if (condition.status !== "True") this.#sayCondition(service, condition);
        else if (before?.condition.status !== "True") green.push(condition.type);
      }
      if (green.length > 0) this.#sayOf("green", "✔", service, green.join(", "));
    }
    // What is said of a service that comes back is news again.
    for (const key of this.#told.keys()) if (!seen.has(key)) this.#told.delete(key);
  }

  /** `10:51:02  ✔ ray         text` */
  say(style: Style, sign: string, subject: string, text: string): void {
    const { out, paint } = this.#terminal;
    const time = new Date().toTimeString().slice(0, 8);
    out(`${paint("dim", time)}  ${paint(style, sign)} ${printable(subject).padEnd(9)} ${printable(text)}\n`);
  }

  /** Of a document of no service, `_dashboards/overview`, the folder is the subject. */
  #sayOf(style: Style, sign: string, service: string, text: string): void {
    if (!isReserved(service) || !service.includes("/")) return this.say(style, sign, service, text);
    const [folder = "", name = ""] = service.slice(1).split("/");
    this.say(style, sign, NOUNS[folder] ?? folder, `${name}: ${text}`);
  }

  #sayCondition(service: string, { type, status, reason, message }: Condition): void {
    // That it is held is the consequence of what was said before.
    if (reason === "Held") return;
    const isCalm = status === "Unknown" || CALM.has(reason);
    const why = status === "Unknown" ? message : `${reason}. ${message}`;
    this.#sayOf(isCalm ? "yellow" : "red", isCalm ? "…" : "✘", service, `${type}: ${why}`);
  }

  #hear(line: Line): void {
    switch (line["message"]) {
      case "action applied":
        return this.#sayAction(line);
      case "leading":
        return this.say("cyan", "★", "operator", "leads");
      // Follows from the conditions, which say the same.
      case "wish not accepted":
        return;
      case "action failed":
        return this.say("red", "✘", nounOf(line), `${this.#whatOf(line)}: ${textOf(line["error"])}`);
      case "deletes wait for approval":
        return this.say(
          "yellow",
          "!",
          "brake",
          `${textOf(line["deletes"])} deletes wait: dd-observe approve ${textOf(line["hash"])}`,
        );
      default:
        if (line["status"] === "warn" || line["status"] === "error")
          this.say("yellow", "!", "operator", `${textOf(line["message"])} ${rest(line)}`.trim());
    }
  }

  #sayAction(line: Line): void {
    const what = this.#whatOf(line);
    const noun = nounOf(line);
    const known = knownBy(line);
    if (line["type"] === "create") {
      const why = this.#standing.has(known) ? "  (was deleted by hand; made again)" : "";
      this.#standing.add(known);
      return this.say(why === "" ? "green" : "yellow", "+", noun, `${what}${why}`);
    }
    if (line["type"] === "delete") {
      this.#standing.delete(known);
      return this.say("red", "-", noun, what);
    }
    const changes = shortChanges(textOf(line["changes"]));
    if (line["reason"] !== "Drift")
      return this.say("cyan", "~", noun, changes === "" ? what : `${what}  (${changes})`);
    const fields = changes === "" ? "" : `: ${changes}`;
    this.say("yellow", "~", noun, `${what}  (was changed by hand; set right${fields})`);
  }

  /** `100009 [ray] Object store is nearly full` */
  #whatOf(line: Line): string {
    const { controller, key, ref } = line;
    const name = textOf(key);
    if (controller === "agent-config") {
      const [service = "", check = ""] = name.split("/");
      return keyOfFile({ check, service }) === name ? inDevDir("conf.d", pathOf({ check, service })) : name;
    }
    const id = textOf(ref);
    const known = knownBy(line);
    const title = this.#titleOf(textOf(controller), id) ?? this.#titles.get(known) ?? name;
    this.#titles.set(known, title);
    return id === "" || id === title || id.length > MOST_OF_AN_ID ? title : `${id} ${title}`;
  }
}

function nounOf({ controller }: Line): string {
  const name = textOf(controller);
  return NOUNS[name] ?? name;
}

function knownBy({ controller, key }: Line): string {
  return `${textOf(controller)} ${textOf(key)}`;
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** `priority: 3 → 2, name: "a" → "b" and more`: the first changes that are short enough to be read. */
function shortChanges(changes: string): string {
  const all = changes.split(/, (?=[a-z_]+(?:\.[a-z_]+)*: )/);
  const shown = all.filter((change) => change.length <= MOST_OF_A_CHANGE).slice(0, MOST_CHANGES);
  return `${shown.join(", ")}${shown.length > 0 && shown.length < all.length ? " and more" : ""}`;
}

function rest({ level: _level, status: _status, time: _time, message: _message, ...fields }: Line): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ")
    .slice(0, 500);
}
