import fc from "fast-check";
import { expect, test } from "vitest";

import { HclError, readConfigFile, writeBlock, type HclBody, type HclValue } from "./hcl.ts";

/** Plain data, so that a case can be read. Labels become nested keys. */
function plain(value: HclValue): unknown {
  if (Array.isArray(value)) return (value as readonly HclValue[]).map(plain);
  if (typeof value !== "object") return value;
  return (value as HclBody).items.map(({ key, labels, value: inner }) => [
    [key, ...labels].join(" "),
    plain(inner),
  ]);
}

test("what is written is read back, whatever the text", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom('${env("X")}', "%{ if true }", "$${x}", 'a"b', "a\\b", "a\nb", "\u2028", "${", "%{{"),
  );
  const setting = fc.tuple(
    fc.stringMatching(/^[a-z_]{1,20}$/),
    fc.oneof(text, fc.boolean(), fc.integer(), fc.array(text)),
  );
  fc.assert(
    fc.property(fc.uniqueArray(setting, { selector: ([key]) => key }), (settings) => {
      const read = readConfigFile(writeBlock("telemetry", settings));

      expect(plain(read)).toEqual([["telemetry", settings]]);
    }),
  );
});

test.for(["${x}", "a%{b}", "${"])("no template begins in %s", (text) => {
  const written = writeBlock("telemetry", [["tags", [text]]]);

  expect(written).not.toMatch(/[$%]\{/);
});

test("reads what Nomad's own configuration has", () => {
  const file = `# comment
// another
/* and
   one more */
data_dir = "/opt/nomad"   # trailing
server { enabled = true, bootstrap_expect = 3 }
client = {
  meta { "a b" = "c\\td", n = 0x10 }
  servers = ["10.0.0.1", "10.0.0.2",]
}
plugin "docker" "x" {
  config { args = <<-EOT
    one
      two
    EOT
  }
}
telemetry { datadog_tags = ["team:\${x "y"}"] }
telemetry { prometheus_metrics = false }
`;

  expect(plain(readConfigFile(file))).toEqual([
    ["data_dir", "/opt/nomad"],
    [
      "server",
      [
        ["enabled", true],
        ["bootstrap_expect", 3],
      ],
    ],
    [
      "client",
      [
        [
          "meta",
          [
            ["a b", "c\td"],
            ["n", 16],
          ],
        ],
        ["servers", ["10.0.0.1", "10.0.0.2"]],
      ],
    ],
    ["plugin docker x", [["config", [["args", "one\n  two\n"]]]]],
    ["telemetry", [["datadog_tags", ['team:${x "y"}']]]],
    ["telemetry", [["prometheus_metrics", false]]],
  ]);
});

test("reads JSON as Nomad does, by its first sign", () => {
  expect(plain(readConfigFile('\n {"telemetry": [{"use_node_name": true}], "x": 1}'))).toEqual([
    ["telemetry", [[["use_node_name", true]]]],
    ["x", 1],
  ]);
});

test.for([
  ["telemetry {", "line 1: a closing } was expected"],
  ["a = ", "line 1: a value was expected"],
  ['a = "b', 'line 1: a closing " was expected'],
  ['a = 1\nb = "x\n"', 'line 2: a closing " was expected'],
  ["a = [1 2]", "line 1: , or ] was expected"],
  ["a = <<X\nb", "line 2: a closing X was expected"],
  ["= 1", "line 1: a key was expected"],
  ["}", "line 1: a key was expected"],
  ['{"a": }', "no JSON"],
] as const)("%j is no configuration, and the line is told", ([text, message]) => {
  expect(() => readConfigFile(text)).toThrow(HclError);
  expect(() => readConfigFile(text)).toThrow(message);
});

test("any text is read or refused", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        readConfigFile(text);
      } catch (error) {
        expect(error).toBeInstanceOf(HclError);
      }
    }),
  );
});
