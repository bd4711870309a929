import * as fc from "fast-check";
import { expect, test } from "vitest";

import { parseReload, Reloader, splitWords } from "./reload.ts";

const LOG = { info() {}, error() {} };

test.for<[line: string, words: readonly string[]]>([
  ["systemctl restart datadog-agent", ["systemctl", "restart", "datadog-agent"]],
  ["  a \t b  ", ["a", "b"]],
  ["sh -c 'a; b \"c\"'", ["sh", "-c", 'a; b "c"']],
  ['say "it\'s \\"so\\" \\\\ \\n"', ["say", 'it\'s "so" \\ \\n']],
  ["a\\ b ''", ["a b", ""]],
  ["pre\"fix\"'ed'", ["prefixed"]],
  ["echo $HOME `id` *", ["echo", "$HOME", "`id`", "*"]],
])("splits %s as a shell would, and expands nothing", ([line, words]) => {
  expect(splitWords(line)).toEqual(words);
});

test("gives back any words that were quoted", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      const line = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");

      expect(splitWords(line)).toEqual(words);
    }),
  );
});

test.for<[text: string, reload: ReturnType<typeof parseReload>]>([
  ["none", { kind: "none" }],
  [" poll ", { kind: "poll" }],
  ["command:docker restart 'dd agent'", { kind: "command", argv: ["docker", "restart", "dd agent"] }],
  [
    "nomad:datadog/agent",
    { kind: "nomad", task: { job: "datadog", task: "agent", namespace: undefined, signal: undefined } },
  ],
  [
    "nomad:infra/datadog/agent?signal=SIGHUP&namespace=infra",
    { kind: "nomad", task: { job: "infra/datadog", task: "agent", namespace: "infra", signal: "SIGHUP" } },
  ],
])("parses %s", ([text, reload]) => {
  expect(parseReload(text)).toEqual(reload);
});

test.for<[text: string, message: string]>([
  ["", "is none of none, poll, command:"],
  ["restart", "is none of none, poll, command:"],
  ["command: ", "The reload command is empty"],
  ["command:sh -c 'x", "A quote in the command is not closed"],
  ["nomad:datadog", "names no task"],
  ["nomad:datadog/", "names no task"],
  ["nomad:datadog/agent?signal=HUP", 'has the signal "HUP", which is none of SIGHUP'],
  ["nomad:datadog/agent?signal=sighup", "did you mean SIGHUP?"],
  ["nomad:datadog/agent?sginal=SIGHUP", "has sginal, which means nothing"],
])("refuses %j and says why", ([text, message]) => {
  expect(() => parseReload(text)).toThrow(message);
});

test("gives the command nothing of our environment", async () => {
  const script = 'test -z "$HOME$DD_API_KEY$npm_config_user_agent" && test -n "$PATH"';
  const reloader = new Reloader({ reload: { kind: "command", argv: ["/bin/sh", "-c", script] }, log: LOG });

  reloader.request();
  await reloader.idle();

  expect(reloader.last).toMatchObject({ ok: true, message: "" });
});

test.for<[argv: readonly [string, ...string[]], message: string]>([
  [["/nonexistent/program"], "the program was not found; give its full path"],
  [["/bin/sh", "-c", "echo oops >&2; exit 3"], "it ended with 3: oops"],
  [["/bin/sleep", "5"], "it did not end within 0.05 s"],
])("says how %j failed", async ([argv, message]) => {
  const reloader = new Reloader({ reload: { kind: "command", argv }, log: LOG, timeoutMs: 50 });

  reloader.request();
  await reloader.idle();

  expect(reloader.last).toMatchObject({ ok: false, message });
});

test("does nothing without a command", async () => {
  const reloader = new Reloader({ reload: { kind: "poll" }, log: LOG });

  reloader.request();
  await reloader.idle();

  expect(reloader.last).toBeUndefined();
});
