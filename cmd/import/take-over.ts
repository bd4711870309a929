import type { Consul } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { keepForCommand } from "../keep-backup.ts";
import { singularOf, type OpenKind } from "../kinds.ts";
import { withLock } from "../lock.ts";
import type { Look } from "../look.ts";
import { UsageError } from "../print.ts";
import type { Terminal } from "../terminal.ts";
import type { ImportedDocument } from "./documents.ts";

/** The commands that take over what the documents were made of. */
export function adoptCommands(documents: readonly ImportedDocument[]): readonly string[] {
  return documents.flatMap(({ objects }) =>
    objects.map(({ kind, ref, key }) => `dd-observe adopt ${singularOf(kind)} ${ref} ${key} --yes`),
  );
}

interface TakeOver {
  readonly documents: readonly ImportedDocument[];
  readonly kinds: ReadonlyMap<string, OpenKind>;
  readonly consul: Consul;
  readonly look: Pick<Look, "config" | "facts">;
  readonly terminal: Pick<Terminal, "out" | "paint">;
  readonly signal: AbortSignal;
}

/**
 * Puts the documents into Consul and their objects under our mark, so that nothing is made twice: each document
 * comes with `paused: true`, then its objects are marked, then it stands as it is.
 *
 * @throws {UsageError} before anything is written, if Consul has another document of one of the names; and after
 *   all of them, if Datadog refused some.
 */
export async function takeOver(given: TakeOver): Promise<void> {
  const { documents, consul, look, terminal, signal } = given;
  const { config, facts } = look;
  for (const { key, text } of documents) {
    const there = facts.documents.get(key);
    if (there === undefined || there.text === text) continue;
    throw new UsageError(
      `Consul has a document ${config.kvPrefix}/${key} already; nothing was written`,
      `Join what is imported with it by hand, then adopt its objects one by one: ${adoptCommands(documents)[0] ?? ""}`,
    );
  }
  const run = async (): Promise<void> => {
    const resting: string[] = [];
    for (const document of documents) {
      try {
        await takeOverOne(document, given);
      } catch (error) {
        // Others may go well. While its document rests, nothing of this one is made, changed or deleted.
        if (!(error instanceof ApiError) || error.stopsRun) throw error;
        resting.push(document.key);
        terminal.out(`${terminal.paint("red", "not taken over:")} ${document.key}: ${error.message}\n`);
      }
    }
    if (resting.length === 0) return;
    throw new UsageError(
      `${resting.join(", ")} could not be taken over, and ${resting.length === 1 ? "rests" : "rest"} in Consul with paused: true`,
      "Put right what Datadog refuses, adopt the objects, and then take paused out of the document; or delete the document.",
    );
  };
  // While their document rests, the leader touches none of these objects.
  if (facts.leader !== undefined) return await run();
  await withLock({ consul, config, signal, hint: "Run it again: the documents rest meanwhile." }, run);
}

async function takeOverOne(
  { key, text, objects }: ImportedDocument,
  { kinds, consul, look, terminal, signal }: TakeOver,
): Promise<void> {
  const { config, facts } = look;
  const place = `${config.kvPrefix}/${key}`;
  const put = async (content: string): Promise<void> => {
    const cas = (await consul.kvGet(place, { consistent: true }, signal))?.modifyIndex ?? 0;
    if (await consul.kvPut(place, content, { cas }, signal)) return;
    throw new UsageError(`${place} changed at the same moment`, "Run it again.");
  };
  // An empty one says the same as none, and the field stands only once in it.
  if (facts.documents.get(key)?.text !== text || facts.leader !== undefined)
    await put(`paused: true\n${text}`);
  for (const { kind, ref, key: own, raw } of objects) {
    const open = kinds.get(kind);
    if (open === undefined) throw new Error(`${kind} are no kind of objects`);
    await keepForCommand(consul, config)(kind, own, "adopt", JSON.stringify(raw));
    await open.target.adopt(ref, own, signal);
    terminal.out(`${terminal.paint("green", "adopted")} ${open.noun} ${ref} as ${own}\n`);
  }
  await put(text);
  terminal.out(`put ${place}\n`);
}
