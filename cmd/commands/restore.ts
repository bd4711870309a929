import { ApiError } from "../../clients/errors.ts";
import { isPausedByWish } from "../../crds/resolve.ts";
import type { RawObject } from "../../controllers/datadog/kind.ts";
import { unmarked } from "../../controllers/datadog/unmarked.ts";
import { fieldChanges, isSame, type FieldChange } from "../../engine/plan/plan.ts";
import { readBackups, type Backup } from "../backups.ts";
import type { Call } from "../call.ts";
import { clusterIdOf, openConsul } from "../connect.ts";
import { Existing } from "../existing.ts";
import { keepForCommand } from "../keep-backup.ts";
import { connected, kindNamed, openForWriting, type OpenKind } from "../kinds.ts";
import { sinceCell } from "../lists/cells.ts";
import { withLock } from "../lock.ts";
import { openLook, type Look } from "../look.ts";
import { formatFields } from "../plan-text.ts";
import { printData, UsageError } from "../print.ts";
import { chosenBackup, objectIn } from "../restore/choose.ts";
import { standingOf, type Standing } from "../restore/standing.ts";
import { formatTable } from "../table.ts";

/** What is to be put back, and what stands in its place. */
interface Restoring {
  readonly open: OpenKind;
  readonly existing: Existing;
  readonly backup: Backup;
  readonly raw: RawObject;
  readonly standing: Standing;
  readonly owner: string;
}

/** `dd-observe restore`: lists what was kept before it was deleted or overwritten, and puts one of them back. */
export async function restore(call: Call): Promise<number> {
  const { args, flags, terminal } = call;
  const { config, consul, look: lookOnce } = openLook(call);
  const { statePrefix } = config;
  const signal = AbortSignal.timeout(120_000);
  const [given, key] = args;
  const source = { consul, statePrefix, scope: "cluster" };
  if (key === undefined) {
    const { backups: all, unreadable } = await readBackups(source, "", signal);
    const wanted = all.filter(({ controller }) => given === undefined || isOfKind(controller, given));
    await list(wanted, unreadable, call);
    return 0;
  }
  const look = await lookOnce();
  const clusterId = await clusterIdOf(config, consul, signal);
  const opened = await openForWriting({ look, clusterId, consul }, signal);
  const open = kindNamed(opened.kinds, given!);
  const { backups: kept } = await readBackups(source, `${open.name}/`, signal);
  const backup = chosenBackup(kept, { controller: open.name, key, at: flags.at });
  const raw = objectIn(backup);
  if (flags.output === "json" || flags.output === "yaml") {
    await printData(raw, flags.output, terminal);
    return 0;
  }
  const existing = new Existing(connected(opened).transport, open);
  const standing = await standingOf(open, existing, { key, raw }, signal);
  const owner = open.memory.get(key)?.owner ?? open.kind.ownerOf(key);
  const restoring: Restoring = { open, existing, backup, raw, standing, owner };
  if (tell(restoring, call) === "nothing") return 0;
  refuseWhatIsUndone(restoring, look);
  if (flags.yes !== true)
    throw new UsageError("nothing is restored yet", "If that is right, run it again with --yes.");
  await write(restoring, look, signal, call);
  return 0;
}

function isOfKind(controller: string, given: string): boolean {
  const word = given.toLowerCase();
  return controller === word || controller === `${word}s`;
}

async function list(found: readonly Backup[], unreadable: readonly string[], { flags, terminal }: Call) {
  const { paint, width } = terminal;
  const rows = found.map(({ text, ...one }) => ({ ...one, bytes: Buffer.byteLength(text) }));
  if (flags.output === "json" || flags.output === "yaml") {
    await printData(rows, flags.output, terminal);
    return;
  }
  const columns = [
    { head: "KIND" },
    { head: "KEY", flexible: true },
    { head: "WHEN" },
    { head: "AGO" },
    { head: "BEFORE" },
    { head: "BYTES" },
  ];
  const cells = rows.map(({ controller, key, at, reason, bytes }) => [
    controller,
    key,
    at,
    sinceCell(at),
    REASONS[reason] ?? reason,
    String(bytes),
  ]);
  if (cells.length === 0)
    terminal.out("There is no backup. They are made before anything is deleted or overwritten.\n");
  else {
    terminal.out(formatTable(columns, cells, { width, paint }));
    terminal.out(paint("dim", "\nTo look at one: dd-observe restore KIND KEY --at WHEN\n"));
  }
  for (const key of unreadable) terminal.err(`${paint("yellow", "not readable:")} ${key}\n`);
}

/** What happened right after the backup was made. */
const REASONS: Readonly<Record<string, string>> = {
  delete: "delete",
  drift: "an edit was undone",
  update: "a new wish",
  adopt: "adoption",
  restore: "a restore",
};

