import type { NomadVariable, NomadVariables, VariablePlace } from "../../clients/nomad-variables.ts";
import { variablePath } from "../../clients/nomad-variables.ts";
import type { Items } from "./merge.ts";
import { placeKey, type RecordedPlace } from "./record.ts";

const CONCURRENCY = 4;

/** The Variables as they were seen last. One list says which of them have changed since: only these are read again. */
export class VariablesSeen {
  readonly #variables: NomadVariables;
  #seen = new Map<string, NomadVariable | undefined>();

  constructor(variables: NomadVariables) {
    this.#variables = variables;
  }

  /** @throws {ApiError} if one of them can't be read. */
  async refresh(places: readonly RecordedPlace[], signal: AbortSignal): Promise<void> {
    const listed = await this.#variables.list(signal);
    const indexes = new Map(
      listed.map(({ namespace, path, modifyIndex }) => [`${namespace}\0${path}`, modifyIndex]),
    );
    const before = this.#seen;
    this.#seen = new Map();
    const due: RecordedPlace[] = [];
    for (const place of new Map(places.map((one) => [placeKey(one), one])).values()) {
      const key = placeKey(place);
      const known = before.get(key);
      if (known !== undefined && known.modifyIndex === indexes.get(key)) this.#seen.set(key, known);
      // What the list leaves out may be gone, or may not be read.
      else due.push(place);
    }
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < due.length) {
        const { namespace, job } = due[next++]!;
        await this.read({ namespace, path: variablePath(job) }, signal);
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, due.length) }, work));
  }

  async read(at: VariablePlace, signal: AbortSignal): Promise<NomadVariable | undefined> {
    const found = await this.#variables.read(at, signal);
    this.#seen.set(`${at.namespace}\0${at.path}`, found);
    return found;
  }

  /** What stands of a service in one place, as of the last look. */
  wishedAt(place: RecordedPlace): Items {
    const items = this.#seen.get(placeKey(place))?.items ?? {};
    return Object.fromEntries(
      place.wished.flatMap((name) => (Object.hasOwn(items, name) ? [[name, items[name]!]] : [])),
    );
  }
}
