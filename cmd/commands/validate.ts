import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";

import { PACK_FILES } from "../../crds/pack-fault.ts";
import type { Pack } from "../../crds/pack.ts";
import { locateProblems } from "../../crds/document.ts";
import { isReserved } from "../../crds/names.ts";
import { readDefaults, type Ground } from "../../crds/resolve.ts";
import { documentOfFile, validateText, type DocumentFile, type Validated } from "../../crds/validate.ts";
import { formatProblem, type Problem } from "../../crds/problem.ts";
import { unknownMetricsOf } from "../../controllers/pack-unknown-metrics.ts";
import { instrumentationWarnings } from "../../controllers/workload-env/problems.ts";
import { packFolders } from "../../engine/sources/pack-folders.ts";
import { BUILT_IN_PACKS, readPack } from "../../engine/sources/packs.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { packsOf } from "../connect.ts";
import { kindCompiler } from "../kinds.ts";
import { printData, unreadable, UsageError } from "../print.ts";
import { printable } from "../terminal.ts";

/** One file, or standard input, and what is wrong with it. */
interface Checked {
  readonly file: string;
  readonly problems: readonly Problem[];
  /** What is likely not meant. The document is valid all the same. */
  readonly warnings?: readonly Problem[];
  /** Why it was not looked at. */
  readonly skipped?: string;
}

/** What documents are held against. */
interface Checking extends Ground {
  readonly compile: ReturnType<typeof kindCompiler>;
  readonly packDirs: readonly string[];
}

/** `dd-observe validate`: documents, policies and packs, without any server. */
export async function validate({ args, flags, terminal, env }: Call): Promise<number> {
  const config = readConfig(flags, env);
  const ground: Checking = {
    compile: kindCompiler(config),
    packs: packsOf(config),
    packDirs: config.packDirs,
    policy: config.policy,
    tagName: config.tagName,
    defaults: readDefaults(undefined),
  };
  const checked: Checked[] = [];
  for (const arg of args) {
    if (arg !== "-") checked.push(...checkPath(arg, ground, true));
    else checked.push(checkStdin(await terminal.readStdin(), flags.service, ground));
  }
  if (checked.length === 0) throw new UsageError(`there is no document below ${args.join(", ")}`);

  const broken = checked.filter(({ problems }) => problems.length > 0);
  if (flags.output === "json" || flags.output === "yaml") await printData(checked, flags.output, terminal);
  else printChecked(checked, terminal);
  return broken.length === 0 ? 0 : 1;
}

function printChecked(checked: readonly Checked[], { out, paint }: Call["terminal"]): void {
  let problems = 0;
  for (const { file, problems: found, warnings = [] } of checked) {
    problems += found.length;
    for (const warning of warnings)
      out(`${paint("yellow", "likely not meant:")} ${printable(formatProblem(warning, file))}\n`);
    for (const problem of found) {
      const line = formatProblem(problem, file);
      out(`${printable(line)}\n`);
    }
  }
  const skipped = checked.filter((one) => one.skipped !== undefined);
  for (const { file, skipped: why } of skipped) out(`${paint("yellow", "skipped")} ${file}: ${why}\n`);
  const looked = checked.length - skipped.length;
  const files = `${looked} ${looked === 1 ? "document" : "documents"}`;
  out(
    problems === 0
      ? `${paint("green", "valid:")} ${files}\n`
      : `${paint("red", `${problems} ${problems === 1 ? "problem" : "problems"}`)} in ${files}\n`,
  );
}

const ENDINGS = /\.(?:ya?ml|json)$/;

/** @param isNamed True for what the person named: that must be something, while a folder may hold anything. */
function checkPath(file: string, ground: Checking, isNamed: boolean): readonly Checked[] {
  let isFolder: boolean;
  try {
    isFolder = statSync(file).isDirectory();
  } catch (error) {
    throw unreadable(file, error);
  }
  if (isFolder) return checkFolder(file, ground);
  if (!isNamed && !ENDINGS.test(file)) return [];
  // The parts of a pack mean nothing alone.
  if (isPackFile(file)) return checkPack(path.dirname(file), ground);
  const document = documentOfFile(path.resolve(file));
  if (document === undefined) {
    const skipped = "its name is neither a service's nor a reserved one";
    return isNamed ? [{ file, problems: [unnamed(file)] }] : [{ file, problems: [], skipped }];
  }
  const text = readFileSync(file, "utf8");
  return [{ file, ...checkText(document, text, besideDefaults(file, ground)) }];
}

