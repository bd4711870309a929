import { expect, test } from "vitest";

import { ago, ahead, cutTo, formatTable, sideBySide, wrap } from "./table.ts";
import { printable } from "./terminal.ts";

const COLUMNS = [{ head: "NAME" }, { head: "MESSAGE", flexible: true }];

test("lines up columns and leaves no blanks at the ends", () => {
  const rows = [
    ["ray", ""],
    ["a-long-name", "well"],
  ];

  expect(formatTable(COLUMNS, rows)).toBe("NAME         MESSAGE\nray\na-long-name  well\n");
});

test("cuts only flexible columns, and only as far as the width asks for", () => {
  const rows = [["a-long-name", "a message that is far too long for this width"]];

  const lines = formatTable(COLUMNS, rows, { width: 40 }).trimEnd().split("\n");

  expect(lines[1]).toBe("a-long-name  a message that is far too …");
  expect(lines[1]).toHaveLength(40);
});

test("leaves spare columns out, the last one first, where cutting isn't enough", () => {
  const columns = [
    { head: "NAME" },
    { head: "PACK", spare: true },
    { head: "SINCE", spare: true },
    { head: "MESSAGE", flexible: true },
  ];
  const rows = [["a-long-name", "generic", "12m", "a message that is longer than that"]];

  const heads = [60, 34, 25].map((width) => formatTable(columns, rows, { width }).split("\n")[0]);

  expect(heads).toEqual([
    "NAME         PACK     SINCE  MESSAGE",
    "NAME         PACK     MESSAGE",
    "NAME         MESSAGE",
  ]);
});

test("spare columns go before one that has something to say is cut to nothing", () => {
  const columns = [
    { head: "NAME" },
    { head: "OBJECTS", flexible: true, spare: true },
    { head: "MESSAGE", flexible: true, least: 20 },
  ];
  const rows = [["ray", "10 monitors, 1 SLO", "nobody listens at the port of the metrics"]];

  const lines = [60, 40, 37].map((width) => formatTable(columns, rows, { width }).split("\n")[1]);

  expect(lines).toEqual([
    "ray   10 monitors, 1 SLO  nobody listens at the port of the…",
    "ray   10 monitors…  nobody listens at t…",
    "ray   nobody listens at the port of …",
  ]);
});

test("cuts nothing where nobody looks", () => {
  const message = "x".repeat(500);

  expect(formatTable(COLUMNS, [["ray", message]])).toContain(message);
});

test("pads by what is seen, not by the codes of colours", () => {
  const rows = [
    [{ text: "True", style: "green" as const }, "a"],
    [{ text: "Unknown", style: "yellow" as const }, "b"],
  ];

  const painted = formatTable(COLUMNS, rows, { paint: (style, text) => `<${style}>${text}</>` });

  expect(painted).toContain("<green>True</>     a\n<yellow>Unknown</>  b\n");
});

test("a text from outside can neither break a line nor move the cursor", () => {
  const rows = [["ray\u001b[2J\u0007", "first\nsecond\u202e"]];

  expect(formatTable(COLUMNS, rows)).toBe("NAME      MESSAGE\nray·[2J·  first second·\n");
  expect(printable("a\tb\nc")).toBe("a·b\nc");
});

test.for([
  [0, "0s"],
  [-5, "0s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [3_599_999, "59m"],
  [7_200_000, "2h"],
  [86_400_000 * 12, "12d"],
] as const)("%d ms is %s", ([ms, words]) => {
  expect(ago(ms)).toBe(words);
});

test("cuts by characters", () => {
  expect(cutTo("größer", 6)).toBe("größer");
  expect(cutTo("größer", 5)).toBe("größ…");
});

test("wraps at blanks, keeps line ends, and hangs lists under their text", () => {
  expect(wrap("one two three", 9, "  ")).toBe("  one two\n  three");
  expect(wrap("- one two three\n\nend", 11)).toBe("- one two\n  three\n\nend");
  expect(wrap("one two three", undefined)).toBe("one two three");
});

test.for([
  [45_000, "45s"],
  [14_398_000, "3h59m"],
  [14_400_000, "4h"],
  [187_200_000, "2d4h"],
] as const)("a time of %i ms ahead is told as %s", ([ms, words]) => {
  expect(ahead(ms)).toBe(words);
});

test.for([
  ["2", "5", 20, "2 → 5"],
  ["avg:shop.duration{env:dev} > 5", "avg:shop.duration{env:dev} > 2", 34, "…{env:dev} > 5 → …{env:dev} > 2"],
  ["short", "a long text that goes on and on", 20, "short → a long text…"],
  ["a long text that goes on and on", "short", 20, "a long text… → short"],
] as const)("of %s and %s within %i columns both can be seen", ([one, other, width, line]) => {
  expect(sideBySide(one, " → ", other, width)).toBe(line);
});
