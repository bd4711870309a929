import { unmarked } from "../../controllers/datadog/unmarked.ts";
import type { DatadogKind } from "../../controllers/datadog/kind.ts";
import { fieldChanges, type DesiredObject, type FieldChange } from "../../engine/plan/plan.ts";
import type { Named } from "./named.ts";

/**
 * What would become otherwise than it is now. Not told is what taking over means: our mark, the service's name
 * before the title, tags that are added, and the line that says where an object comes from.
 */
export function unexpected(
  { raw }: Pick<Named, "raw">,
  desired: DesiredObject<unknown>,
  kind: DatadogKind<unknown>,
): readonly FieldChange[] {
  const found = kind.canonical(unmarked(raw), desired.body);
  return fieldChanges(desired.body, found).filter((change) => !isExpected(change));
}

function isExpected({ path, wanted, found }: FieldChange): boolean {
  switch (path) {
    case "name":
    case "title":
      return isText(wanted) && isText(found) && wanted.endsWith(`] ${found}`);
    case "message":
    case "description":
      return isText(wanted) && wanted.startsWith(isText(found) ? found : "");
    case "tags":
      return isTexts(wanted) && isTexts(found) && found.every((tag) => wanted.includes(tag));
    default:
      return false;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText);
}