function checkFolder(folder: string, ground: Checking): readonly Checked[] {
  const names = readdirSync(folder)
    .filter((name) => !name.startsWith(".") && name !== "node_modules")
    .sort();
  if (names.includes("pack.yaml")) return checkPack(folder, ground);
  return names.flatMap((name) => checkPath(path.join(folder, name), ground, false));
}

function checkPack(folder: string, { packDirs, packs }: Checking): readonly Checked[] {
  const dir = path.resolve(folder);
  // A pack may extend one that stands beside it, although nobody has installed them yet.
  const beside = isInstalled(dir, packDirs) ? [] : [path.dirname(dir)];
  const pack = readPack(dir, packFolders([BUILT_IN_PACKS, ...packDirs, ...beside]));
  if (pack.ok) return checkQueries(folder, pack.value, packs);
  const byFile = new Map<string, Problem[]>();
  for (const problem of pack.problems) {
    // What is wrong may stand in a pack that it extends.
    const isOwn = path.dirname(problem.owner) === dir;
    const file = isOwn ? path.join(folder, path.basename(problem.owner)) : problem.owner;
    byFile.set(file, [...(byFile.get(file) ?? []), problem]);
  }
  return [...byFile].map(([file, problems]) => ({ file, problems }));
}

/** A start isn't stopped by this, as Datadog may know a metric that no table names. */
function checkQueries(folder: string, pack: Pack, packs: Checking["packs"]): readonly Checked[] {
  const unknown = unknownMetricsOf(pack, packs.values());
  if (unknown.length === 0) return [{ file: path.join(folder, "pack.yaml"), problems: [] }];
  return [...new Set(unknown.map(({ file }) => file))].map((name) => {
    const file = path.join(folder, name);
    const problems = unknown
      .filter((one) => one.file === name)
      .map(({ message }): Problem => ({ owner: file, reason: "PackInvalid", message }));
    return { file, problems };
  });
}

function isInstalled(dir: string, packDirs: readonly string[]): boolean {
  const root = path.dirname(dir);
  return root === BUILT_IN_PACKS || packDirs.some((one) => path.resolve(one) === root);
}

function isPack(dir: string): boolean {
  return existsSync(path.join(dir, "pack.yaml"));
}

/** The name alone says little: `metrics.yaml` may be the wish of a service called metrics. */
function isPackFile(file: string): boolean {
  const isNamedSo = (PACK_FILES as readonly string[]).includes(path.basename(file));
  return isNamedSo && isPack(path.dirname(path.resolve(file)));
}

/** What a file inherits: the `_defaults` of its own folder, or of the one above a reserved one such as `_monitors`. Broken ones are told of once, at their own file. */
function besideDefaults(file: string, ground: Checking): Checking {
  const parent = path.dirname(path.resolve(file));
  const folder = isReserved(path.basename(parent)) ? path.dirname(parent) : parent;
  const found = ["_defaults.yaml", "_defaults.yml", "_defaults.json", "_defaults"].find(
    (name) => statSync(path.join(folder, name), { throwIfNoEntry: false })?.isFile() === true,
  );
  if (found === undefined) return ground;
  const defaults = readDefaults({ text: readFileSync(path.join(folder, found), "utf8"), generation: 0 });
  return defaults.ok ? { ...ground, defaults } : ground;
}

function checkStdin(text: string, service: string | undefined, ground: Checking): Checked {
  if (service === undefined)
    throw new UsageError(
      "a document from standard input needs a name",
      "Say which service it is for: --service ray",
    );
  const document = documentOfFile(service);
  if (document === undefined) throw new UsageError(`${JSON.stringify(service)} is no name of a service`);
  return { file: service, ...checkText(document, text, ground) };
}

function checkText(document: DocumentFile, text: string, ground: Checking): Omit<Checked, "file"> {
  const { problems, accepted, wish } = validateText(document, text, ground);
  if (accepted === undefined) return { problems };
  const warnings = wish === undefined ? [] : locateProblems(text, instrumentationWarnings(wish));
  return {
    problems: [...problems, ...objectProblems(accepted, text, ground)],
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** What only shows when the objects are put together, such as a threshold that its query contradicts. */
function objectProblems(
  accepted: NonNullable<Validated["accepted"]>,
  text: string,
  { compile }: Checking,
): readonly Problem[] {
  const services = new Map([[accepted.service, accepted]]);
  const desired = [...compile({ services, paused: new Set() }).values()];
  return locateProblems(
    text,
    desired.flatMap(({ problems }) => problems),
  );
}

function unnamed(file: string): Problem {
  const message =
    "its name is neither a service's nor a reserved one; name it after the service, such as ray.yaml";
  return { owner: file, reason: "InvalidName", message };
}
