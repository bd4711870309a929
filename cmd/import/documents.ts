import { locateProblems } from "../../crds/document.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Ground, Resolution } from "../../crds/resolve.ts";
import { documentOfFile, validateText } from "../../crds/validate.ts";
import type { DatadogKind } from "../../controllers/datadog/kind.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import { bind, References } from "../../engine/plan/references.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { formatFields } from "../plan-text.ts";
import { UsageError } from "../print.ts";
import { plain } from "../terminal.ts";
import type { LeftOut } from "./chosen.ts";
import { unexpected } from "./compare.ts";
import { fieldsOf, type Fields, type KeyOf, type Note } from "./fields.ts";
import type { Named } from "./named.ts";
import { documentText } from "./text.ts";

/** A document that makes what is there already. */
export interface ImportedDocument {
  /** Below the operator's prefix: `_monitors/disk-full`, `ray`. */
  readonly key: string;
  readonly text: string;
  readonly objects: readonly Named[];
  /** What it can't say as Datadog has it. */
  readonly notes: readonly string[];
}

export interface Imported {
  readonly documents: readonly ImportedDocument[];
  readonly leftOut: readonly LeftOut[];
}

export interface ImportGround {
  readonly service: string | undefined;
  readonly ground: Ground;
  readonly compile: (snapshot: Snapshot) => ReadonlyMap<string, Desired<unknown>>;
  readonly kinds: ReadonlyMap<string, DatadogKind<unknown>>;
  /** Keys of what is ours already, by controller and id. */
  readonly ours: KeyOf;
  /** The same the other way round, by controller. */
  readonly known: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

type Written = Extract<Fields, { readonly ok: true }> & { readonly one: Named };

interface Draft {
  readonly key: string;
  readonly parts: readonly Written[];
  readonly value: Readonly<Record<string, unknown>>;
  /** Where a part's fields stand in the document. */
  readonly placeOf: (one: Named) => string;
  readonly notes: readonly Note[];
}

/**
 * The documents of all these objects. Each has passed `validate`, and is compared with what is there: what would
 * become otherwise is said in it. An object without a document takes along those that name it.
 */
export function documentsOf(objects: readonly Named[], ground: ImportGround): Imported {
  const leftOut: LeftOut[] = [];
  let rest = objects;
  for (;;) {
    const keys = new Map(rest.map((one) => [`${one.kind} ${one.ref}`, one.key]));
    const keyOf: KeyOf = (kind, ref) => keys.get(`${kind} ${ref}`) ?? ground.ours(kind, ref);
    const failed = new Map<Named, readonly string[]>();
    const written = rest.flatMap((one): Written[] => {
      const fields = fieldsOf(one, keyOf, ground.service);
      if (fields.ok) return [{ ...fields, one }];
      failed.set(one, fields.why);
      return [];
    });
    const checked = draftsOf(written, ground.service).map((draft) => ({ draft, ...check(draft, ground) }));
    for (const { faults } of checked) for (const [one, why] of faults) failed.set(one, why);
    if (failed.size === 0) {
      const resolutions = checked.flatMap(({ accepted }) => accepted ?? []);
      const desired = desiredOf(resolutions, rest, ground);
      return { documents: checked.map(({ draft }) => finished(draft, desired, ground)), leftOut };
    }
    for (const [{ kind, ref, name }, why] of failed) leftOut.push({ kind, ref, name, why });
    rest = rest.filter((one) => !failed.has(one));
  }
}

function draftsOf(written: readonly Written[], service: string | undefined): readonly Draft[] {
  if (service !== undefined) return written.length === 0 ? [] : [ofService(written, service)];
  return written.map((part) => {
    const { one, fields, env, team, notes } = part;
    const around = { ...(env === undefined ? {} : { env }), ...(team === undefined ? {} : { team }) };
    return { key: one.key, parts: [part], value: { ...fields, ...around }, placeOf: () => "", notes };
  });
}

function ofService(written: readonly Written[], service: string): Draft {
  const placeOf = ({ kind, slug }: Named): string => `${kind}.${slug}`;
  const notes: Note[] = [];
  const around: Record<string, string> = {};
  for (const field of ["env", "team"] as const) {
    const values = new Set(written.filter(({ one }) => one.kind !== "dashboards").map((part) => part[field]));
    const [value] = values;
    if (values.size === 1 && value !== undefined) around[field] = value;
  }
  const value: Record<string, Record<string, unknown>> = {};
  for (const { one, fields, notes: own, ...said } of written) {
    for (const field of ["env", "team"] as const)
      if (said[field] !== undefined && around[field] === undefined)
        notes.push({
          path: placeOf(one),
          text: `it has the tag ${field}:${said[field]}; a service has one ${field}, at the top of its document`,
        });
    for (const { path, text } of own)
      notes.push({ path: path === "" ? placeOf(one) : `${placeOf(one)}.${path}`, text });
    (value[one.kind] ??= {})[one.slug] = withoutPrefix(fields, service);
  }
  return { key: service, parts: written, value: { ...around, ...value }, placeOf, notes };
}

/** The compiler puts it there again. */
function withoutPrefix(fields: Readonly<Record<string, unknown>>, service: string) {
  const { name } = fields;
  const prefix = `[${service}] `;
  return typeof name === "string" && name.startsWith(prefix) && name.length > prefix.length
    ? { ...fields, name: name.slice(prefix.length) }
    : fields;
}

interface Checked {
  readonly faults: ReadonlyMap<Named, readonly string[]>;
  readonly accepted: Exclude<Resolution, { readonly state: "held" }> | undefined;
}

/** What `dd-observe validate` says of a document, by the object that it is about. */
function check(draft: Draft, { ground, compile }: ImportGround): Checked {
  const file = documentOfFile(draft.key);
  const text = documentText(draft.value, [], []);
  if (file === undefined) throw new UsageError(`${draft.key} is no name of a document`);
  const { problems, accepted } = validateText(file, text, ground);
  const compiled =
    accepted === undefined
      ? []
      : [...compile({ services: new Map([[accepted.service, accepted]]), paused: new Set() }).values()];
  const all = [
    ...problems,
    ...locateProblems(
      text,
      compiled.flatMap((one) => one.problems),
    ),
  ];
  const faults = new Map<Named, string[]>();
  for (const problem of all) {
    const one = concerned(draft, problem);
    if (one === undefined)
      throw new UsageError(
        `what is imported makes no document of ${draft.key}: ${problem.message}`,
        "Import fewer at once, or leave some out by --id, --name or --tag.",
      );
    faults.set(one, [...(faults.get(one) ?? []), problem.message]);
  }
  return { faults, accepted };
}

function concerned({ parts, placeOf }: Draft, { path = "" }: Problem): Named | undefined {
  const found = parts.find(({ one }) => {
    const place = placeOf(one);
    return place === "" || path === place || path.startsWith(`${place}.`);
  });
  return found?.one;
}

/** What all documents together come to, with the ids of what they name. */
function desiredOf(
  resolutions: readonly NonNullable<Checked["accepted"]>[],
  objects: readonly Named[],
  { compile, known }: ImportGround,
): ReadonlyMap<string, Desired<unknown>> {
  const services = new Map<string, Resolution>(resolutions.map((one) => [one.service, one]));
  const desired = compile({ services, paused: new Set() });
  const references = new References(desired.keys());
  for (const name of desired.keys()) {
    const own = objects.filter(({ kind }) => kind === name).map(({ key, ref }) => [key, ref] as const);
    references.notePass(name, [...(known.get(name) ?? []), ...own]);
  }
  return new Map([...desired].map(([name, one]) => [name, bind(one, references).desired]));
}

function finished(
  draft: Draft,
  desired: ReadonlyMap<string, Desired<unknown>>,
  { kinds, service }: ImportGround,
): ImportedDocument {
  const { key, parts, value, placeOf } = draft;
  const notes = [...draft.notes];
  for (const { one } of parts) {
    const object = desired.get(one.kind)?.objects.get(one.key);
    const kind = kinds.get(one.kind);
    if (object === undefined || kind === undefined) {
      notes.push({ path: placeOf(one), text: "it can't be compared with what is there" });
      continue;
    }
    const lost = draft.notes.filter(({ path }) => path.endsWith("tags")).length > 0;
    for (const change of unexpected(one, object, kind)) {
      if (change.path === "tags" && lost) continue;
      const line = formatFields([change], { width: undefined, paint: plain }).trim();
      notes.push({ path: placeOf(one), text: `changes when it is taken over: ${line}` });
    }
  }
  const head =
    service === undefined
      ? parts.map(({ one }) => `Imported from Datadog: ${one.kind.slice(0, -1)} ${one.ref}.`)
      : [
          `Imported from Datadog. What the document of ${service} says already has to be joined with it by hand.`,
        ];
  return {
    key,
    text: documentText(value, head, notes),
    objects: parts.map(({ one }) => one),
    notes: notes.map(({ path, text }) => (path === "" ? text : `${path}: ${text}`)),
  };
}
