import { gunzipSync } from "node:zlib";

import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";

import type { TxnOp } from "../clients/consul.ts";
import { SILENT } from "../test/builders/engine-world.ts";
import { backups, pruneBackups, type StoredBackup } from "./backups.ts";

const PREFIX = "dd-observe/backups/cluster/";
const DAY = 24 * 3_600_000;

/** Backups in a store of its own; time passes only by `pass`. */
function startStore(over: { readonly refuses?: boolean } = {}) {
  vi.useFakeTimers({ now: Date.parse("2026-11-25T12:00:00Z"), toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const entries = new Map<string, string>();
  const store = async (ops: readonly TxnOp[]) => {
    if (over.refuses === true) return { ok: false, errors: [{ opIndex: 0, what: "no room" }] } as const;
    for (const op of ops) {
      if (op.verb === "set") entries.set(op.key, op.text);
      else if (op.verb === "delete") entries.delete(op.key);
    }
    return { ok: true } as const;
  };
  const consul = {
    kvKeys: async (prefix: string) => [...entries.keys()].filter((key) => key.startsWith(prefix)),
  };
  const options = { consul, statePrefix: "dd-observe", scope: "cluster", store, log: SILENT };
  const textOf = (entry: string): string => {
    const { text, gzip } = JSON.parse(entry) as StoredBackup;
    return text ?? gunzipSync(Buffer.from(gzip!, "base64")).toString();
  };
  return {
    options,
    entries,
    keep: backups(options),
    pass: (ms: number) => vi.setSystemTime(Date.now() + ms),
    /** The kept texts of one object, oldest first. */
    versions: (key: string) =>
      [...entries.keys()]
        .filter((name) => name.startsWith(`${PREFIX}monitors/${key}/`))
        .toSorted()
        .map((name) => textOf(entries.get(name)!)),
  };
}

test("keeps the last five versions of each object, whatever happens to others", async () => {
  const { keep, pass, versions } = startStore();
  await keep("monitors", "ray/other", "update", "other");

  for (let version = 1; version <= 7; version++) {
    pass(1_000);
    await keep("monitors", "ray/a", "update", `version ${version}`);
  }

  expect(versions("ray/a")).toEqual([3, 4, 5, 6, 7].map((version) => `version ${version}`));
  expect(versions("ray/other")).toEqual(["other"]);
});

test("a write that is tried again and again pushes out no older version", async () => {
  const { keep, pass, versions } = startStore();
  await keep("monitors", "ray/a", "update", "old");

  for (let attempt = 0; attempt < 10; attempt++) {
    pass(1_000);
    await keep("monitors", "ray/a", "update", "new");
  }

  expect(versions("ray/a")).toEqual(["old", "new"]);
});

test("stores the same text again if somebody deleted it", async () => {
  const { keep, pass, entries, versions } = startStore();
  await keep("monitors", "ray/a", "delete", "text");
  entries.clear();
  pass(1);

  await keep("monitors", "ray/a", "delete", "text");

  expect(versions("ray/a")).toEqual(["text"]);
});

test("says why, when and of what it is", async () => {
  const { keep, entries } = startStore();

  await keep("monitors", "ray/a", "drift", "text");

  expect([...entries].map(([key, entry]) => [key, JSON.parse(entry)])).toEqual([
    [
      `${PREFIX}monitors/ray/a/2026-11-25T12:00:00.000Z`,
      { at: "2026-11-25T12:00:00.000Z", controller: "monitors", key: "ray/a", reason: "drift", text: "text" },
    ],
  ]);
});

test("whatever the text and its length, it comes back as it was, and small enough for Consul", async () => {
  const { keep, pass, entries, versions } = startStore();
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1 }), fc.nat(60_000), async (unit, times) => {
      entries.clear();
      pass(1_000);
      const text = unit.repeat(Math.min(times, Math.ceil(400_000 / unit.length)));

      await keep("monitors", "ray/a", "update", text);

      expect(versions("ray/a")).toEqual([text]);
      expect(Math.max(...[...entries.values()].map((entry) => Buffer.byteLength(entry)))).toBeLessThan(
        384 * 1024,
      );
    }),
    { numRuns: 40 },
  );
});

test("fails where it can't be kept: too long for a key, or refused", async () => {
  let noise = "";
  for (let at = 0; noise.length < 600_000; at++) noise += Math.sin(at).toString(36);

  await expect(startStore().keep("monitors", "ray/a", "delete", noise)).rejects.toThrow(
    "more than Consul keeps",
  );
  await expect(startStore({ refuses: true }).keep("monitors", "ray/a", "delete", "x")).rejects.toThrow(
    "no room",
  );
});

test("deletes what is older than thirty days, and nothing else", async () => {
  const { options, keep, pass, entries, versions } = startStore();
  entries.set(`${PREFIX}monitors/a-note-of-a-person`, "keep me");
  for (let n = 0; n < 130; n++) await keep("monitors", `ray/old-${n}`, "delete", "old");
  pass(29 * DAY);
  await keep("monitors", "ray/young", "delete", "young");
  pass(DAY + 1);

  await pruneBackups(options);

  expect(entries.size).toBe(2);
  expect(versions("ray/young")).toEqual(["young"]);
});
