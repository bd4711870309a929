import { GLOBAL_FOLDERS } from "../../crds/global.ts";
import { isSlug } from "../../crds/names.ts";
import { readDefaults, type Ground } from "../../crds/resolve.ts";
import type { Call } from "../call.ts";
import { clusterIdOf, openConsul, packsOf } from "../connect.ts";
import { Existing } from "../existing.ts";
import { chosenOf, expectAllIds, type Choice, type LeftOut } from "../import/chosen.ts";
import { IMPORTED_KINDS, type ImportedKind } from "../import/kinds.ts";
import { documentsOf, type Imported } from "../import/documents.ts";
import { named } from "../import/named.ts";
import { adoptCommands, takeOver } from "../import/take-over.ts";
import { connected, kindCompiler, openForWriting, openKinds, singularOf, type OpenKind } from "../kinds.ts";
import { openLook, type Look } from "../look.ts";
import { printData, UsageError } from "../print.ts";
import { printable } from "../terminal.ts";
import { writeFiles } from "../write-files.ts";

/** `dd-observe import`: documents of what people made in Datadog, so that nobody has to click it together again. */
export async function importObjects(call: Call): Promise<number> {
  const { args, flags, terminal } = call;
  const { service } = flags;
  if (service !== undefined && !isSlug(service))
    throw new UsageError(`${JSON.stringify(service)} is no name of a service`);
  if (flags.yes === true && flags.adopt !== true)
    throw new UsageError("--yes belongs to --adopt", "Add --adopt to put the documents into Consul.");
  const { config, consul, look: lookOnce } = openLook(call);
  const look = await lookOnce();
  const signal = AbortSignal.timeout(300_000);
  const clusterId = await clusterIdOf(config, consul, signal);
  const opened =
    flags.yes === true
      ? await openForWriting({ look, clusterId, consul }, signal)
      : openKinds({ look, clusterId });
  const { transport } = connected(opened);
  const kinds = new Map(opened.kinds.map((open) => [open.name, open]));
  const filter = { ids: flags.id ?? [], glob: flags.name, tags: flags.tag ?? [] };
  const choices: Choice[] = [];
  for (const kind of kindsNamed(args)) {
    const open = kinds.get(kind);
    if (open === undefined) continue;
    choices.push(await chosenOf(open, new Existing(transport, open), filter, signal));
  }
  expectAllIds(filter.ids, choices);

  const ground: Ground = {
    packs: packsOf(config),
    policy: config.policy,
    tagName: config.tagName,
    defaults: readDefaults(look.facts.documents.get("_defaults")),
  };
  const chosen = choices.flatMap((one) => one.chosen);
  const imported = documentsOf(
    named(chosen, service, (kind) => takenNames(kind, kinds, look, service)),
    {
      service,
      ground,
      compile: kindCompiler(config, clusterId),
      kinds: new Map([...kinds].map(([name, { kind }]) => [name, kind])),
      ...keptObjects(kinds, choices),
    },
  );
  const leftOut = [...choices.flatMap((one) => one.leftOut), ...imported.leftOut];
  const ours = choices.reduce((sum, one) => sum + one.ours, 0);
  await tell({ ...imported, leftOut }, ours, call);
  for (const warning of overQuota(imported, look))
    terminal.err(`${terminal.paint("yellow", "note:")} ${warning}\n`);
  if (flags.adopt === true && flags.yes === true) {
    const writing = openConsul(config);
    await takeOver({ documents: imported.documents, kinds, consul: writing, look, terminal, signal });
  }
  const isWhole = leftOut.length === 0 && imported.documents.every(({ notes }) => notes.length === 0);
  return isWhole ? 0 : 2;
}

function kindsNamed(args: readonly string[]): readonly ImportedKind[] {
  const [given, ...more] = args;
  if (given === undefined) return IMPORTED_KINDS;
  const kind = IMPORTED_KINDS.find((name) => name === given || singularOf(name) === given);
  if (kind !== undefined && more.length === 0) return [kind];
  throw new UsageError(
    `${args.join(" ")} can't be imported`,
    `There are ${IMPORTED_KINDS.join(", ")}; without one of them: all.`,
  );
}

