import { changedKeys, patched } from "./patch.ts";
import type { Desired, DesiredObject, Withheld } from "./plan.ts";
import { NO_REFERENCES, reference, referencesIn, replaced, type Reference } from "./tokens.ts";
import { Uses } from "./uses.ts";

interface Kind {
  /** How the other system names each object: a monitor's number. By key. */
  readonly refs: Map<string, string>;
  /** What is wished, once a pass has worked it out. */
  wished: ReadonlyMap<string, unknown> | undefined;
  /** Keys and owners whose wish can't be read at the moment. */
  held: ReadonlyMap<string, unknown>;
  /** True once a pass of its controller has ended, well or not. */
  isSettled: boolean;
}

function newKind(isSettled: boolean): Kind {
  return { refs: new Map(), wished: undefined, held: new Map(), isSettled };
}

/** Where the controllers of a role find one another's objects. One for all of them. */
export class References {
  /** What the objects of each controller use. */
  readonly uses = new Uses();
  readonly #kinds = new Map<string, Kind>();
  readonly #listeners = new Set<() => void>();
  #version = 0;

  /** @param absent Controllers that don't run, such as for want of a key: nothing of theirs is to be found. */
  constructor(controllers: Iterable<string> = [], absent: Iterable<string> = []) {
    for (const name of absent) this.#kinds.set(name, newKind(true));
    for (const name of controllers) this.#kinds.set(name, newKind(false));
  }

  /** Another number whenever other objects exist than before. */
  get version(): number {
    return this.#version;
  }

  /** True if it is a controller's name. What looks like a reference to anything else is a text like any other. */
  isController(name: string): boolean {
    return this.#kinds.has(name);
  }

  refOf(controller: string, key: string): string | undefined {
    return this.#kinds.get(controller)?.refs.get(key);
  }

  /** True if it is settled what of this controller exists: a pass has ended, or it doesn't run. */
  isSettled(controller: string): boolean {
    return this.#kinds.get(controller)?.isSettled ?? true;
  }

  /** True if nobody wishes this object, as far as that is known. */
  isUnknown(controller: string, key: string): boolean {
    const { wished, held } = this.#kinds.get(controller) ?? {};
    if (wished === undefined || wished.has(key)) return false;
    return held?.has(key) !== true && held?.has(key.slice(0, key.indexOf("/"))) !== true;
  }

  /** @param held Keys and owners whose wish can't be read: what they name may well be wished. */
  noteWished(
    controller: string,
    wished: ReadonlyMap<string, unknown>,
    held: ReadonlyMap<string, unknown> = new Map(),
  ): void {
    const kind = this.#kinds.get(controller);
    if (kind === undefined) return;
    kind.wished = wished;
    kind.held = held;
  }

