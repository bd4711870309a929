import { pino, type DestinationStream, type Logger } from "pino";

export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** True for people at a terminal. */
  readonly pretty: boolean;
  /** Standard output if absent. */
  readonly out?: DestinationStream;
}

/**
 * Opens the log: JSON lines with the names that Datadog reserves (`service`, `status`, `message`, `timestamp`),
 * so that they need no pipeline there. On a terminal the same lines in words.
 *
 * Messages are constant; what varies is a key.
 */
export function openLog({ level, pretty, out }: LogOptions): Log {
  const plain = out ?? pino.destination({ dest: 1, sync: true });
  const destination = pretty ? { write: (line: string) => plain.write(inWords(line)) } : plain;
  return pino(
    {
      level,
      messageKey: "message",
      base: { service: "dd-observe" },
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ status: label }) },
      // A last net: nothing should put these into a line in the first place.
      redact: {
        paths: ["token", "apiKey", "appKey", "*.token", "*.apiKey", "*.appKey", "headers", "*.headers"],
        censor: "[redacted]",
      },
    },
    destination,
  );
}

const COLORS: Readonly<Record<string, string>> = {
  debug: "\u001b[2m",
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
};
const RESET = "\u001b[0m";
const DIM = "\u001b[2m";

function inWords(line: string): string {
  const {
    status,
    timestamp,
    message,
    service: _service,
    ...rest
  } = JSON.parse(line) as Record<string, unknown>;
  const keys = Object.entries(rest)
    .map(
      ([name, value]) =>
        `${DIM}${name}=${RESET}${typeof value === "string" ? harmless(value) : JSON.stringify(value)}`,
    )
    .join(" ");
  const time = String(timestamp).slice(11, 19);
  return `${DIM}${time}${RESET} ${COLORS[String(status)] ?? ""}${String(status).padEnd(5)}${RESET} ${String(message)} ${keys}\n`;
}

/** Without what a terminal would obey: a wish's text may stand in a message. */
function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, " ");
}
