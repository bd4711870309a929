import { pino, type DestinationStream, type Logger } from "pino";

export type Log = Logger;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Opens the log: JSON lines with the names that Datadog reserves (`service`, `status`, `message`, `timestamp`),
 * so that they need no pipeline there. On a terminal the same lines in words.
 *
 * Messages are constant; what varies is a key.
 */
export function openLog({ level, pretty }: { readonly level: LogLevel; readonly pretty: boolean }): Log {
  const destination: DestinationStream = pretty
    ? { write: (line) => process.stdout.write(inWords(line)) }
    : pino.destination({ dest: 1, sync: true });
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
      ([name, value]) => `${DIM}${name}=${RESET}${typeof value === "string" ? value : JSON.stringify(value)}`,
    )
    .join(" ");
  const time = String(timestamp).slice(11, 19);
  return `${DIM}${time}${RESET} ${COLORS[String(status)] ?? ""}${String(status).padEnd(5)}${RESET} ${String(message)} ${keys}\n`;
}
