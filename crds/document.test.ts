import * as fc from "fast-check";
import { expect, test } from "vitest";

import { readDocument } from "./document.ts";
import { formatProblem } from "./problem.ts";
import { wishLayer } from "./wish.ts";

function read(text: string): unknown {
  const result = readDocument("ray", text, wishLayer);
  return result.ok ? result.value : result.problems.map((problem) => formatProblem(problem));
}

test.for([
  ["nothing", ""],
  ["blanks", " \n\n"],
  ["a comment", "# later\n"],
  ["null", "~\n"],
  ["an empty mapping", "{}"],
  ["a document mark", "---\n"],
] as const)("takes %s as a document without wishes", ([, text]) => {
  expect(read(text)).toEqual({});
});

test.for([
  ["YAML", "pack: ray\nendpoint:\n  port: 8080\n"],
  ["JSON", '{"pack": "ray", "endpoint": {"port": 8080}}'],
  ["YAML with Windows line ends", "pack: ray\r\nendpoint:\r\n  port: 8080\r\n"],
  ["YAML after a byte order mark", "\ufeffpack: ray\nendpoint: {port: 8080}\n"],
  ["YAML with an alias", "pack: &p ray\nendpoint: {port: 8080}\n"],
] as const)("reads %s", ([, text]) => {
  expect(read(text)).toEqual({ pack: "ray", endpoint: { port: 8080 } });
});

test.for([
  ["an unknown field", "pack: ray\nmonitrs: {}\n", "ray:2:1: monitrs is not a field; did you mean monitors?"],
  [
    "one in JSON",
    '{"pack": "ray",\n  "monitrs": {}}',
    "ray:2:3: monitrs is not a field; did you mean monitors?",
  ],
  [
    "one after Windows line ends",
    "pack: ray\r\nmonitrs: {}\r\n",
    "ray:2:1: monitrs is not a field; did you mean monitors?",
  ],
  [
    "one after a byte order mark",
    "\ufeffpack: ray\nmonitrs: {}\n",
    "ray:2:1: monitrs is not a field; did you mean monitors?",
  ],
  [
    "one inside a field",
    "endpoint:\n  prot: 1\n",
    "ray:2:3: endpoint.prot is not a field; did you mean port?",
  ],
  [
    "one inside a monitor",
    "monitors:\n  a.b:\n    critcal: 1\n",
    "ray:3:5: monitors.a.b.critcal is not a field; did you mean critical?",
  ],
  ["a key that stands twice", "pack: ray\nenv: a\npack: nats\n", "ray:3:1: the key pack stands twice"],
  ["one twice in JSON", '{"a": {"x": 1, "x": 2}}', "ray:1:16: the key x stands twice"],
  ["a tab as indentation", "endpoint:\n\tport: 1\n", "ray:2:1: a tab can't indent; use blanks"],
  [
    "a second document",
    "pack: ray\n---\npack: nats\n",
    "ray:2:1: only one document is read; remove what stands after the line ---",
  ],
  ["a list", "- ray\n", 'ray: the document must be a mapping of names to values, not ["ray"]'],
  ["a text", "ray\n", 'ray: the document must be a mapping of names to values, not "ray"'],
  [
    "a handle without quotes",
    "notify: [@slack-ml]\n",
    "ray:1:10: a text that begins with @ or ` needs quotes, such as '@slack-ml'",
  ],
  [
    "a tag of YAML",
    "pack: !ruby/object x\n",
    "ray:1:7: tags such as !name are not read; remove it, or put quotes around a text that begins with !",
  ],
  [
    "a query without quotes between braces",
    "monitors: {x: {query: avg:cpu{*} > 1}}\n",
    "ray:1:30: a text with { } or [ ] needs quotes here, such as query: 'avg(last_5m):avg:system.load.1{*} > 4'",
  ],
  [
    "a text that goes on after its quotes",
    "team: 'a' b\n",
    "ray:1:11: something stands after the end of this value; a text needs quotes around all of it",
  ],
  [
    "a negation without quotes",
    "query: !${monitor:x}\n",
    "ray:1:10: a text that begins with ! or & needs quotes, such as '!${monitor:down}'",
  ],
  [
    "a colon in a text without quotes",
    "message: Now: look\n",
    "ray:1:10: a colon with a blank after it makes a mapping, and none can begin here; put quotes around a text that has one, or look at the indentation",
  ],
  ["a mapping as a key", "? [a]\n: b\n", "ray:1:3: a key must be a text"],
  [
    "a key that JavaScript reserves",
    "monitors:\n  __proto__: {critical: 1}\n",
    "ray:2:3: __proto__ can't be a key",
  ],
  [
    "a merge key",
    "agent: &a {timeout: 5}\nmonitors:\n  <<: *a\n",
    "ray:3:3: the merge key << is not read; write the fields out",
  ],
  [
    "an alias without an anchor",
    "pack: *p\n",
    "ray: the document uses more than 20 aliases, or one that is not defined",
  ],
  ["an alias of itself", "monitors: &m\n  x: *m\n", "ray: the document is nested deeper than 24 levels"],
  [
    "deep nesting",
    `a: ${"[".repeat(25)}${"]".repeat(25)}\n`,
    "ray: the document is nested deeper than 24 levels",
  ],
  [
    "nesting that would exhaust the stack",
    `a: ${"[".repeat(30_000)}`,
    "ray: the document is nested deeper than 24 levels",
  ],
  ["too much", `# ${"x".repeat(64 * 1024)}`, "ray: the document has 65538 bytes; at most 65536 are read"],
] as const)("refuses %s, and says where", ([, text, message]) => {
  expect(read(text)).toEqual([message]);
});

test("refuses a billion laughs without expanding them", () => {
  const lines = ["a0: &a0 [x, x, x, x]"];
  for (let i = 1; i < 10; i++)
    lines.push(
      `a${i}: &a${i} [${Array(4)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
    );

  expect(read(lines.join("\n"))).toEqual([
    "ray: the document uses more than 20 aliases, or one that is not defined",
  ]);
});

test("shows twenty problems of a text that has thousands", () => {
  const text = Array.from({ length: 4_000 }, (_, at) => `key${at}: 1`).join("\n");

  const problems = read(text);

  expect(problems).toHaveLength(21);
  expect(problems).toContain("ray: 3980 more problems are not shown");
});

test("never throws, and never accepts what the schema doesn't know", () => {
  const fragment = fc.constantFrom(
    "pack",
    "monitors",
    "endpoint",
    ":",
    " ",
    "\n",
    "  ",
    "-",
    "{",
    "}",
    "[",
    "]",
    "&a",
    "*a",
    "'",
    '"',
    "|",
    ">",
    "\t",
    "!!set",
    "? ",
    "<<",
    "#",
    "---",
    "%",
    "1",
    "~",
    "\u0000",
    "é",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(fragment, { maxLength: 30 }).map((parts) => parts.join("")),
        fc.string(),
      ),
      (text) => {
        const result = readDocument("ray", text, wishLayer);

        if (result.ok) expect(wishLayer.safeParse(result.value).success).toBe(true);
        else expect(result.problems.length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 500 },
  );
});
