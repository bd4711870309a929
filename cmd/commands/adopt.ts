import { driftOf } from "../../crds/drift.ts";
import { globalFolderOf } from "../../crds/global.ts";
import { isReserved, isSlug } from "../../crds/names.ts";
import { isPausedByWish } from "../../crds/resolve.ts";
import { didYouMean } from "../../crds/suggest.ts";
import type { RawObject } from "../../controllers/datadog/kind.ts";
import { ownerOfKey } from "../../controllers/datadog/mark.ts";
import { fieldChanges, type DesiredObject, type FieldChange } from "../../engine/plan/plan.ts";
import type { Call } from "../call.ts";
import { clusterIdOf, openConsul } from "../connect.ts";
import { Existing } from "../existing.ts";
import { knownServices } from "../facts.ts";
import { keepForCommand } from "../keep-backup.ts";
import { connected, kindNamed, openForWriting, singularOf, type OpenKind } from "../kinds.ts";
import { withLock } from "../lock.ts";
import { openLook, type Look } from "../look.ts";
import { noSuchService } from "../names.ts";
import { formatFields } from "../plan-text.ts";
import { UsageError } from "../print.ts";
import { adoptMetricTags } from "./adopt-metric-tags.ts";

/** What is to become of one object. */
interface Adoption {
  readonly open: OpenKind;
  /** `ray/queue-too-long`, `_monitors/disk-full` */
  readonly key: string;
  /** The service, or the document. */
  readonly owner: string;
  readonly raw: RawObject;
  readonly ref: string;
  /** What the person called it: an id or a name. */
  readonly given: string;
}

/** `dd-observe adopt`: an existing object becomes one of ours. Only its mark changes now. */
export async function adopt(call: Call): Promise<number> {
  // They can carry none, so that the controller takes them over.
  if (call.args[0] === "metric-tags") return await adoptMetricTags(call);
  const { args, flags, terminal } = call;
  const [kindName = "", given = "", key = ""] = args;
  const { config, consul: reading, look: lookOnce } = openLook(call);
  const look = await lookOnce();
  const signal = AbortSignal.timeout(120_000);
  const clusterId = await clusterIdOf(config, reading, signal);
  const opened = await openForWriting({ look, clusterId, consul: reading }, signal);
  const open = kindNamed(opened.kinds, kindName);
  const owner = ownerIn(key, open, look);
  const existing = new Existing(connected(opened).transport, open);
  const raw = await existing.one(given, signal);
  const { kind, noun } = open;
  const adoption: Adoption = { open, key, owner, raw, ref: kind.refOf(raw), given };
  const { ref } = adoption;
  const now = kind.markOf(raw)?.key;
  if (now === key) {
    terminal.out(`${noun} ${ref} is ${key} already\n`);
    return 0;
  }
  if (now !== undefined)
    throw new UsageError(`${noun} ${ref} is ${now} already, and can't be ${key} as well`);
  await expectFree(adoption, signal);
  expectMarkable(adoption);

  const wanted = open.desired.objects.get(key);
  const changes = comingChanges(adoption, wanted);
  terminal.out(`${noun} ${ref} ${JSON.stringify(existing.nameOf(raw))} becomes ${key}\n`);
  tellWhatComes(adoption, wanted, changes, terminal);
  if (flags.yes !== true && (wanted === undefined || changes.length > 0))
    throw new UsageError("nothing is adopted yet", "If that is right, run it again with --yes.");

  const consul = openConsul(config);
  const write = async (): Promise<void> => {
    await keepForCommand(consul, config)(open.name, key, "adopt", JSON.stringify(raw));
    await open.target.adopt(ref, key, signal);
  };
  if (look.facts.leader !== undefined && isResting(look, owner)) await write();
  else await withLock({ consul, config, signal, hint: whilePaused(adoption) }, write);
  terminal.out(
    `${terminal.paint("green", "adopted")}; what it was is kept: dd-observe restore ${open.name} ${key}\n`,
  );
  return 0;
}

