import { placeholdersIn } from "./fill-in.ts";
import type { Pack } from "./pack.ts";
import { textsIn } from "./placeholders.ts";
import { didYouMean } from "./suggest.ts";

/** The files of a pack. */
export const PACK_FILES = [
  "pack.yaml",
  "conf.yaml",
  "monitors.yaml",
  "slos.yaml",
  "dashboards.yaml",
  "metrics.yaml",
] as const;
export type PackFile = (typeof PACK_FILES)[number];

/** Something in a pack's files that doesn't fit together. `file` and `path` say where. */
export interface PackFault {
  readonly file: PackFile;
  readonly path: string;
  readonly message: string;
}

export function fault(file: PackFile, path: string, message: string): PackFault {
  return { file, path, message: `${path} ${message}` };
}

/** Placeholders of some texts that stand for nothing. */
export function unknownVariables(
  file: PackFile,
  path: string,
  value: unknown,
  known: ReadonlySet<string>,
): readonly PackFault[] {
  return textsIn(value, path).flatMap(([place, text]) =>
    placeholdersIn(text)
      .filter((variable) => !known.has(variable))
      .map((variable) =>
        fault(file, place, `\${${variable}} stands for nothing${didYouMean(variable, known)}`),
      ),
  );
}

/** Variables that there are anyway, and those of the pack's options. */
export function variablesOf(pack: Pack, common: readonly string[]): ReadonlySet<string> {
  return new Set([...common, ...Object.keys(pack.options).map((name) => `option.${name}`)]);
}
