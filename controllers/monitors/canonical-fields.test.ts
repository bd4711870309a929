import { expect, test } from "vitest";

import { fieldChanges } from "../../engine/plan/plan.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { canonicalDesired, canonicalObserved, isObject, type Json, type MonitorBody } from "./canonical.ts";

const CHANGED_TYPE: Readonly<Record<string, string>> = { composite: "log alert" };

/** Another value of the same kind, that means something else. */
function another(path: string, value: unknown): unknown {
  if (path === "type") return CHANGED_TYPE[String(value)] ?? "composite";
  if (typeof value === "string") return `${value} changed`;
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (path === "priority") return 4;
  if (Array.isArray(value))
    return [...(value as readonly unknown[]), path === "assets" ? { name: "n" } : "changed"];
  throw new Error(`nothing else than ${JSON.stringify(value)} is known for ${path}`);
}

/** Every single value of a body, as the path that a difference of it has. Lists count as one value. */
function pathsOf(value: Json, above = ""): readonly string[] {
  return Object.entries(value).flatMap(([name, inner]) => {
    const path = above === "" ? name : `${above}.${name}`;
    return isObject(inner) ? pathsOf(inner, path) : [path];
  });
}

function at(body: Json, path: string): unknown {
  let inner: unknown = body;
  for (const name of path.split(".")) inner = isObject(inner) ? inner[name] : undefined;
  return inner;
}

function withValue(body: Json, [first = "", ...rest]: readonly string[], value: unknown): Json {
  const inner = body[first];
  return {
    ...body,
    [first]: rest.length === 0 ? value : withValue(isObject(inner) ? inner : {}, rest, value),
  };
}

/** @param from Where the value is taken from that is changed: an option may stand in Datadog without being sent. */
function changed(body: Json, path: string, from: Json): Json {
  return withValue(body, path.split("."), another(path, at(from, path)));
}

function changedPaths(wanted: MonitorBody, raw: Json): readonly string[] {
  return fieldChanges(wanted, canonicalObserved(raw, wanted)).map((change) => change.path);
}

/** Where one value carries another: with the first gone, the second means nothing and isn't wished any more. */
const CARRIED: Readonly<Record<string, readonly string[]>> = {
  type: ["options.thresholds.ok", "options.thresholds.unknown"],
};

test.skipIf(!hasRecordings)(
  "one field that is changed, here or there, is exactly that difference, in every recorded monitor",
  () => {
    const stored = recordings(/^\/api\/v1\/monitor(\/\d+)?$/).filter(({ status }) => status === 200);
    const wrong: string[] = [];
    let tried = 0;
    for (const { answer, body, method, scenario } of stored) {
      const wanted = canonicalDesired(method === "PUT" ? { ...answer, ...body } : body);
      if (wanted.name === "") continue;
      const fields: Json = { ...wanted };
      const say = (where: string, path: string, found: readonly string[]): void => {
        tried++;
        const beside = found.filter((one) => one !== path && CARRIED[path]?.includes(one) !== true);
        if (!found.includes(path) || beside.length > 0)
          wrong.push(`${scenario}, ${path} changed ${where}: ${found.join(", ") || "no difference"}`);
      };
      for (const path of pathsOf(fields)) {
        say("there", path, changedPaths(wanted, changed(answer, path, fields)));
        say("here", path, changedPaths(canonicalDesired(changed(fields, path, fields)), answer));
      }
    }

    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(4_000);
  },
);

test("roles, drafts and runbooks count only where the wish states them", () => {
  const raw = {
    type: "query alert",
    restricted_roles: ["r"],
    draft_status: "draft",
    assets: [{ name: "n" }],
  };
  const silent = canonicalDesired({ type: "query alert" });
  const stating = canonicalDesired({
    type: "query alert",
    restricted_roles: [],
    draft_status: "published",
    assets: [{ name: "n", url: "/notebooks/1", category: "runbook" }],
  });

  expect(changedPaths(silent, raw)).toEqual([]);
  expect(changedPaths(stating, raw)).toEqual(["assets", "draft_status", "restricted_roles"]);
});

test("runbooks that a list leaves out are not told to be gone", () => {
  const wanted = canonicalDesired({
    type: "query alert",
    assets: [{ name: "n", url: "/n", category: "runbook" }],
  });

  expect(changedPaths(wanted, { type: "query alert" })).toEqual([]);
  expect(changedPaths(wanted, { type: "query alert", assets: [] })).toEqual(["assets"]);
});
