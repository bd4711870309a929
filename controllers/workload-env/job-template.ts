import type { JobTemplate } from "../../clients/nomad-jobs.ts";

/** Where the environment of one service can be read from. */
export interface Sources {
  /** Of all services in Consul, such as `dd-observe/env`. */
  readonly all: string;
  /** Of this one: `dd-observe/env/support`. */
  readonly folder: string;
  /** The path of the job's Nomad Variable. Undefined if it holds nothing of this service. */
  readonly variable: string | undefined;
  /** What a template knows of the task that it belongs to, by name: `NOMAD_JOB_NAME`. */
  readonly names: Readonly<Record<string, string>>;
}

/** What one template takes. */
export interface Taking {
  /** Which variables, by name. */
  readonly takes: (name: string) => boolean;
  /** Whether it leaves a variable to the job that sets it itself. Otherwise Nomad lets the template win. */
  readonly leavesOwn: (name: string) => boolean;
  /** Whether it asks for a variable by this name, as one does that joins it with the job's own. */
  readonly mentions: (name: string) => boolean;
  /** True if it becomes the task's environment, and not only a file. */
  readonly isEnvironment: boolean;
  /** True if a change starts the task again. Every other mode leaves it with what it was started with. */
  readonly restarts: boolean;
}

/** `none`: it reads something else. `unknown`: it stands in a file, or works out a path that we can't. */
export type Reading = Taking | "none" | "unknown";

/** Tells what a template reads, by the texts in its actions. Runs nothing. Pure. */
export function readTemplate(template: JobTemplate, sources: Sources): Reading {
  // Without `env = true` a file is nobody's environment, whatever stands in it.
  if (template.text === undefined) return template.isEnvironment ? "unknown" : "none";
  const actions = actionsOf(template.text, template.delimiters);
  const found = actions.flatMap((action) => readsOf(action, sources));
  if (found.length === 0) return "none";
  const names = new Set(found.flatMap((read) => (typeof read === "object" ? [read.name] : [])));
  const fields = variableFields(actions, found.includes("variable"));
  const takesAll = found.includes("folder") || (found.includes("variable") && fields === "all");
  if (!takesAll && names.size === 0 && fields === "none") return "unknown";
  const text = actions.join("\n");
  const asksForEach = /\benv\s*\(?\s*[.$]/.test(text);
  const askedFor = new Set([...text.matchAll(/\benv\s+"([^"]+)"/g)].map(([, name]) => name!));
  return {
    takes: (name) => takesAll || names.has(name) || (typeof fields === "object" && fields.has(name)),
    leavesOwn: (name) => asksForEach || askedFor.has(name),
    mentions: (name) => text.includes(`"${name}"`),
    isEnvironment: template.isEnvironment,
    restarts: template.changeMode === "restart" && !template.once,
  };
}

type Read = "folder" | "variable" | "computed" | { readonly name: string };

/** Where the template of `dd-observe env` takes only Langfuse's keys from a Variable. */
const ONLY_KEYS = /\(nomadVar\s+"[^"]*"\)\.Tuples\s*\}\}\{\{\s*if \.K \| regexMatch "\^LANGFUSE_[^"]*"/g;

/** What stands between the delimiters, without comments. */
function actionsOf(text: string, [left, right]: JobTemplate["delimiters"]): readonly string[] {
  const action = new RegExp(`${RegExp.escape(left)}([\\s\\S]*?)${RegExp.escape(right)}`, "g");
  return [...text.replaceAll(ONLY_KEYS, "").matchAll(action)]
    .map(([, inner]) => inner!)
    .filter((inner) => !/^-?\s*\/\*/.test(inner));
}

/** Each place of an action that names something of ours. */
function readsOf(action: string, { all, folder, variable, names }: Sources): readonly Read[] {
  const literals = [...action.matchAll(/"((?:[^"\\]|\\.)*)"|`([^`]*)`/g)].map(
    ([, quoted, raw]) => quoted ?? raw ?? "",
  );
  const known = literals.flatMap((literal) => names[literal] ?? []);
  return literals.flatMap((literal): readonly Read[] => {
    const path = literal.replace(/@[\w-]+$/, "").replace(/\/$/, "");
    const filled = path.includes("%s") ? known.map((name) => path.replace("%s", name)) : [path];
    if (filled.includes(folder)) return ["folder"];
    const name = filled.find((one) => one.startsWith(`${folder}/`))?.slice(folder.length + 1);
    if (name !== undefined && !name.includes("%")) return [{ name }];
    if (variable !== undefined && filled.includes(variable))
      return /\bnomadVarExists\b/.test(action) && !/\bnomadVar\b/.test(action) ? [] : ["variable"];
    const isOfOthers = !path.includes("%") && path.startsWith(`${all}/`);
    const isWorkedOut = path === all || path.startsWith(`${all}/`) || (path !== "" && isStartOf(path, all));
    return isWorkedOut && !isOfOthers ? ["computed"] : [];
  });
}

/** `nomad/jobs/%s` says nothing of us, `dd-observe/%s/…` may. */
function isStartOf(path: string, all: string): boolean {
  const start = path.split("%", 1)[0]!;
  return path.includes("%") && start !== "" && all.startsWith(start);
}

/** The items of a Variable that are taken: by `.NAME`, or all where it is walked through. */
function variableFields(actions: readonly string[], isRead: boolean): "none" | "all" | ReadonlySet<string> {
  if (!isRead) return "none";
  const text = actions.join("\n");
  if (/\brange\b/.test(text)) return "all";
  const names = [...text.matchAll(/\.([A-Z][A-Z0-9_]*)\b/g)].map(([, name]) => name!);
  return names.length === 0 ? "none" : new Set(names);
}
