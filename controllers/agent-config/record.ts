import { z } from "zod";

const ids = z.record(z.string(), z.number());

/** What the manifest remembers of one file. A hint, never the truth: the mark in the file says whose it is. */
const recordSchema = z.object({
  service: z.string(),
  check: z.string(),
  /** `hashOf` the text that stands there. */
  hash: z.string(),
  /** `hashOf` the body that was wished when it was written. Another one than that of the file after a rollback. */
  applied: z.string(),
  retain: z.boolean(),
  /** ms since the epoch. 0 if not known. */
  writtenAt: z.number(),
  /** True once the Agent has been seen running this text. */
  loaded: z.boolean(),
  /** Runs by id of the instances that the Agent ran from the text before this one. Absent if not known. */
  before: ids.optional(),
  /** What the Agent said against the check when this text was written. */
  complaintsBefore: z.array(z.string()),
  /** The last text that the Agent ran without error, and the ids of its instances. */
  good: z.object({ hash: z.string(), ids: z.array(z.string()) }).optional(),
  /** The text that was taken back. Not written again until the wish changes. */
  rejected: z
    .object({ applied: z.string(), text: z.string(), reason: z.string(), at: z.number() })
    .optional(),
});
export type FileRecord = Readonly<z.infer<typeof recordSchema>>;

const manifestSchema = z.object({
  version: z.literal(1),
  clusterId: z.string(),
  /** Start of the last reload that succeeded, ms since the epoch. */
  reloadedAt: z.number().catch(0),
  files: z.record(z.string(), z.unknown()),
});

export interface Manifest {
  readonly reloadedAt: number;
  /** By path relative to conf.d. */
  readonly files: ReadonlyMap<string, FileRecord>;
}

const EMPTY: Manifest = { reloadedAt: 0, files: new Map() };

/**
 * Reads a manifest. What is lost, broken or another cluster's counts as not remembered:
 * everything in it can be found out again from the marks and the Agent.
 */
export function parseManifest(text: string | undefined, clusterId: string): Manifest {
  if (text === undefined) return EMPTY;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return EMPTY;
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success || parsed.data.clusterId !== clusterId) return EMPTY;
  const files = new Map<string, FileRecord>();
  for (const [path, found] of Object.entries(parsed.data.files)) {
    const record = recordSchema.safeParse(found);
    if (record.success) files.set(path, record.data);
  }
  return { reloadedAt: parsed.data.reloadedAt, files };
}

/** One line per file, so that two manifests can be compared by eye. */
export function renderManifest({ reloadedAt, files }: Manifest, clusterId: string): string {
  const head = JSON.stringify({ version: 1, clusterId, reloadedAt });
  const lines = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, record]) => lineOf(path, record));
  return `${head.slice(0, -1)},"files":{\n${lines.join(",\n")}\n}}\n`;
}

/** Records are replaced, not changed, and most of them stay the same from one manifest to the next. */
const linesOf = new WeakMap<FileRecord, { readonly path: string; readonly line: string }>();

function lineOf(path: string, record: FileRecord): string {
  const known = linesOf.get(record);
  if (known?.path === path) return known.line;
  const line = `${JSON.stringify(path)}:${JSON.stringify(record)}`;
  linesOf.set(record, { path, line });
  return line;
}
