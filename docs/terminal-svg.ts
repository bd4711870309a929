import { stripVTControlCharacters } from "node:util";

const FONT_SIZE = 13;
/** Width of a character of the fonts below, as a share of their size. */
const COLUMN = FONT_SIZE * 0.602;
const LINE = 18;
const MARGIN = 16;
const TITLE = 30;

const COLORS: Readonly<Record<number, string>> = {
  31: "#ff8a80",
  32: "#63cd8b",
  33: "#f0bf5b",
  36: "#7fd1e0",
};
const QUIET = "#9a96a6";

interface Run {
  readonly text: string;
  readonly color: string | undefined;
  readonly isBold: boolean;
}

/**
 * Draws what a terminal showed.
 *
 * @param text With the escape sequences of colours. Longer lines than `columns` are broken, as a terminal does.
 */
export function terminalSvg(title: string, text: string, columns = 110): string {
  const lines = runsOf(text.trimEnd()).flatMap((line) => broken(line, columns));
  const width = Math.ceil(columns * COLUMN + 2 * MARGIN);
  const height = TITLE + lines.length * LINE + 2 * MARGIN;
  const body = lines.map((line, at) => drawn(line, TITLE + MARGIN + at * LINE + FONT_SIZE)).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<rect width="100%" height="100%" rx="8" fill="#17161b"/>
<g fill="#45424f"><circle cx="18" cy="17" r="5"/><circle cx="35" cy="17" r="5"/><circle cx="52" cy="17" r="5"/></g>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT_SIZE}" fill="#e6e4ec">
<text x="${width / 2}" y="21" text-anchor="middle" fill="${QUIET}">${escaped(title)}</text>
${body}</g>
</svg>
`;
}

function runsOf(text: string): Run[][] {
  let color: string | undefined;
  let isBold = false;
  return text.split("\n").map((line) =>
    // Between two sequences stands text of one style.
    line.split("\u001b[").flatMap((piece, at) => {
      const code = at === 0 ? null : /^(\d*)m/.exec(piece);
      if (code !== null) {
        const number = Number(code[1]);
        if (number === 0) isBold = false;
        if (number === 1) isBold = true;
        if (number === 22) isBold = false;
        if (number === 2) color = QUIET;
        else if (COLORS[number] !== undefined) color = COLORS[number];
        else if (number === 0 || number === 39 || number === 22) color = undefined;
      }
      const words = stripVTControlCharacters(code === null ? piece : piece.slice(code[0].length));
      return words === "" ? [] : [{ text: words, color, isBold }];
    }),
  );
}

function broken(line: readonly Run[], columns: number): Run[][] {
  const rows: Run[][] = [[]];
  let free = columns;
  for (const run of line) {
    for (let rest = Array.from(run.text); rest.length > 0;) {
      if (free === 0) {
        rows.push([]);
        free = columns;
      }
      const part = rest.slice(0, free);
      rest = rest.slice(part.length);
      free -= part.length;
      rows.at(-1)!.push({ ...run, text: part.join("") });
    }
  }
  return rows;
}

function drawn(line: readonly Run[], y: number): string {
  let column = 0;
  return line
    .map(({ text, color, isBold }) => {
      const x = MARGIN + column * COLUMN;
      const length = Array.from(text).length;
      column += length;
      if (text.trim() === "") return "";
      const style = `${color === undefined ? "" : ` fill="${color}"`}${isBold ? ' font-weight="600"' : ""}`;
      // Columns stay columns whatever font the reader has.
      return `<text x="${x.toFixed(1)}" y="${y}" textLength="${(length * COLUMN).toFixed(1)}" lengthAdjust="spacingAndGlyphs"${style}>${escaped(text)}</text>\n`;
    })
    .join("");
}

function escaped(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll('"', "&quot;")
      // Blanks count here, and readers of SVG join them.
      .replaceAll(" ", "\u00a0")
  );
}
