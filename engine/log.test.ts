import { expect, test } from "vitest";

import { openLog, type LogLevel } from "./log.ts";

function open(over: { level?: LogLevel; pretty?: boolean } = {}) {
  const written: string[] = [];
  const out = { write: (line: string) => void written.push(line) };
  const log = openLog({ level: "info", pretty: false, ...over, out });
  return { log, written, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("writes one line of JSON with the names that Datadog reserves", () => {
  const { log, lines } = open();

  log.child({ controller: "monitors" }).info({ key: "ray/a", durationMs: 184 }, "action applied");

  expect(lines()).toEqual([
    {
      status: "info",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: "dd-observe",
      controller: "monitors",
      key: "ray/a",
      durationMs: 184,
      message: "action applied",
    },
  ]);
});

test("writes nothing below its level", () => {
  const { log, written } = open({ level: "warn" });

  log.info("action applied");
  log.debug("pass done");

  expect(written).toEqual([]);
});

test("hides what should never have come so far", () => {
  const { log, written } = open();
  const secrets = {
    token: "s3cret",
    apiKey: "s3cret",
    appKey: "s3cret",
    headers: { authorization: "s3cret" },
  };

  log.info({ ...secrets, request: secrets }, "asked");

  expect(written.join("")).not.toContain("s3cret");
});

test("says the same in words on a terminal", () => {
  const { log, written } = open({ pretty: true });

  log.warn({ key: "ray/a", deletes: 3 }, "deletes wait for approval");

  // oxlint-disable-next-line no-control-regex -- colours are left out
  const [line = ""] = written.map((text) => text.replaceAll(/\u001b\[\d+m/g, ""));
  expect(line).toMatch(/^\d\d:\d\d:\d\d warn {2}deletes wait for approval key=ray\/a deletes=3\n$/);
});

test("gives a terminal nothing to obey but our own colours", () => {
  const { log, written } = open({ pretty: true });

  log.warn({ error: "no pack is named \u001b]0;owned\u0007\nfake line" }, "pass failed");

  expect(written).toHaveLength(1);
  expect(written[0]).not.toContain("\u001b]");
  expect(written[0]?.trimEnd()).not.toContain("\n");
});
