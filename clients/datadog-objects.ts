import type { Call, CallKind } from "./datadog-transport.ts";
import { ApiError } from "./errors.ts";
import type { Priority } from "./gate.ts";

/** An object as the API returns it. Everything in it is still to be judged. */
export type RawObject = Readonly<Record<string, unknown>>;

export interface CallOptions {
  readonly signal: AbortSignal;
  /** `drift` for reads and `change` for writes if absent. */
  readonly priority?: Priority | undefined;
}

export interface DeleteOptions extends CallOptions {
  /** Deletes even what others use. What used it is broken then. */
  readonly force?: boolean | undefined;
}

/** Options of a list. */
export interface ListOptions extends CallOptions {
  /**
   * What must be there. If all of it was in full pages, no further page is asked for. Without it, a last
   * page that happens to be full costs one more call.
   */
  readonly known?: ReadonlySet<string> | undefined;
}

export interface ObjectList {
  /** Each once. */
  readonly objects: readonly RawObject[];
  /** With more than one, an object deleted meanwhile may have hidden another one at a page's edge. */
  readonly pages: number;
}

/** The reading half of one kind of objects. Ids are texts, whatever the API has. */
export interface ObjectReader {
  /** @throws {ApiError} `notFound` */
  get(id: string, options: CallOptions): Promise<RawObject>;
}

/** The writing half. Bodies have the API's names and are sent as they are, no key lost. */
export interface ObjectWriter {
  /** @returns The object as it is stored. */
  create(body: object, options: CallOptions): Promise<RawObject>;
  update(id: string, body: object, options: CallOptions): Promise<RawObject>;
  /** @throws {ApiError} `notFound` if it is gone already. */
  delete(id: string, options: DeleteOptions): Promise<void>;
}

/** Who uses an object, so that it can't be deleted, by id. In Datadog's words. */
export type Hindrances = ReadonlyMap<string, readonly string[]>;

/** More pages than this are a fault of the server. */
export const MAX_PAGES = 200;

/** Says what the calls of one kind have in common. */
export class Calls {
  readonly #kind: CallKind;
  readonly #scopes: { readonly read: string; readonly write: string };

  constructor(kind: CallKind, scopes: { readonly read: string; readonly write: string }) {
    this.#kind = kind;
    this.#scopes = scopes;
  }

  read(operation: string, tried: string, { signal, priority = "drift" }: CallOptions): Call {
    const scope = this.#scopes.read;
    return { kind: this.#kind, operation, tried, scope, priority, signal, isWrite: false };
  }

  write(operation: string, tried: string, { signal, priority = "change" }: CallOptions): Call {
    const scope = this.#scopes.write;
    return { kind: this.#kind, operation, tried, scope, priority, signal, isWrite: true };
  }
}

export function isObject(value: unknown): value is RawObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The answer as an object with an id of text. */
export function objectIn(call: Call, value: unknown): RawObject {
  if (isObject(value) && typeof value["id"] === "string" && value["id"] !== "") return value;
  throw nonsense(call, "a success without the object");
}

/** A list of objects, each with an id of text. */
export function objectsIn(call: Call, value: unknown): readonly RawObject[] {
  if (!Array.isArray(value)) throw nonsense(call, "a success without a list");
  return value.map((one: unknown) => objectIn(call, one));
}

/** The value at `name` of an answer that should be an object. */
export function fieldOf(answer: unknown, name: string): unknown {
  return isObject(answer) ? answer[name] : undefined;
}

export function nonsense(call: Call, answer: string): ApiError {
  return new ApiError(call.tried, answer, { failure: call.isWrite ? "ambiguous" : "unavailable" });
}

/** How an error names an object: `"Checkout"`. */
export function nameIn(body: object, field: string): string {
  const name = fieldOf(body, field);
  return typeof name === "string" && name !== "" ? `"${name}"` : "(without a name)";
}

/** Reads what `can_delete` answers: reasons by id. What is not there hinders nothing. */
export function hindrancesIn(ids: readonly string[], answer: unknown): Hindrances {
  const errors = fieldOf(answer, "errors");
  const found = ids.map((id): [string, readonly string[]] => {
    const lines = [fieldOf(errors, id)].flat().filter((line) => typeof line === "string");
    return [id, lines.filter((line) => !/not found/i.test(line))];
  });
  return new Map(found.filter(([, lines]) => lines.length > 0));
}

/**
 * A body that is sent exactly as it is. The client's typed models drop every key they don't
 * know without a word; `UnparsedObject` is its own way to carry JSON that it has no model for.
 *
 * @typeParam Model What the request factory declares. The serializer asks for the class alone.
 */
export async function asIs<Model>(body: object): Promise<Model> {
  const { UnparsedObject } =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-common/util.js");
  return new UnparsedObject(body) as unknown as Model;
}

/** Gathers objects by id, page after page. */
export class Pages {
  readonly #byId = new Map<string, RawObject>();
  pages = 0;

  /** @returns How many of them were not there yet. */
  add(objects: readonly RawObject[]): number {
    const before = this.#byId.size;
    for (const object of objects) this.#byId.set(String(object["id"]), object);
    this.pages += 1;
    return this.#byId.size - before;
  }

  /** True if there is something that has to be there, and all of it was read. */
  hasAll(known: ReadonlySet<string> | undefined): boolean {
    return known !== undefined && known.size > 0 && known.isSubsetOf(new Set(this.#byId.keys()));
  }

  get size(): number {
    return this.#byId.size;
  }

  get list(): ObjectList {
    return { objects: [...this.#byId.values()], pages: this.pages };
  }
}
