import { stringify } from "yaml";

import { locateProblems } from "../../crds/document.ts";
import { formatProblem } from "../../crds/problem.ts";
import type { Ground } from "../../crds/resolve.ts";
import { documentOfFile, validateText } from "../../crds/validate.ts";
import { compileMonitors } from "../../controllers/monitors/compile.ts";
import { documentFields } from "../../controllers/monitors/lint/document.ts";
import { referencesIn, type Verdict } from "../../controllers/monitors/lint/lint.ts";
import { UsageError } from "../print.ts";

/** A document that a fixed alert became, or the monitors of a service. */
export interface FixedDocument {
  /** Below the operator's prefix: `_monitors/disk-full`, `ray`. */
  readonly key: string;
  readonly text: string;
}

/** An alert that is in no document, and why. */
export interface LeftOut {
  readonly name: string;
  readonly why: readonly string[];
}

export interface Fixed {
  readonly documents: readonly FixedDocument[];
  readonly leftOut: readonly LeftOut[];
}

type Fields = Readonly<Record<string, unknown>>;

interface Kept {
  readonly verdict: Verdict;
  readonly fields: Fields;
}

/**
 * The documents of what is ok or repaired. Each has passed `validate`; an alert whose document
 * would not pass is left out, with the reason.
 */
export function fixedDocuments(
  verdicts: readonly Verdict[],
  ground: Ground,
  service: string | undefined,
): Fixed {
  const kept: Kept[] = [];
  const leftOut: LeftOut[] = [];
  for (const verdict of verdicts) {
    const whole = wholeDocument(verdict, ground, service);
    if (Array.isArray(whole)) leftOut.push({ name: verdict.name, why: whole });
    else kept.push({ verdict, fields: whole as Fields });
  }
  dropBrokenComposites(kept, leftOut, service);
  if (service === undefined) {
    const documents = kept.map(({ verdict, fields }) => ({
      key: `_monitors/${verdict.slug}`,
      text: textOf(globalDocument(verdict, fields)),
    }));
    return { documents, leftOut };
  }
  if (kept.length === 0) return { documents: [], leftOut };
  const monitors = Object.fromEntries(kept.map(({ verdict, fields }) => [verdict.slug, fields]));
  const around = surroundings(kept.map(({ verdict }) => verdict));
  for (const { verdict } of kept) leftOut.push(...unsaid(verdict, around));
  const text = textOf({ ...around, monitors });
  const [problem] = problemsIn(service, text, ground);
  if (problem !== undefined)
    throw new UsageError(
      `the alerts make no document of ${service}: ${problem}`,
      "Lint fewer of them at once.",
    );
  return { documents: [{ key: service, text }], leftOut };
}

/** A composite whose parts are in no document would wait for them for ever. */
function dropBrokenComposites(kept: Kept[], leftOut: LeftOut[], service: string | undefined): void {
  const keyOf = ({ slug }: Verdict): string => (service === undefined ? `_monitors/${slug}` : slug);
  for (;;) {
    const keys = new Set(kept.map(({ verdict }) => keyOf(verdict)));
    const missing = ({ verdict }: Kept): string | undefined =>
      referencesIn(verdict.alert.query).find((key) => !keys.has(key));
    const index = kept.findIndex((one) => missing(one) !== undefined);
    const broken = kept[index];
    if (broken === undefined) return;
    leftOut.push({ name: broken.verdict.name, why: [`it joins ${missing(broken)}, which is left out`] });
    kept.splice(index, 1);
  }
}

/** What an alert says of env and team and the service's document does not. */
function unsaid({ name, alert }: Verdict, around: Fields): readonly LeftOut[] {
  return (["env", "team"] as const)
    .filter((field) => alert[field] !== undefined && around[field] === undefined)
    .map((field) => ({
      name: `${field} of ${name}`,
      why: [`the alerts differ in ${field}, and a service has one; set ${field} at the top of the document`],
    }));
}

/** The fields of one alert, once its document alone has passed; else what is wrong. */
function wholeDocument(
  verdict: Verdict,
  ground: Ground,
  service: string | undefined,
): Fields | readonly string[] {
  if (verdict.state === "refused")
    return verdict.refusals.map(({ message, advice }) => `${message}; ${advice}`);
  const made = documentFields(verdict.alert);
  if (!made.ok) return [made.message];
  const document =
    service === undefined
      ? globalDocument(verdict, made.fields)
      : { ...surroundings([verdict]), monitors: { [verdict.slug]: made.fields } };
  const key = service ?? `_monitors/${verdict.slug}`;
  const problems = problemsIn(key, textOf(document), ground);
  return problems.length > 0 ? problems : made.fields;
}

/** What `dd-observe validate` says of a document. */
export function problemsIn(key: string, text: string, ground: Ground): readonly string[] {
  const file = documentOfFile(key);
  if (file === undefined) return [`${key} is no name of a document`];
  const { problems, accepted } = validateText(file, text, ground);
  if (accepted === undefined) return problems.map((problem) => formatProblem(problem));
  const services = new Map([[accepted.service, accepted]]);
  const compiled = compileMonitors("cluster", { appUrl: "https://app.datadoghq.com" })({
    services,
    paused: new Set(),
  });
  return [...problems, ...locateProblems(text, compiled.problems)].map((problem) => formatProblem(problem));
}

function globalDocument(verdict: Verdict, fields: Fields): Fields {
  return { ...fields, ...surroundings([verdict]) };
}

/** `env` and `team` where all alerts say the same. */
function surroundings(verdicts: readonly Verdict[]): Fields {
  const said = (field: "env" | "team"): Fields => {
    const values = new Set(verdicts.map(({ alert }) => alert[field]));
    const [value] = values;
    return values.size === 1 && value !== undefined ? { [field]: value } : {};
  };
  return { ...said("env"), ...said("team") };
}

function textOf(document: Fields): string {
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}
