/** How long reads lag behind writes. Shared by all maps of a fake, and changed by tests. */
export interface Lag {
  ms: number;
}

/** A map that remembers for a while how it was, so that reads can lag behind writes. */
export class LaggingMap<Key, Value> extends Map<Key, Value> {
  readonly #lag: Lag;
  readonly #before = new Map<Key, { readonly at: number; readonly value: Value | undefined }>();

  constructor(lag: Lag) {
    super();
    this.#lag = lag;
  }

  override set(key: Key, value: Value): this {
    this.#remember(key);
    return super.set(key, value);
  }

  override delete(key: Key): boolean {
    this.#remember(key);
    return super.delete(key);
  }

  #remember(key: Key): void {
    if (this.#lag.ms === 0 || this.#before.has(key)) return;
    this.#before.set(key, { at: Date.now(), value: this.get(key) });
  }

  /** The map as reads see it. */
  readable(): ReadonlyMap<Key, Value> {
    if (this.#before.size === 0) return this;
    const view = new Map(this);
    for (const [key, { at, value }] of this.#before) {
      if (Date.now() - at >= this.#lag.ms) this.#before.delete(key);
      else if (value === undefined) view.delete(key);
      else view.set(key, value);
    }
    return view;
  }
}
