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
  collect(body, found);
  return found.size === 0 ? NO_REFERENCES : [...found.values()];
}

export const NO_REFERENCES: readonly Reference[] = [];

function collect(value: unknown, found: Map<string, Reference>): void {
  if (typeof value === "string") {
    if (!value.includes("${")) return;
    for (const [token, controller, key, fallback] of value.matchAll(TOKEN))
      found.set(token, { controller: controller!, key: key!, fallback });
  } else if (typeof value === "object" && value !== null)
    for (const inner of Object.values(value)) collect(inner, found);
}

/** A body with its references replaced. */
export function replaced(value: unknown, textOf: (reference: Reference) => string): unknown {
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
