interface StoredVariable {
  readonly items: Readonly<Record<string, string>>;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

/** What a request about a Variable is answered with. */
export interface VariableAnswer {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
}

const PATH = /^[a-zA-Z0-9-_~/]{1,128}$/;

/** The Variables of one Nomad, by namespace and path. @see nomad/structs/variables.go, command/agent/variable_endpoint.go */
export class NomadVariablesState {
  readonly #variables = new Map<string, StoredVariable>();
  /** Called before each write is looked at: somebody else may be a moment earlier. */
  beforeWrite: () => void = () => undefined;

  items(path: string, namespace = "default"): Readonly<Record<string, string>> | undefined {
    return this.#variables.get(keyOf(namespace, path))?.items;
  }

  /** As somebody else writes it, without asking what stood there. */
  put(path: string, items: Readonly<Record<string, string>>, index: number, namespace = "default"): void {
    const key = keyOf(namespace, path);
    const createIndex = this.#variables.get(key)?.createIndex ?? index;
    this.#variables.set(key, { items, createIndex, modifyIndex: index });
  }

  get count(): number {
    return this.#variables.size;
  }

  /** Metadata of all that may be read: what may not is left out. */
  list(prefix: string, namespace: string, mayRead: (namespace: string) => boolean): VariableAnswer {
    const found = [...this.#variables].flatMap(([key, one]) => {
      const [name = "", path = ""] = key.split("\0");
      if (!path.startsWith(prefix) || !(namespace === "*" ? mayRead(name) : name === namespace)) return [];
      const { Items: _, ...stub } = variableOf(path, name, one);
      return [stub];
    });
    return { status: 200, json: found };
  }

  read(path: string, namespace: string): VariableAnswer {
    const found = this.#variables.get(keyOf(namespace, path));
    return found === undefined
      ? { status: 404, text: "variable not found" }
      : { status: 200, json: variableOf(path, namespace, found) };
  }

  write(
    path: string,
    {
      namespace,
      items,
      cas,
      index,
    }: { namespace: string; items: unknown; cas: string | null; index: number },
  ): VariableAnswer {
    const refused = whyRefused(path, items);
    if (refused !== undefined) return { status: 400, text: refused };
    this.beforeWrite();
    const conflict = this.#conflict(path, namespace, cas);
    if (conflict !== undefined) return conflict;
    this.put(path, items as Readonly<Record<string, string>>, index, namespace);
    return this.read(path, namespace);
  }

  remove(
    path: string,
    { namespace, cas }: { readonly namespace: string; readonly cas: string | null },
  ): VariableAnswer {
    this.beforeWrite();
    const conflict = this.#conflict(path, namespace, cas);
    if (conflict !== undefined) return conflict;
    this.#variables.delete(keyOf(namespace, path));
    return { status: 204 };
  }

  #conflict(path: string, namespace: string, cas: string | null): VariableAnswer | undefined {
    const found = this.#variables.get(keyOf(namespace, path));
    if (cas === null || Number(cas) === (found?.modifyIndex ?? 0)) return undefined;
    const nothing = { items: {}, createIndex: 0, modifyIndex: 0 };
    return { status: 409, json: variableOf(path, namespace, found ?? nothing) };
  }
}

function whyRefused(path: string, items: unknown): string | undefined {
  if (typeof items !== "object" || items === null || Object.keys(items).length === 0)
    return "variable missing required Items object";
  const size = Object.entries(items).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(String(value)),
    0,
  );
  if (size > 65_536) return "variables are limited to 64KiB in total size";
  if (!PATH.test(path)) return `invalid path ${JSON.stringify(path)}`;
  return undefined;
}

function variableOf(path: string, namespace: string, { items, createIndex, modifyIndex }: StoredVariable) {
  return {
    CreateIndex: createIndex,
    CreateTime: 1_795_333_282_267_266_600,
    Items: items,
    ModifyIndex: modifyIndex,
    ModifyTime: 1_795_333_282_267_266_600,
    Namespace: namespace,
    Path: path,
  };
}

function keyOf(namespace: string, path: string): string {
  return `${namespace}\0${path}`;
}
