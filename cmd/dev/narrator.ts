import { pino } from "pino";

import { keyOfFile, pathOf } from "../../controllers/agent-config/file.ts";
import { LOG_LEVELS, type Log } from "../../engine/log.ts";
import type { Condition, ServiceStatus } from "../../engine/status/status.ts";
import { printable, type Style, type Terminal } from "../terminal.ts";

type Line = Readonly<Record<string, unknown>>;

/** Tells a person what the operator does, as it happens: one line per change of the world. */
export class Narrator {
  readonly #terminal: Terminal;
  /** The name of a monitor by its id, as far as it is known. */
  readonly #monitorName: (id: string) => string | undefined;
  readonly #names = new Map<string, string>();
  readonly #told = new Map<string, Condition>();

  constructor(terminal: Terminal, monitorName: (id: string) => string | undefined) {
    this.#terminal = terminal;
    this.#monitorName = monitorName;
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
  seeStatuses(statuses: readonly ServiceStatus[]): void {
    for (const { service, writer, conditions } of statuses) {
      const green: string[] = [];
      for (const condition of conditions) {
        const key = `${service}\n${writer}\n${condition.type}`;
        const before = this.#told.get(key);
        if (before?.status === condition.status && before.reason === condition.reason) continue;
        this.#told.set(key, condition);
        if (condition.status === "True") {
          if (before?.status !== "True") green.push(condition.type);
        } else this.#sayCondition(service, condition);
      }
      if (green.length > 0) this.say("green", "✔", service, green.join(", "));
    }
  }

  /** `10:51:02  ✔ ray         text` */
  say(style: Style, sign: string, subject: string, text: string): void {
    const { out, paint } = this.#terminal;
    const time = new Date().toTimeString().slice(0, 8);
    out(`${paint("dim", time)}  ${paint(style, sign)} ${printable(subject).padEnd(9)} ${printable(text)}\n`);
  }

  #sayCondition(service: string, { type, status, reason, message }: Condition): void {
    // That it is held is the consequence of what was said before.
    if (reason === "Held") return;
    if (status === "False") this.say("red", "✘", service, `${type}: ${reason}. ${message}`);
    else this.say("yellow", "…", service, `${type}: ${message}`);
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
        return this.say("red", "✘", this.#kindOf(line), `${this.#whatOf(line)}: ${textOf(line["error"])}`);
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
    const kind = this.#kindOf(line);
    if (line["type"] === "create") return this.say("green", "+", kind, what);
    if (line["type"] === "delete") return this.say("red", "-", kind, what);
    const why = line["reason"] === "Drift" ? "  (was changed by hand; set right)" : "";
    this.say(why === "" ? "cyan" : "yellow", "~", kind, `${what}${why}`);
  }

  #kindOf({ controller }: Line): string {
    return controller === "agent-config" ? "file" : textOf(controller).replace(/s$/, "");
  }

  #whatOf({ controller, key, ref }: Line): string {
    const name = textOf(key);
    if (controller === "agent-config") {
      const [service = "", check = ""] = name.split("/");
      return keyOfFile({ check, service }) === name ? `.dev/conf.d/${pathOf({ check, service })}` : name;
    }
    const id = textOf(ref);
    const title = this.#monitorName(id) ?? this.#names.get(id) ?? name;
    this.#names.set(id, title);
    return id === "" ? title : `${id} ${title}`;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function rest({ level: _level, status: _status, time: _time, message: _message, ...fields }: Line): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ")
    .slice(0, 500);
}
