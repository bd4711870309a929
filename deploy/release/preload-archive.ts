import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

/** What of deploy/preload a workload needs. */
const FOLDERS = ["node", "python"] as const;
const FILES = ["prices.json"] as const;

const BLOCK = 512;

/** The name of the archive of one version, as jobs name it in their `artifact`. */
export function preloadArchiveName(version: string): string {
  return `dd-observe-preload-${version}.tar.gz`;
}

/**
 * The preload as one archive, to be unpacked by a job's `artifact` at `local/dd-observe`: `node/`, `python/`,
 * `prices.json`, and `VERSION`.
 *
 * @param root Folder of the checkout.
 * @returns Bytes of a gzip-compressed tar (ustar). The same for the same files: no times, no owners, sorted.
 */
export function preloadArchive(root: string, version: string): Buffer {
  const source = path.join(root, "deploy", "preload");
  const names = FOLDERS.flatMap((folder) =>
    readdirSync(path.join(source, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/[\\/]__pycache__$/.test(entry.parentPath))
      .map((entry) => path.relative(source, path.join(entry.parentPath, entry.name))),
  ).map((name) => name.split(path.sep).join("/"));
  const files = new Map<string, Buffer>([["VERSION", Buffer.from(`${version}\n`)]]);
  for (const name of [...FILES, ...names]) files.set(name, readFileSync(path.join(source, name)));
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  const blocks = sorted.flatMap(([name, content]) => [header(name, content.length), padded(content)]);
  const archive = gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]), { level: 9 });
  // Which system compressed it; 255 is "unknown" (RFC 1952).
  archive[9] = 255;
  return archive;
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

/** @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html (ustar Interchange Format) */
function header(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is longer than the 100 bytes that ustar has`);
  const block = Buffer.alloc(BLOCK);
  const put = (text: string, at: number): void => void block.write(text, at, "utf8");
  put(name, 0);
  put("0000644\0", 100);
  put("0000000\0", 108);
  put("0000000\0", 116);
  put(`${size.toString(8).padStart(11, "0")}\0`, 124);
  put("00000000000\0", 136);
  // The sum is taken with blanks in its own place.
  put("        ", 148);
  put("0", 156);
  put("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
