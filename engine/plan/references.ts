import type { Desired, DesiredObject, Withheld } from "./plan.ts";

/**
 * Another object of ours, named in a text of a desired body: `${monitors:ray/queue-too-long}`, or with what
 * stands there while it doesn't exist: `${dashboards:_dashboards/overview|lists}`.
 */
export interface Reference {
  /** The controller that keeps the object. */
  readonly controller: string;
  readonly key: string;
  /** What the text says while the object doesn't exist. Undefined: whoever refers to it waits. */
  readonly fallback: string | undefined;
}

const TOKEN = /\$\{([a-z][a-z-]*):([^{}|]+)(?:\|([^{}]*))?\}/g;

/** Writes a reference into a text of a desired body. */
export function reference(controller: string, key: string, fallback?: string): string {
  return `\${${controller}:${key}${fallback === undefined ? "" : `|${fallback}`}}`;
}

/** The references in the texts of a body, each once, in the order in which they appear. */
export function referencesIn(body: unknown): readonly Reference[] {
  const found = new Map<string, Reference>();
  for (const text of textsIn(body)) {
    for (const [token, controller, key, fallback] of text.matchAll(TOKEN))
      found.set(token, { controller: controller!, key: key!, fallback });
  }
  return [...found.values()];
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === "string") {
    if (value.includes("${")) yield value;
  } else if (typeof value === "object" && value !== null)
    for (const inner of Object.values(value)) yield* textsIn(inner);
}

/** A body with its references replaced. */
function replaced(value: unknown, textOf: (reference: Reference) => string): unknown {
  if (typeof value === "string") {
    return value.includes("${")
      ? value.replaceAll(TOKEN, (_token, controller: string, key: string, fallback: string | undefined) =>
          textOf({ controller, key, fallback }),
        )
      : value;
  }
  if (Array.isArray(value)) return value.map((item) => replaced(item, textOf));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, replaced(inner, textOf)]));
}

interface Kind {
  /** How the other system names each object: a monitor's number. By key. */
  refs: Map<string, string>;
  /** What is wished, once a pass has worked it out. */
  wished: ReadonlyMap<string, unknown> | undefined;
  /** True once a pass of its controller has ended, well or not. */
  isSettled: boolean;
}

/** Where the controllers of a role find one another's objects. One for all of them. */
export class References {
  readonly #kinds = new Map<string, Kind>();
  readonly #listeners = new Set<() => void>();

  /** @param controllers Names of those that run. An object of another one never comes to be. */
  constructor(controllers: Iterable<string> = []) {
    for (const name of controllers)
      this.#kinds.set(name, { refs: new Map(), wished: undefined, isSettled: false });
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
    const kind = this.#kinds.get(controller);
    return kind === undefined || (kind.wished !== undefined && !kind.wished.has(key));
  }

  noteWished(controller: string, wished: ReadonlyMap<string, unknown>): void {
    const kind = this.#kinds.get(controller);
    if (kind !== undefined) kind.wished = wished;
  }

  /** Takes over what a controller knows to exist at the end of a pass. Whoever listens is told if anything is new. */
  notePass(controller: string, objects: Iterable<readonly [key: string, ref: string]>): void {
    const kind = this.#kinds.get(controller);
    if (kind === undefined) return;
    const refs = new Map(objects);
    const isSame =
      refs.size === kind.refs.size && [...refs].every(([key, ref]) => kind.refs.get(key) === ref);
    if (isSame && kind.isSettled) return;
    kind.refs = refs;
    kind.isSettled = true;
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

const referencesOf = new WeakMap<object, readonly Reference[]>();
/** The last replacement of each body: most references stay what they are. */
const lastBound = new WeakMap<object, { readonly values: string; readonly body: unknown }>();

/**
 * Replaces the references of all desired objects by what the other system calls the objects they name.
 *
 * An object with an open reference is neither written nor deleted: it waits. A reference with a fallback is
 * open only until the other controller has had its first pass, so that what refers to it is written once.
 */
export function bind<Body>(desired: Desired<Body>, references: References): Bound<Body> {
  const waiting: Withheld<Body>[] = [];
  let objects: Map<string, DesiredObject<Body>> | undefined;
  let held: Map<string, string> | undefined;
  let refers = false;
  for (const object of desired.objects.values()) {
    const needed = cachedReferences(object.body);
    if (needed.length === 0) continue;
    refers = true;
    objects ??= new Map(desired.objects);
    const open = needed.find((one) => isOpen(one, references));
    if (open === undefined)
      objects.set(object.key, { ...object, body: boundBody(object.body, needed, references) });
    else {
      objects.delete(object.key);
      const reason = whyOpen(open, references);
      (held ??= new Map(desired.held)).set(object.key, reason.message);
      waiting.push({ action: { type: "create", desired: object }, ...reason });
    }
  }
  if (objects === undefined) return { desired, waiting, refers };
  return { desired: { ...desired, objects, held: held ?? desired.held }, waiting, refers };
}

function cachedReferences(body: unknown): readonly Reference[] {
  if (typeof body !== "object" || body === null) return [];
  let found = referencesOf.get(body);
  if (found === undefined) {
    found = referencesIn(body);
    referencesOf.set(body, found);
  }
  return found;
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

function boundBody<Body>(body: Body, needed: readonly Reference[], references: References): Body {
  const textOf = ({ controller, key, fallback }: Reference): string =>
    references.refOf(controller, key) ?? fallback ?? "";
  const values = needed.map(textOf).join("\0");
  // Only objects have references.
  const known = lastBound.get(body as object);
  if (known?.values === values) return known.body as Body;
  const result = replaced(body, textOf);
  lastBound.set(body as object, { values, body: result });
  return result as Body;
}
