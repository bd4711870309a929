import { markLinesIn } from "../../controllers/datadog/text-mark.ts";
import type { DatadogDouble } from "../contracts/datadog-double.ts";
import { fieldsOf, textsOf, type Fields } from "../fakes/datadog-api.ts";
import type { FakeKind } from "../fakes/datadog.ts";

/** What stands of the kinds beside monitors: by kind and key what tells one version from another. More than one is a duplicate. */
export type Objects = Readonly<Partial<Record<OtherKind, Readonly<Record<string, readonly unknown[]>>>>>;

export type OtherKind = Exclude<FakeKind, "monitors">;

interface Seen {
  readonly keyOf: (object: Fields) => string | undefined;
  readonly idOf: (object: Fields) => string;
  readonly valueOf: (object: Fields) => unknown;
  readonly isThere?: (object: Fields) => boolean;
}

const attributesOf = (object: Fields): Fields => fieldsOf(object["attributes"]);

const SEEN: Readonly<Record<OtherKind, Seen>> = {
  slos: {
    keyOf: ({ tags }) => keyInTags(tags),
    idOf: ({ id }) => String(id),
    valueOf: ({ target_threshold: target }) => target,
  },
  dashboards: {
    keyOf: ({ description }) => keyInText(description),
    idOf: ({ id }) => String(id),
    valueOf: ({ title }) => title,
  },
  downtimes: {
    keyOf: (object) => keyInText(attributesOf(object)["message"]),
    idOf: ({ id }) => String(id),
    valueOf: (object) => attributesOf(object)["scope"],
    isThere: (object) => attributesOf(object)["status"] !== "canceled",
  },
  "metric-tags": {
    keyOf: ({ id }) => String(id),
    idOf: ({ id }) => String(id),
    valueOf: (object) => textsOf(attributesOf(object)["tags"]).toSorted().join(),
  },
  catalog: {
    keyOf: ({ metadata }) => keyInTags(fieldsOf(metadata)["tags"]),
    idOf: ({ kind, metadata }) => `${String(kind)}:default/${String(fieldsOf(metadata)["name"])}`,
    valueOf: ({ metadata }) => fieldsOf(metadata)["description"],
  },
  evaluators: {
    keyOf: ({ id }) => /^dd-observe--[^-]+--(.+?)--(.+)$/.exec(String(id))?.slice(1).join("/"),
    idOf: ({ id }) => String(id),
    valueOf: (object) => fieldsOf(attributesOf(object)["llm_provider"])["model_name"],
  },
};

const KINDS = Object.keys(SEEN) as readonly OtherKind[];
const MARK = "dd-observe-key:";

/** Kinds of which nothing stands are left out. */
export function objectsIn(datadog: DatadogDouble): Objects {
  return Object.fromEntries(
    KINDS.map((kind) => [kind, ofKind(datadog, kind)] as const).filter(
      ([, objects]) => Object.keys(objects).length > 0,
    ),
  );
}

function ofKind(datadog: DatadogDouble, kind: OtherKind): Record<string, unknown[]> {
  const { keyOf, valueOf } = SEEN[kind];
  const found: Record<string, unknown[]> = {};
  for (const object of standing(datadog, kind))
    (found[keyOf(object) ?? `not ours: ${String(valueOf(object))}`] ??= []).push(valueOf(object));
  return found;
}

function standing(datadog: DatadogDouble, kind: OtherKind): readonly Fields[] {
  const { isThere } = SEEN[kind];
  return datadog.objects(kind).filter((object) => isThere?.(object) ?? true);
}

/** The id of the only object with this key. */
export function idOf(datadog: DatadogDouble, kind: OtherKind, key: string): string {
  const { keyOf, idOf: id } = SEEN[kind];
  const found = standing(datadog, kind).filter((object) => keyOf(object) === key);
  if (found.length !== 1) throw new Error(`there are ${found.length} of ${kind} with the key ${key}`);
  return id(found[0]!);
}

/** The key that a tag names: `dd-observe-key:web/up`. */
export function keyInTags(tags: unknown): string | undefined {
  return textsOf(tags)
    .find((tag) => tag.startsWith(MARK))
    ?.slice(MARK.length);
}

function keyInText(text: unknown): string | undefined {
  const [line] = typeof text === "string" ? markLinesIn(text) : [];
  return line === undefined ? undefined : / key=(\S+)/.exec(line)?.[1];
}
