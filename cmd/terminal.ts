import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
export type Paint = (style: Style, text: string) => string;

/** Where a command prints to. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Columns to fit into. Undefined where nobody looks, such as in a pipe: then nothing is cut. */
  readonly width: number | undefined;
  readonly paint: Paint;
  readonly readStdin: () => Promise<string>;
}

/** The terminal of this process. Colours only where someone looks, unless NO_COLOR or FORCE_COLOR says otherwise. */
export function openTerminal(): Terminal {
  // A reader that has seen enough, such as `head`, is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    width: process.stdout.isTTY ? process.stdout.columns : undefined,
    paint: (style, text) => styleText(style, text, { stream: process.stdout }),
    async readStdin() {
      let text = "";
      for await (const chunk of process.stdin.setEncoding("utf8")) text += String(chunk);
      return text;
    },
  };
}

/** Paints nothing: for pipes and tests. */
export function plain(_style: Style, text: string): string {
  return text;
}

/**
 * Text from outside, safe to print: what would move the cursor or change colours becomes a dot.
 * Line ends stay, and blanks.
 */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{C}\n]|[\u2028\u2029]/gu, "·");
}
