import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { parse } from "yaml";

/**
 * The floor: the smallest script that turns documents into files and survives a Consul that is
 * away. One blocking read of the prefix, parse, write what changed by temp, fsync and rename.
 * No checks, no security, no status, no proof of deletions: nothing that makes an operator.
 */
const { CONSUL_HTTP_ADDR = "", CONFD_DIR = "", PREFIX = "observability" } = process.env;

interface Entry {
  readonly Key: string;
  readonly Value: string | null;
  readonly ModifyIndex: number;
}

interface Document {
  readonly endpoint: { readonly port: number; readonly path: string };
  readonly agent: { readonly minCollectionInterval: number };
  readonly tags: readonly string[];
}

const folder = `${CONFD_DIR}/openmetrics.d`;
const agent = new http.Agent({ keepAlive: true });
let index = 0;
let seen = new Map<string, number>();

mkdirSync(folder, { recursive: true });
for (;;) {
  try {
    const answer = await get(`/v1/kv/${PREFIX}/?recurse&index=${index}&wait=60s`);
    index = answer.index < index ? 0 : answer.index;
    write(answer.entries);
  } catch {
    index = 0;
    await sleep(200);
  }
}

function write(entries: readonly Entry[]): void {
  const next = new Map(entries.map(({ Key, ModifyIndex }) => [Key, ModifyIndex]));
  for (const { Key, Value, ModifyIndex } of entries) {
    if (Value === null || seen.get(Key) === ModifyIndex) continue;
    // The operator's sentinel.
    if (Key === `${PREFIX}/.keep`) continue;
    const fd = openSync(`${fileOf(Key)}.tmp`, "w");
    writeSync(fd, render(Buffer.from(Value, "base64").toString()));
    fsyncSync(fd);
    closeSync(fd);
    renameSync(`${fileOf(Key)}.tmp`, fileOf(Key));
  }
  for (const key of seen.keys()) if (!next.has(key)) rmSync(fileOf(key), { force: true });
  seen = next;
}

function fileOf(key: string): string {
  return `${folder}/dd-observe-${key.slice(PREFIX.length + 1)}.yaml`;
}

function render(text: string): string {
  const { endpoint, agent: options, tags } = parse(text) as Document;
  const lines = tags.map((tag) => `      - ${tag}\n`).join("");
  return `init_config: {}\ninstances:\n  - openmetrics_endpoint: http://127.0.0.1:${endpoint.port}${endpoint.path}\n    min_collection_interval: ${options.minCollectionInterval}\n    tags:\n${lines}`;
}

async function get(path: string): Promise<{ readonly index: number; readonly entries: readonly Entry[] }> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) =>
    http.get(CONSUL_HTTP_ADDR + path, { agent }, resolve).on("error", reject),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  if (response.statusCode !== 200) throw new Error(String(response.statusCode));
  return {
    index: Number(response.headers["x-consul-index"]),
    entries: JSON.parse(Buffer.concat(chunks).toString()) as readonly Entry[],
  };
}