/** Names that can't be given again: those of objects that are there, and in a service's document those of its pack. */
function takenNames(
  kind: ImportedKind,
  kinds: ReadonlyMap<string, OpenKind>,
  { snapshot, config }: Look,
  service: string | undefined,
): readonly string[] {
  const keys = [...(kinds.get(kind)?.memory.entries() ?? [])].map(([key]) => key);
  const prefix = `${service ?? `_${kind}`}/`;
  const own = keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  if (service === undefined) return own;
  const resolution = snapshot.services.get(service);
  const pack =
    resolution?.state === "accepted"
      ? resolution.wish.pack
      : (packsOf(config).get(service) ?? packsOf(config).get("generic"));
  return [...own, ...Object.keys(pack?.[kind] ?? {})];
}

/** What is ours already, by id and by key. */
function keptObjects(kinds: ReadonlyMap<string, OpenKind>, choices: readonly Choice[]) {
  const byRef = new Map<string, string>();
  const known = new Map<string, Map<string, string>>();
  const note = (kind: string, key: string, ref: string): void => {
    byRef.set(`${kind} ${ref}`, key);
    const keys = known.get(kind) ?? new Map<string, string>();
    known.set(kind, keys.set(key, ref));
  };
  for (const { name, memory } of kinds.values())
    for (const [key, { ref }] of memory.entries()) note(name, key, ref);
  for (const { kind, keys } of choices) for (const [ref, key] of keys) note(kind, key, ref);
  return { known, ours: (controller: string, ref: string) => byRef.get(`${controller} ${ref}`) };
}

/** Documents over the quota of the operator's policy would wait. */
function overQuota({ documents }: Imported, { config, facts }: Look): readonly string[] {
  return GLOBAL_FOLDERS.flatMap(({ folder, quota }) => {
    const keys = [...facts.documents.keys(), ...documents.map(({ key }) => key)];
    const count = new Set(keys.filter((key) => key.startsWith(`${folder}/`))).size;
    const most = config.policy[quota];
    return count <= most
      ? []
      : [
          `${count} documents below ${folder} are more than the ${most} that the operator's policy allows (${quota})`,
        ];
  });
}

async function tell(imported: Imported, ours: number, { flags, terminal }: Call): Promise<void> {
  const { documents, leftOut } = imported;
  const { out, err, paint } = terminal;
  const commands = flags.adopt === true ? adoptCommands(documents) : [];
  const written =
    flags.outputDir === undefined ? [] : writeFiles(documents, flags.outputDir, flags.force === true);
  if (flags.output === "json" || flags.output === "yaml") {
    const data = documents.map(({ objects, ...document }) => ({
      ...document,
      objects: objects.map(({ kind, ref, key, name }) => ({ kind, ref, key, name })),
    }));
    await printData({ documents: data, leftOut, ours, adopt: commands }, flags.output, terminal);
    return;
  }
  // Documents alone go to standard output, so that a pipe can take them.
  const isStream = flags.outputDir === undefined;
  const say = isStream ? err : out;
  if (isStream)
    out(
      documents.map(({ key, text }) => `# observability/${key}\n${text}`).join("---\n") + comments(leftOut),
    );
  for (const file of written) say(`wrote ${file}\n`);
  for (const { key, notes } of documents)
    for (const note of notes) say(`${paint("yellow", "note:")} ${printable(`${key}: ${note}`)}\n`);
  for (const { kind, ref, name, why } of leftOut)
    say(
      `${paint("yellow", "left out:")} ${printable(`${singularOf(kind)} ${ref} ${JSON.stringify(name)}: ${why.join("; ")}`)}\n`,
    );
  const objects = documents.flatMap((document) => document.objects).length;
  say(
    `${paint("green", `${objects} imported`)} into ${documents.length} ${documents.length === 1 ? "document" : "documents"}, ${leftOut.length} left out, ${ours} dd-observe's already\n`,
  );
  if (flags.yes === true || commands.length === 0) return;
  say(
    "\nTo take them over, so that nothing is made twice: --yes; or put each document with paused: true, then\n",
  );
  for (const command of commands) say(`  ${command}\n`);
  say("and put the documents again, without it.\n");
}

function comments(leftOut: readonly LeftOut[]): string {
  return leftOut
    .flatMap(({ kind, ref, name, why }) => [
      `left out: ${singularOf(kind)} ${ref} ${name}`,
      ...why.map((one) => `  ${one}`),
    ])
    .map((line) => `# ${printable(line).replaceAll("\n", " ")}\n`)
    .join("");
}