/** Says what would become of what. */
function tell(
  { open, backup, raw, standing, existing }: Restoring,
  { terminal }: Call,
): "nothing" | "changes" {
  const { out, paint } = terminal;
  const { noun, kind } = open;
  const name = JSON.stringify(existing.nameOf(raw));
  const before = REASONS[backup.reason] ?? backup.reason;
  out(`${noun} ${backup.key} ${name} as of ${backup.at} (before: ${before})\n`);
  if (standing.state === "gone") {
    const isWished = open.desired.objects.has(backup.key);
    out(
      isWished
        ? `  It is gone and still wished: it is made again with our mark, and the next pass keeps it.\n`
        : `  It is gone and no longer wished: it is made again without our mark, for people to keep.\n`,
    );
    return "changes";
  }
  const changes = changesOf(kind, raw, standing.raw);
  if (changes.length === 0) {
    out(`  ${noun} ${standing.ref} stands exactly so; there is nothing to restore.\n`);
    return "nothing";
  }
  out(
    `  ${noun} ${standing.ref} ${paint("yellow", "is overwritten")}:\n${formatFields(changes, terminal)}\n`,
  );
  return "changes";
}

/** The mark stays as it is now, whatever it was then. */
function changesOf(kind: OpenKind["kind"], kept: RawObject, now: RawObject): readonly FieldChange[] {
  return fieldChanges(kind.canonical(unmarked(kept)), kind.canonical(unmarked(now)));
}

/** What the next pass would undo is not written: the wish has to change, or its service has to rest. */
function refuseWhatIsUndone({ open, backup, raw, owner, standing }: Restoring, look: Look): void {
  const { kind, desired, noun } = open;
  const wanted = desired.objects.get(backup.key);
  if (isResting(look, owner)) return;
  if (wanted === undefined) {
    if (standing.state === "gone") return;
    throw new UsageError(
      `no wish has ${backup.key} any more, so the next pass deletes it; it is not overwritten before that`,
      `Put it into a document again, or let it rest first: dd-observe pause ${owner}`,
    );
  }
  const mark = kind.markIn(wanted.body);
  const restored = mark === undefined ? raw : { ...raw, ...kind.adopted(unmarked(raw), mark) };
  if (isSame(kind.canonical(restored, wanted.body), wanted.body)) return;
  throw new UsageError(
    `the next pass would undo it: what is wished of ${noun} ${backup.key} is another than this backup`,
    `Change the document, or let it rest first: dd-observe pause ${owner}. Then run this again, and dd-observe resume ${owner} when the document says the same.`,
  );
}

function isResting({ snapshot }: Look, owner: string): boolean {
  return snapshot.paused.has(owner) || isPausedByWish(snapshot.services.get(owner));
}

async function write(
  restoring: Restoring,
  look: Look,
  signal: AbortSignal,
  { terminal }: Call,
): Promise<void> {
  const { open, backup, standing, owner } = restoring;
  const { config } = look;
  const consul = openConsul(config);
  const run = async (): Promise<string> => {
    if (standing.state === "gone") return await makeAgain(restoring, signal);
    await keepForCommand(consul, config)(open.name, backup.key, "restore", JSON.stringify(standing.raw));
    return await overwrite(restoring, standing, signal);
  };
  // The leader touches nothing of what rests, nor what carries no mark.
  const isApart =
    isResting(look, owner) || (standing.state === "gone" && !open.desired.objects.has(backup.key));
  const hint = `While a controller runs: dd-observe pause ${owner}, then this again, then dd-observe resume ${owner}.`;
  const ref =
    look.facts.leader !== undefined && isApart
      ? await run()
      : await withLock({ consul, config, signal, hint }, async () => await run());
  const verb = standing.state === "gone" ? "made again" : "restored";
  terminal.out(`${terminal.paint("green", verb)}: ${open.noun} ${ref}\n`);
}

async function overwrite(
  { open, raw, backup }: Restoring,
  standing: Extract<Standing, { state: "ours" }>,
  signal: AbortSignal,
): Promise<string> {
  const { kind, noun } = open;
  const mark = kind.markOf(standing.raw);
  if (mark === undefined || kind.writer === undefined)
    throw new Error(`${noun} ${backup.key} is ours and has no mark`);
  const impossible = kind.cannotBecome?.(kind.canonical(standing.raw), kind.canonical(raw));
  if (impossible !== undefined) throw new UsageError(impossible.answer, impossible.hint);
  await kind.writer.update(standing.ref, kind.adopted(unmarked(raw), mark), { signal });
  return standing.ref;
}

/** Never twice: a create without an answer is looked for before anybody is told to try again. */
async function makeAgain(restoring: Restoring, signal: AbortSignal): Promise<string> {
  const { open, raw, backup, existing } = restoring;
  const { kind, desired } = open;
  if (kind.writer === undefined) throw new Error(`${open.name} can't be written`);
  const wanted = desired.objects.get(backup.key);
  const mark = wanted === undefined ? undefined : kind.markIn(wanted.body);
  const plain = unmarked(raw);
  const wire = mark === undefined ? kind.toWire(kind.canonical(plain)) : kind.adopted(plain, mark);
  try {
    return kind.refOf(await kind.writer.create(wire, { signal }));
  } catch (error) {
    if (!(error instanceof ApiError) || error.failure !== "ambiguous") throw error;
    const [found] = await existing.named(existing.nameOf(raw), signal);
    if (found === undefined) throw error;
    return kind.refOf(found);
  }
}
