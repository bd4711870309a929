import type { Problem } from "../../crds/problem.ts";
import { documentOf as dashboardDocument } from "../../controllers/dashboards/document.ts";
import { documentOf as monitorDocument } from "../../controllers/monitors/document.ts";
import { documentOf as sloDocument } from "../../controllers/slos/document.ts";
import type { Named } from "./named.ts";

/** Something that a document can't say as Datadog has it. */
export interface Note {
  /** Below the object's own fields; empty for the object as a whole. */
  readonly path: string;
  readonly text: string;
}

/** The fields of one object's document, or why there are none. */
export type Fields =
  | {
      readonly ok: true;
      readonly fields: Readonly<Record<string, unknown>>;
      readonly env?: string | undefined;
      readonly team?: string | undefined;
      readonly notes: readonly Note[];
    }
  | { readonly ok: false; readonly why: readonly string[] };

/** What documents call an object, by its controller and its id: a key. */
export type KeyOf = (controller: string, ref: string) => string | undefined;

/**
 * Writes one object as the fields of a document. Ids become keys where somebody keeps what they name.
 *
 * @param service Whose document it is to be: its tag `service:` is put by itself.
 */
export function fieldsOf(one: Named, keyOf: KeyOf, service: string | undefined): Fields {
  switch (one.kind) {
    case "monitors":
      return monitorFields(one, keyOf, service);
    case "slos": {
      const made = sloDocument(one.raw, one.ref, (id) => keyOf("monitors", id));
      if (!made.ok) return refused(made.problems);
      const { env, team, ...fields } = made.layer;
      return { ok: true, fields, env, team, notes: lostTags(made.lost, service) };
    }
    case "dashboards":
      return dashboardFields(one, keyOf);
    default:
      return one.kind satisfies never;
  }
}

function refused(problems: readonly Problem[]): Fields {
  return { ok: false, why: problems.map(({ message }) => message) };
}

function lostTags(lost: readonly string[], service: string | undefined): readonly Note[] {
  return lost
    .filter((tag) => tag !== `service:${service}`)
    .map((tag) => ({ path: "tags", text: `no document can state the tag ${tag}` }));
}

function monitorFields({ raw, ref }: Named, keyOf: KeyOf, service: string | undefined): Fields {
  const made = monitorDocument(raw, ref);
  if (!made.ok) return refused(made.problems);
  const { env, team, ...layer } = made.layer;
  const notes = [...lostTags(made.lost, service)];
  const query = withNames(layer.type, layer.query, keyOf, (text) => notes.push({ path: "query", text }));
  return { ok: true, fields: { ...layer, query }, env, team, notes };
}

/** What a query names, by the type of its monitor. */
const NAMED_IN: Readonly<Record<string, readonly [id: RegExp, controller: string, word: string]>> = {
  composite: [/\b\d+\b/g, "monitors", "monitor"],
  "slo alert": [/\b[0-9a-f]{32}\b/g, "slos", "slo"],
};

function withNames(
  type: string | undefined,
  query: string | undefined,
  keyOf: KeyOf,
  note: (text: string) => void,
): string | undefined {
  const named = NAMED_IN[type ?? ""];
  if (named === undefined) return query;
  const [pattern, controller, word] = named;
  return query?.replaceAll(pattern, (id) => {
    const key = keyOf(controller, id);
    if (key !== undefined) return `\${${word}:${key}}`;
    note(`${id} stays a number: dd-observe doesn't keep that ${word}, and it isn't imported`);
    return id;
  });
}

function dashboardFields({ raw, ref }: Named, keyOf: KeyOf): Fields {
  const made = dashboardDocument(raw, ref, keyOf);
  if (!made.ok) return refused(made.problems);
  const lost = made.lost.map((field): Note => ({
    path: "definition",
    text: `no document can state ${field} of this dashboard`,
  }));
  const unnamed = made.unnamed.map(({ path, controller, id }): Note => ({
    path: `definition.${path}`,
    text: `${id} stays an id: dd-observe doesn't keep that one of the ${controller}, and it isn't imported`,
  }));
  return { ok: true, fields: { definition: made.definition }, notes: [...lost, ...unnamed] };
}
