import { ApiError } from "../../clients/errors.ts";
import type { Report } from "./report.ts";

/** Notes creates before they are sent, and their outcomes after they are known. */
export interface IntentLog {
  /** Keys of creates whose outcome is not noted, such as those of an earlier process. */
  open(): readonly string[];
  /** @throws if it can't be stored: then nothing may be created. */
  begin(keys: readonly string[], signal: AbortSignal): Promise<void>;
  /** Of some creates the outcome is known, of some it isn't; the others were not sent. */
  end(outcomes: {
    readonly known: ReadonlySet<string>;
    readonly unknown: ReadonlySet<string>;
  }): Promise<void>;
}

/** What is not known yet of a create stays written down. Of what is there now, it is known. */
export async function noteIntents(
  { outcomes }: Report<unknown>,
  there: ReadonlyMap<string, unknown>,
  intents: IntentLog | undefined,
): Promise<void> {
  if (intents === undefined) return;
  const creates = outcomes.filter(({ type }) => type === "create");
  const shown = intents.open().filter((key) => there.has(key));
  if (creates.length === 0 && shown.length === 0) return;
  const unknown = new Set(
    creates
      .filter(({ error }) => error instanceof ApiError && error.failure === "ambiguous")
      .map(({ key }) => key),
  );
  const known = new Set([...creates.map(({ key }) => key), ...shown].filter((key) => !unknown.has(key)));
  await intents.end({ known, unknown });
}