  /** Takes over what a controller knows to exist at the end of a pass. */
  notePass(controller: string, objects: Iterable<readonly [key: string, ref: string]>): void {
    const now = new Map<string, string | undefined>(objects);
    for (const key of this.#kinds.get(controller)?.refs.keys() ?? [])
      if (!now.has(key)) now.set(key, undefined);
    this.noteChanges(controller, now);
  }

  /**
   * The same, of what may have changed since the pass before; undefined stands for what is gone.
   * Whoever listens is told if anything is new.
   */
  noteChanges(controller: string, changes: ReadonlyMap<string, string | undefined>): void {
    const kind = this.#kinds.get(controller);
    if (kind === undefined) return;
    let isNews = !kind.isSettled;
    kind.isSettled = true;
    for (const [key, ref] of changes) {
      if (kind.refs.get(key) === ref) continue;
      isNews = true;
      if (ref === undefined) kind.refs.delete(key);
      else kind.refs.set(key, ref);
    }
    if (!isNews) return;
    this.#version++;
    for (const listener of this.#listeners) listener();
  }

  /** A controller beside this one that has not had its first pass, so that nobody knows what its objects use. */
  unsettledBeside(controller: string): string | undefined {
    return [...this.#kinds].find(([name, { isSettled }]) => name !== controller && !isSettled)?.[0];
  }

  /** Says that objects use something else than before, though they are the same ones. */
  noteUses(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Calls back when other objects exist than before. The returned function ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** What is desired, with every reference replaced, and what waits since one of its references is open. */
export interface Bound<Body> {
  readonly desired: Desired<Body>;
  readonly waiting: readonly Withheld<Body>[];
  /** True if anything in it refers to another object, so that it may change with those. */
  readonly refers: boolean;
}

/** Replaces all references once; see `Binder`. */
export function bind<Body>(
  desired: Desired<Body>,
  references: References,
  canonical?: (body: Body) => Body,
): Bound<Body> {
  return new Binder<Body>(references, canonical).bind(desired);
}

interface Last<Body> {
  /** Before and after the replacement. */
  readonly desired: ReadonlyMap<string, DesiredObject<Body>>;
  readonly bound: ReadonlyMap<string, DesiredObject<Body>>;
  readonly version: number;
}

/**
 * Replaces the references of all desired objects by what the other system calls the objects they name.
 *
 * An object with an open reference is neither written nor deleted: it waits. A reference with a fallback is
 * open only until the other controller has had its first pass, so that what refers to it is written once.
 *
 * Remembers its last result: a pass costs what has changed.
 */
export class Binder<Body> {
  readonly #references: References;
  readonly #canonical: (body: Body) => Body;
  readonly #referring = new Map<string, readonly Reference[]>();
  readonly #waiting = new Map<string, Withheld<Body>>();
  /** The last replacement of each object: most references stay what they are. */
  readonly #lastBound = new WeakMap<DesiredObject<Body>, { values: string; bound: DesiredObject<Body> }>();
  #last: Last<Body> | undefined;

  /** @param canonical Brings a body back to canonical form once its references are replaced. */
  constructor(references: References, canonical: (body: Body) => Body = (body) => body) {
    this.#references = references;
    this.#canonical = canonical;
  }

  bind(desired: Desired<Body>): Bound<Body> {
    const { version } = this.#references;
    const changed = this.#due(desired.objects, version);
    const changes = new Map<string, DesiredObject<Body> | undefined>();
    for (const key of changed) changes.set(key, this.#boundOf(key, desired.objects.get(key)));
    const bound = patched(this.#last?.bound ?? desired.objects, changes);
    this.#last = { desired: desired.objects, bound, version };

    const refers = this.#referring.size > 0;
    if (!refers) return { desired, waiting: [], refers };
    const waiting = [...this.#waiting.values()];
    const held = new Map(desired.held);
    for (const [key, { message }] of this.#waiting) held.set(key, message);
    return { desired: { ...desired, objects: bound, held }, waiting, refers };
  }

  /** Keys of objects that may come to something else than last time. Why one waits may change at any time. */
  #due(objects: ReadonlyMap<string, DesiredObject<Body>>, version: number): Iterable<string> {
    if (this.#last === undefined) return objects.keys();
    const due = new Set([...changedKeys(this.#last.desired, objects), ...this.#waiting.keys()]);
    if (this.#last.version !== version) for (const key of this.#referring.keys()) due.add(key);
    return due;
  }

  /** An object with its references replaced. Undefined if it isn't desired any more, or waits. */
  #boundOf(key: string, object: DesiredObject<Body> | undefined): DesiredObject<Body> | undefined {
    this.#waiting.delete(key);
    const needed = object === undefined ? NO_REFERENCES : this.#referencesOf(object.body);
    if (object === undefined || needed.length === 0) {
      this.#referring.delete(key);
      return object;
    }
    this.#referring.set(key, needed);
    const open = needed.find((one) => isOpen(one, this.#references));
    if (open === undefined) return this.#replaced(object, needed);
    const action = { type: "create", desired: object } as const;
    this.#waiting.set(key, { action, ...whyOpen(open, this.#references) });
    return undefined;
  }

  #referencesOf(body: Body): readonly Reference[] {
    if (typeof body !== "object" || body === null) return NO_REFERENCES;
    let found = referencesOf.get(body);
    if (found === undefined) {
      found = referencesIn(body);
      referencesOf.set(body, found);
    }
    return found.length === 0 ? found : found.filter((one) => isMeant(one, this.#references));
  }

  #replaced(object: DesiredObject<Body>, needed: readonly Reference[]): DesiredObject<Body> {
    const references = this.#references;
    const textOf = (one: Reference): string =>
      isMeant(one, references)
        ? (references.refOf(one.controller, one.key) ?? one.fallback ?? "")
        : reference(one.controller, one.key, one.fallback);
    const values = needed.map(textOf).join("\0");
    const last = this.#lastBound.get(object);
    if (last?.values === values) return last.bound;
    // What is replaced in a body of one kind leaves one of that kind.
    const bound = { ...object, body: this.#canonical(replaced(object.body, textOf) as Body) };
    this.#lastBound.set(object, { values, bound });
    return bound;
  }
}

const referencesOf = new WeakMap<object, readonly Reference[]>();

/** What names no controller is a text that only looks like a reference, such as `${port:-80|8080}` in a note. */
function isMeant({ controller }: Reference, references: References): boolean {
  return references.isController(controller);
}

function isOpen({ controller, key, fallback }: Reference, references: References): boolean {
  if (references.refOf(controller, key) !== undefined) return false;
  return fallback === undefined || !references.isSettled(controller);
}

function whyOpen(
  { controller, key }: Reference,
  references: References,
): { reason: string; message: string } {
  return references.isUnknown(controller, key)
    ? {
        reason: "UnknownReference",
        message: `it refers to ${key}, and nothing of that name is wished in ${controller}`,
      }
    : { reason: "WaitingForReference", message: `it waits for ${key} in ${controller}, which it refers to` };
}
