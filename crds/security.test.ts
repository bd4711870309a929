import * as fc from "fast-check";
import { expect, test } from "vitest";
import { stringify } from "yaml";

import { loadPacks } from "../engine/sources/packs.ts";
import { exampleGround } from "../test/builders/packs.ts";
import { jsonSchemaOf, optionSchema, type JsonSchema } from "./json-schema.ts";
import { resolve } from "./resolve.ts";
import { TAG_FIELD_NAMES } from "./tags.ts";
import { wishLayer } from "./wish.ts";

const packs = loadPacks();

/** Texts that must never get into the Agent's file. */
const DANGEROUS = [
  "%%env_DD_API_KEY%%",
  "a%%host%%b",
  "ENC[api_key]",
  "enc[api_key]",
  "${tags}",
  "../../etc/passwd",
  "/../x",
  "/%2e%2e/x",
  "/a/..%2fb",
  "//169.254.169.254/latest",
  "\u0000",
  "a\u0007b",
  "a\nb",
  "a\tb",
  "a\rb",
  "a\u007fb",
  "a\u0085b",
  "a\u2028b",
  "a\u202eb",
  "\ud800",
];

const IS_DANGEROUS = /%%|enc\[|\$\{|\.\.[/\\]|\p{Cc}|\p{Cs}|[\u2028\u2029\u202a-\u202e]/iu;
/** What would leave the instance's own address, or the path. */
const IS_ESCAPE = /(^|\/|%2f)(\.|%2e){2}(\/|%2f|$)|^\/\//i;

/** Every place of a wish that takes a text: its path, with `*` for any name and `0` for an entry of a list. */
function textFields(schema: JsonSchema, path: readonly string[] = []): readonly (readonly string[])[] {
  const inner = [
    ...Object.entries(schema.properties ?? {}).map(([name, field]) => [name, field] as const),
    ...(typeof schema.additionalProperties === "object" ? [["*", schema.additionalProperties] as const] : []),
    ...(schema.items === undefined ? [] : [["0", schema.items] as const]),
  ];
  return [
    ...(schema.type === "string" ? [path] : []),
    ...(schema.anyOf ?? []).flatMap((branch) => textFields(branch, path)),
    ...inner.flatMap(([name, field]) => textFields(field, [...path, name])),
  ];
}

/** Every such place for one pack: its own options and one of its monitors stand for the names. */
function fieldsOfPack(name: string): readonly (readonly string[])[] {
  const pack = packs.get(name)!;
  const options = Object.entries(pack.options).flatMap(([option, definition]) =>
    textFields(optionSchema(definition), ["agent", option]),
  );
  const others = textFields(jsonSchemaOf(wishLayer)).filter(([field]) => field !== "agent");
  const monitors = [...Object.keys(pack.monitors).slice(0, 1), "mine"];
  return [
    ...options,
    ...others.flatMap((path) =>
      path.includes("*")
        ? monitors.map((monitor) => path.map((part) => (part === "*" ? monitor : part)))
        : [path],
    ),
  ];
}

function put(path: readonly string[], value: string): unknown {
  return path.reduceRight<unknown>((inner, name) => (name === "0" ? [inner] : { [name]: inner }), value);
}

/** The dangerous texts of a wish that would reach the Agent's file. */
function dangers(resolution: ReturnType<typeof resolve>): string[] {
  if (resolution?.state !== "accepted") return [];
  const { service, env, team, tags, agent, endpoint } = resolution.wish;
  const texts = [service, env, team, ...tags, ...Object.values(agent).flat(), ...Object.values(endpoint)];
  return texts
    .map(String)
    .filter((text) => IS_DANGEROUS.test(text) || (text === endpoint.path && IS_ESCAPE.test(text)));
}

const ground = exampleGround({ packs });

test("finds the fields that it is about", () => {
  const found = fieldsOfPack("generic").map((path) => path.join("."));

  expect(found).toEqual(
    expect.arrayContaining([
      "agent.namespace",
      "agent.metrics.0",
      "endpoint.path",
      "tags.0",
      "env",
      "monitors.mine.query",
    ]),
  );
});

test.for(
  [...packs.keys()].flatMap((name) =>
    fieldsOfPack(name).map((path) => [name, path.join("."), path] as const),
  ),
)("nothing dangerous reaches the Agent of a %s by %s", ([name, , path]) => {
  for (const text of DANGEROUS) {
    const document = stringify({ pack: name, ...(put(path, text) as object) });

    const found = dangers(resolve("web", [], { text: document, generation: 1 }, ground));

    expect(found).toEqual([]);
  }
});

test.for(TAG_FIELD_NAMES)("nothing dangerous reaches the Agent by the tag %s", (field) => {
  for (const text of [...DANGEROUS, ...DANGEROUS.map((danger) => `a:${danger}`)]) {
    const found = dangers(resolve("web", ["dd-observe", `dd-observe.${field}=${text}`], undefined, ground));

    expect(found).toEqual([]);
  }
});

test("nothing dangerous reaches the Agent by any text in any field", () => {
  const fields = fieldsOfPack("generic");
  const text = fc
    .array(
      fc.oneof(
        fc.constantFrom(...DANGEROUS, "/", "a", ":", ".", "%", "[", "$", "{"),
        fc.string({ unit: "binary", maxLength: 3 }),
      ),
      { maxLength: 4 },
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(
      fc.constantFrom(...fields),
      fc.constantFrom("", "/", "a:", "a"),
      text,
      (path, before, danger) => {
        const document = JSON.stringify(put(path, before + danger));

        const found = dangers(resolve("web", [], { text: document, generation: 1 }, ground));

        expect(found).toEqual([]);
      },
    ),
    { numRuns: 1_000 },
  );
});

test.for([
  "tls_cert",
  "tls_private_key",
  "tls_ca_cert",
  "tls_verify",
  "kerberos_keytab",
  "auth_token",
  "auth_type",
  "headers",
  "extra_headers",
  "proxy",
  "bearer_token_path",
  "allow_redirects",
  "openmetrics_endpoint",
  "url",
  "acl_token",
  "loader",
  "username",
])("no pack lets a wish set %s", (option) => {
  const offered = [...packs.values()].flatMap((pack) =>
    Object.values(pack.options).map((known) => known.option),
  );

  expect(offered).not.toContain(option);
});

test("no service has a name that leaves a folder", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom("..", ".", "a/b", "..\\x", "a\u0000", "", "-rf", "%%x%%"), fc.string()),
      (service) => {
        const resolution = resolve(service, ["dd-observe"], undefined, ground);

        if (resolution?.state === "accepted") expect(service).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
        else expect(resolution?.state).toBe("held");
      },
    ),
  );
});
