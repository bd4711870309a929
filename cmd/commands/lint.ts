import { readFileSync } from "node:fs";

import { isSlug } from "../../crds/names.ts";
import { readDefaults, type Ground } from "../../crds/resolve.ts";
import { knownMetrics } from "../../controllers/monitors/lint/known-metrics.ts";
import { lintAlerts } from "../../controllers/monitors/lint/lint.ts";
import { readAlerts } from "../../controllers/monitors/lint/read.ts";
import type { RawAlert } from "../../controllers/monitors/lint/alert.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { packsOf } from "../connect.ts";
import { fixedDocuments, type Fixed } from "../lint/documents.ts";
import { formatLinted, type LintedFile } from "../lint/text.ts";
import { printData, unreadable, UsageError } from "../print.ts";
import { printable } from "../terminal.ts";
import { writeFiles } from "../write-files.ts";

/** `dd-observe lint`: a list of alerts, each one taken, repaired or refused with the reason. */
export async function lint({ args, flags, terminal, env }: Call): Promise<number> {
  const { service } = flags;
  if (service !== undefined && !isSlug(service))
    throw new UsageError(`${JSON.stringify(service)} is no name of a service`);
  if (flags.fix !== true && (flags.outputDir !== undefined || flags.force === true))
    throw new UsageError("--output-dir and --force belong to --fix", "Add --fix to write documents.");
  const config = readConfig(flags, env);
  const ground: Ground = {
    packs: packsOf(config),
    policy: config.policy,
    tagName: config.tagName,
    defaults: readDefaults(undefined),
  };
  const sources = [];
  for (const arg of args) sources.push(source(arg, arg === "-" ? await terminal.readStdin() : readFile(arg)));

  // One list over all files, so that names stay unique and composites find their parts.
  const alerts = sources.flatMap((one) => one.alerts);
  if (alerts.length === 0) throw new UsageError(`there is no alert in ${args.join(", ")}`);
  const verdicts = lintAlerts(alerts, { known: knownMetrics(ground.packs), service });
  let from = 0;
  const files = sources.map(({ file, alerts: own }): LintedFile => {
    from += own.length;
    return { file, verdicts: verdicts.slice(from - own.length, from) };
  });

  const fixed = flags.fix === true ? fixedDocuments(verdicts, ground, service) : undefined;
  const written =
    fixed === undefined || flags.outputDir === undefined
      ? []
      : writeFiles(fixed.documents, flags.outputDir, flags.force === true);
  if (flags.output === "json" || flags.output === "yaml")
    await printData(dataOf(files, fixed), flags.output, terminal);
  else if (fixed === undefined) terminal.out(formatLinted(files, terminal));
  else {
    // Documents alone go to standard output, so that a pipe can take them.
    terminal.err(formatLinted(files, terminal));
    if (flags.outputDir === undefined) terminal.out(printedDocuments(fixed));
    else for (const file of written) terminal.out(`wrote ${file}\n`);
    if (flags.outputDir !== undefined) terminal.out(leftOutComments(fixed));
  }
  const isWhole = verdicts.every(({ state }) => state === "ok") && (fixed?.leftOut.length ?? 0) === 0;
  return isWhole ? 0 : 2;
}

interface Source {
  readonly file: string;
  readonly alerts: readonly RawAlert[];
}

function source(arg: string, text: string): Source {
  const file = arg === "-" ? "(stdin)" : arg;
  const read = readAlerts(text);
  if (read.ok) return { file, alerts: read.alerts };
  const place = read.at === undefined ? file : `${file}:${read.at.line}:${read.at.column}`;
  throw new UsageError(`cannot read alerts from ${place}: ${read.message}`);
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
}

function dataOf(files: readonly LintedFile[], fixed: Fixed | undefined): unknown {
  const alerts = files.flatMap(({ file, verdicts }) =>
    verdicts.map(({ alert: _alert, ...verdict }) => ({ file, ...verdict })),
  );
  return { alerts, ...fixed };
}

function printedDocuments(fixed: Fixed): string {
  const texts = fixed.documents.map(({ key, text }) => `# observability/${key}\n${text}`);
  return `${texts.join("---\n")}${leftOutComments(fixed)}`;
}

function leftOutComments({ leftOut }: Fixed): string {
  return leftOut
    .flatMap(({ name, why }) => [`left out: ${name}`, ...why.map((one) => `  ${one}`)])
    .map((line) => `# ${printable(line).replaceAll("\n", " ")}\n`)
    .join("");
}