/** Whose the object is to be: a service that is known, or the document of that name. */
function ownerIn(key: string, { name, noun, desired }: OpenKind, look: Look): string {
  const [service = "", own = "", ...more] = key.split("/");
  const isNamed = isReserved(key)
    ? globalFolderOf(key)?.folder === `_${name}` || desired.objects.has(key)
    : more.length === 0 && isSlug(service) && isSlug(own);
  if (!isNamed)
    throw new UsageError(
      `${JSON.stringify(key)} doesn't name one of the ${name} of a service`,
      `Give it as SERVICE/NAME, such as ray/queue-too-long, or as _${name}/NAME.`,
    );
  const owner = desired.objects.get(key)?.owner ?? ownerOfKey(key);
  const known = knownServices(look.facts);
  if (known.includes(owner) || desired.objects.has(key)) return owner;
  if (!isReserved(owner)) throw noSuchService(owner, known);
  throw new UsageError(
    `there is no document ${owner}${didYouMean(owner, known)}`,
    `Put it into Consul first, with paused: true so that no second ${noun} is made; after the adoption put it without. Or let dd-observe import --adopt --yes write it and take the ${noun} over.`,
  );
}

/** Two objects with one key would be taken for a clone and its original. */
async function expectFree({ open, key, ref, owner }: Adoption, signal: AbortSignal): Promise<void> {
  const { kind, noun } = open;
  const marked = await kind.find(key, { signal, priority: "change" });
  const other = marked.find((one) => kind.markOf(one)?.key === key && kind.refOf(one) !== ref);
  if (other === undefined) return;
  throw new UsageError(
    `${key} is ${noun} ${kind.refOf(other)} already`,
    `To put ${noun} ${ref} in its place: dd-observe pause ${owner}, delete ${noun} ${kind.refOf(other)} in Datadog, adopt, and dd-observe resume ${owner}.`,
  );
}

/** An entity of the catalog has its service's name, so that it can become no other's. */
function expectMarkable({ open: { kind, noun }, raw, ref, key }: Adoption): void {
  const hindrance = kind.notAdoptable?.(raw);
  if (hindrance !== undefined) throw new UsageError(`${noun} ${ref} can't become ${key}: ${hindrance}`);
  const marks = kind.marksOf(raw);
  if (marks.length > 0)
    throw new UsageError(
      `${noun} ${ref} can't become ${key}: it carries the mark ${marks.join(", ")}`,
      "Whoever keeps it has to let it go first.",
    );
  const marked = { ...raw, ...kind.adopted(raw, { key, retain: false }) };
  if (kind.markOf(marked)?.key !== key)
    throw new UsageError(`${noun} ${ref} can't become ${key}: its name says that it is another's`);
}

function comingChanges(
  { open, key, raw, ref }: Adoption,
  wanted: DesiredObject<unknown> | undefined,
): readonly FieldChange[] {
  if (wanted === undefined) return [];
  const { kind, noun } = open;
  const marked = { ...raw, ...kind.adopted(raw, { key, retain: wanted.retain }) };
  const found = kind.canonical(marked, wanted.body);
  const impossible = kind.cannotBecome?.(found, wanted.body);
  if (impossible !== undefined)
    throw new UsageError(`${noun} ${ref} can't become ${key}: ${impossible.answer}`, impossible.hint);
  return fieldChanges(wanted.body, found);
}

function tellWhatComes(
  { open, key }: Adoption,
  wanted: DesiredObject<unknown> | undefined,
  changes: readonly FieldChange[],
  terminal: Call["terminal"],
): void {
  const { out, paint } = terminal;
  if (wanted === undefined) {
    const waits = open.waiting.find(({ action }) => action.type !== "delete" && action.desired.key === key);
    const heldBecause = open.desired.held.get(key);
    if (waits !== undefined) return out(`  What it is to be can't be told yet: ${waits.message}.\n`);
    if (heldBecause !== undefined)
      return out(`  ${paint("yellow", "What it is to be can't be made:")} ${heldBecause}\n`);
    return out(
      `  ${paint("red", `No wish has one of the ${open.name} of that name: the next pass would delete it.`)} Put it into the document first.\n`,
    );
  }
  if (changes.length === 0) return out("  It is as wished; the next pass changes nothing.\n");
  const verb = driftOf(wanted.drift).rule === "report" ? "would change" : "changes";
  out(`  The next pass ${verb}:\n${formatFields(changes, terminal)}\n`);
}

/** While the service rests, the leader neither creates, changes nor deletes anything of it. */
function isResting({ snapshot }: Look, owner: string): boolean {
  return snapshot.paused.has(owner) || isPausedByWish(snapshot.services.get(owner));
}

function whilePaused({ open, owner, given, key }: Adoption): string {
  const word = /[\s"']/.test(given) ? JSON.stringify(given) : given;
  return `While a controller runs: dd-observe pause ${owner}, then dd-observe adopt ${singularOf(open.name)} ${word} ${key}, then dd-observe resume ${owner}.`;
}
