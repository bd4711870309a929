import { didYouMean } from "../../crds/suggest.ts";
import type { RawObject } from "../../controllers/datadog/kind.ts";
import type { Backup } from "../backups.ts";
import { UsageError } from "../print.ts";

/**
 * The version that a person means: the newest, or the newest that is not younger than `at`.
 *
 * @param at ISO 8601, whole or its beginning: `2026-11-22`, `2026-11-22T07:04`.
 * @throws {UsageError} if there is none.
 */
export function chosenBackup(
  backups: readonly Backup[],
  {
    controller,
    key,
    at,
  }: { readonly controller: string; readonly key: string; readonly at?: string | undefined },
): Backup {
  const ofKind = backups.filter((one) => one.controller === controller);
  const versions = ofKind.filter((one) => one.key === key);
  const [newest] = versions;
  if (newest === undefined) {
    const keys = [...new Set(ofKind.map((one) => one.key))];
    throw new UsageError(
      `there is no backup of ${controller} ${key}${didYouMean(key, keys)}`,
      keys.length === 0
        ? `No backup of any of the ${controller} is kept; they go after 30 days.`
        : "dd-observe restore lists what there is.",
    );
  }
  if (at === undefined) return newest;
  const exact = versions.find((one) => one.at.startsWith(at));
  if (exact !== undefined) return exact;
  throw new UsageError(
    `no backup of ${controller} ${key} is of ${at}`,
    `There are ${versions.map((one) => one.at).join(", ")}.`,
  );
}

/** @throws {UsageError} if what is kept is no object. */
export function objectIn({ text, controller, key, at }: Backup): RawObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as RawObject;
  throw new UsageError(
    `the backup of ${controller} ${key} of ${at} holds no JSON object`,
    "Choose another one with --at.",
  );
}
