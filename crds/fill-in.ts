/** What `${…}` can stand for. A value of undefined removes the key it stands at. */
export type Variables = Readonly<Record<string, unknown>>;

const PLACEHOLDER = /\$\{([A-Za-z][A-Za-z0-9.]*)\}/g;
const WHOLE = /^\$\{([A-Za-z][A-Za-z0-9.]*)\}$/;

/**
 * Fills in `${name}` in every text of a value. A text that is nothing but one placeholder
 * takes the variable's own type; a key whose value comes out undefined is left out.
 *
 * @throws {Error} if a placeholder has no variable of that name: a mistake in a pack, found by its golden files.
 */
export function fillIn(template: unknown, variables: Variables): unknown {
  if (typeof template === "string") return fillText(template, variables);
  if (Array.isArray(template))
    return template.map((item) => fillIn(item, variables)).filter((item) => item !== undefined);
  if (typeof template !== "object" || template === null) return template;
  const filled: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(template)) {
    const value = fillIn(inner, variables);
    if (value !== undefined) filled[name] = value;
  }
  return filled;
}

function fillText(template: string, variables: Variables): unknown {
  const whole = WHOLE.exec(template);
  if (whole !== null) return lookUp(whole[1]!, variables);
  return template.replaceAll(PLACEHOLDER, (_all, name: string) => textOf(lookUp(name, variables)));
}

/** Fills in a text where only a text makes sense, such as a query. */
export function fillInText(template: string, variables: Variables): string {
  return template.replaceAll(PLACEHOLDER, (_all, name: string) => textOf(lookUp(name, variables)));
}

function lookUp(name: string, variables: Variables): unknown {
  if (!Object.hasOwn(variables, name))
    throw new Error(`\${${name}} stands for nothing here; there are ${Object.keys(variables).join(", ")}`);
  return variables[name];
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The placeholders of a text, for checks. */
export function placeholdersIn(template: string): readonly string[] {
  return [...template.matchAll(PLACEHOLDER)].map((match) => match[1]!);
}
