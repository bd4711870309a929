import { expect, test } from "vitest";

import { resolveReserved } from "../../crds/reserved.ts";
import { readDefaults, type Resolution } from "../../crds/resolve.ts";
import { exampleGround } from "../../test/builders/packs.ts";
import { compileMonitors } from "./compile.ts";
import { ownerOfKey, readMark } from "./mark.ts";

const KEY = "_monitors/disk-full";

function compiled(text: string, defaults = "") {
  const ground = exampleGround({ defaults: readDefaults({ text: defaults, generation: 1 }) });
  const resolution = resolveReserved(KEY, { text, generation: 7 }, ground);
  return compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" })({
    services: new Map<string, Resolution>([[KEY, resolution]]),
    paused: new Set(),
  });
}

test("a monitor of no service has its title as given, the common tags and the mark, and no service", () => {
  const text =
    "name: Disk of {{host.name}}\ntype: query alert\nquery: 'avg(last_5m):avg:system.disk.in_use{${scope}} by {host} > ${critical}'\ncritical: 0.9\nmessage: 'Over ${critical} in ${env}'\n";

  const { objects, held, problems } = compiled(
    text,
    "env: prod\nteam: ops\ntags: ['a:b']\nnotify: ['@slack-ops']\ndrift: report\ndeletion: retain\n",
  );

  expect([...held]).toEqual([]);
  expect(problems).toEqual([]);
  expect([...objects.keys()]).toEqual([KEY]);
  expect(objects.get(KEY)).toMatchObject({
    key: KEY,
    owner: KEY,
    drift: { rule: "report", fields: {} },
    retain: true,
    body: {
      name: "Disk of {{host.name}}",
      query: "avg(last_5m):avg:system.disk.in_use{env:prod,cluster:dc1} by {host} > 0.9",
      message:
        "Over 0.9 in prod\n\n@slack-ops\n\nKept by dd-observe (document _monitors/disk-full). Edits here are undone; change the document instead.",
      tags: [
        "a:b",
        "cluster:dc1",
        "dd-observe-deletion:retain",
        "dd-observe-key:_monitors/disk-full",
        "dd-observe-owner:dc1",
        "env:prod",
        "managed-by:dd-observe",
        "team:ops",
      ],
    },
  });
});

test("without a name it is called as its document", () => {
  const text = "type: query alert\nquery: 'avg(last_5m):avg:a.b{*} > 1'\ncritical: 1\n";

  expect(compiled(text).objects.get(KEY)?.body.name).toBe("disk-full");
});

test("one that its query contradicts is held under its key, and said so of its document", () => {
  const { objects, held, problems } = compiled(
    "type: query alert\nquery: 'avg(last_5m):avg:a.b{*} > 2'\ncritical: 1\n",
  );

  expect(objects.size).toBe(0);
  expect([...held.keys()]).toEqual([KEY]);
  expect(problems).toMatchObject([{ owner: KEY }]);
});

test("a mark tells whose a monitor is, whether of a service or of none", () => {
  const { objects } = compiled("type: query alert\nquery: 'avg(last_5m):avg:a.b{*} > 1'\ncritical: 1\n");

  const mark = readMark(objects.get(KEY)!.body.tags, "dc1")!;

  expect(ownerOfKey(mark.key)).toBe(KEY);
  expect(ownerOfKey("ray/object-store-pressure")).toBe("ray");
});
