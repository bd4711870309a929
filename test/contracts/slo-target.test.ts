import { describe, expect, test } from "vitest";

import { dashboardWriter } from "../../clients/datadog-dashboards.ts";
import { sloReader, sloWriter } from "../../clients/datadog-slos.ts";
import { Organisation } from "../../controllers/datadog/organisation.ts";
import type { MarkedObjectsOptions } from "../../controllers/datadog/marked.ts";
import { MarkedObjects } from "../../controllers/datadog/target.ts";
import type { SloBody } from "../../controllers/slos/canonical.ts";
import { sloKind } from "../../controllers/slos/kind.ts";
import { sloKeyTag, sloMarkTags } from "../../controllers/slos/mark.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { diff } from "../../engine/plan/plan.ts";
import { CLUSTER } from "../builders/monitors.ts";
import { wishedSlo } from "../builders/slos.ts";
import type { Fault } from "../fakes/datadog.ts";
import { bringInLine, desired, observedByKey, signal, testTargetContract } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

const LOST: readonly Omit<Fault, "method">[] = [
  { kind: "status", status: 500, after: true },
  { kind: "badJson", after: true },
  { kind: "truncate", after: true },
  { kind: "reset", after: true },
  { kind: "reset" },
  { kind: "status", status: 503 },
];

for (const { name, start, isPresent } of DOUBLES) {
  const startWorld = async (options: Partial<MarkedObjectsOptions<SloBody>> = {}) => {
    const world = await startOne(start);
    const { transport, double } = world;
    const slos = sloWriter(transport);
    let now = 0;
    const makeTarget = (memory: Memory) =>
      new MarkedObjects({
        kind: sloKind({ slos, clusterId: CLUSTER }),
        memory,
        organisation: new Organisation({ read: async () => 1 }),
        now: () => now,
        lookAgainMs: 1,
        ...options,
      });
    const memory = new Memory();
    const stored = () => double.objects("slos");
    return {
      ...world,
      slos,
      memory,
      target: makeTarget(memory),
      /** What the next process has, if it remembers nothing. */
      freshTarget: () => makeTarget(new Memory()),
      advance: (ms: number) => void (now += ms),
      stored,
      /** The one SLO that carries this key's mark. */
      only: (key: string) => {
        const tag = sloKeyTag(key);
        const [slo, ...others] = stored().filter(({ tags }) => (tags as string[]).includes(tag));
        if (slo === undefined || others.length > 0) throw new Error(`not exactly one SLO for ${key}`);
        return slo;
      },
    };
  };

  describe.skipIf(!isPresent)(`SLOs in ${name}`, () => {
    testTargetContract<SloBody>("SLOs", async () => {
      const { target, double, stored } = await startWorld();
      return {
        target,
        wish: (slo, variant) =>
          wishedSlo(`ray/${slo}`, { thresholds: [{ timeframe: "30d", target: 90 + variant }] }),
        writes: () => double.writes(),
        count: () => stored().length,
        stop: async () => undefined,
      };
    });

    test("leaves SLOs without a mark, of another operator and of other tools alone", async () => {
      const { slos, target, stored } = await startWorld();
      const theirs = [
        { tags: ["team:a"] },
        { tags: [...sloMarkTags({ clusterId: "dc2", key: "ray/a", retain: false })] },
        { tags: ["managed-by:terraform"] },
      ];
      for (const wire of theirs)
        await slos.create({ ...wishedSlo("ray/x").body, ...wire }, { signal: signal() });
      const before = structuredClone(stored());

      await bringInLine(target, desired([wishedSlo("ray/a")]));
      await bringInLine(target, desired([]));

      expect(stored()).toEqual(before);
    });

    test("keeps the SLO that it wrote when a person clones it", async () => {
      const { slos, target, only, stored } = await startWorld();
      await bringInLine(target, desired([wishedSlo("ray/a")]));
      const ours = String(only("ray/a")["id"]);
      const clone = await slos.create({ ...wishedSlo("ray/a").body, name: "Cloned" }, { signal: signal() });

      await bringInLine(target, desired([wishedSlo("ray/a", { description: "new" })]));
      const { duplicates } = target;
      await bringInLine(target, desired([]));

      expect(duplicates).toEqual(new Map([["ray/a", [clone["id"]]]]));
      expect(stored().map(({ id, name: title }) => ({ id, title }))).toEqual([
        { id: clone["id"], title: "Cloned" },
      ]);
      expect(ours).not.toBe(clone["id"]);
    });

    test.for(LOST)("a create without an answer leaves exactly one SLO: %j", async (strike) => {
      const { double, target, only, stored, advance } = await startWorld();
      const wished = desired([wishedSlo("ray/a")]);
      double.fault({ ...strike, method: "POST", path: /^\/api\/v1\/slo$/ });

      for (let pass = 0; pass < 3; pass++) {
        await bringInLine(target, wished).catch((error: unknown) => {
          expect(error).toMatchObject({ failure: expect.stringMatching(/^(?:ambiguous|unavailable)$/) });
        });
        advance(31_000);
      }

      expect(stored()).toHaveLength(1);
      expect(only("ray/a")).toMatchObject({ name: "[ray] ray/a" });
      expect((await bringInLine(target, wished)).actions).toEqual([]);
    });

    test("creates nothing twice though reads lag behind writes", async () => {
      const { double, target, stored, advance } = await startWorld();
      const wished = desired([wishedSlo("ray/a")]);
      double.setReadLag(60_000);
      await bringInLine(target, wished);

      await expect(bringInLine(target, wished)).rejects.toMatchObject({ failure: "ambiguous" });
      double.setReadLag(0);
      advance(31_000);
      await bringInLine(target, wished);

      expect(stored()).toHaveLength(1);
    });

    test("puts back what a person edited, and keeps their version", async () => {
      const backups: string[] = [];
      const { double, target, only } = await startWorld({
        onBackup: (reason, key, json) => void backups.push(`${reason} ${key} ${json}`),
      });
      const wished = desired([wishedSlo("ray/a")]);
      await bringInLine(target, wished);
      double.editObject("slos", String(only("ray/a")["id"]), { description: "by hand" });

      const plan = await bringInLine(target, wished);

      expect(plan.actions).toMatchObject([
        { type: "update", drifted: true, changes: [{ path: "description", found: "by hand" }] },
      ]);
      expect(only("ray/a")).toMatchObject({ description: "Requests without an error" });
      expect(backups).toEqual([expect.stringMatching(/^drift ray\/a .*"description":"by hand"/)]);
    });

    test("tells nobody's change from one that a set in another order would be", async () => {
      const { double, target, only } = await startWorld();
      const wished = desired([wishedSlo("ray/a")]);
      await bringInLine(target, wished);
      const { id, tags } = only("ray/a");
      double.editObject("slos", String(id), { tags: (tags as string[]).toReversed() });

      expect((await bringInLine(target, wished)).actions).toEqual([]);
    });

    test("finds its SLOs again though Datadog stores tags without capitals", async () => {
      const { target, freshTarget, stored } = await startWorld();
      const both = desired([wishedSlo("Ray/Latency_"), wishedSlo("ray/latency")]);
      await bringInLine(target, both);

      const plan = await bringInLine(freshTarget(), both);

      expect(plan.actions).toEqual([]);
      expect(stored()).toHaveLength(2);
    });

    test("doesn't turn an SLO into another type, and says what to do", async () => {
      const { target, only, double } = await startWorld();
      await bringInLine(target, desired([wishedSlo("ray/a")]));
      const writes = double.writes();
      const slice = {
        query: {
          formulas: [{ formula: "query1" }],
          queries: [{ data_source: "metrics", name: "query1", query: "avg:a.b{*}" }],
        },
        comparator: ">",
        threshold: 1,
      };
      const other = wishedSlo("ray/a", {
        type: "time_slice",
        query: undefined,
        sli_specification: { time_slice: slice },
      });

      await expect(bringInLine(target, desired([other]))).rejects.toMatchObject({
        failure: "rejected",
        hint: expect.stringMatching(/another name/),
      });
      expect(only("ray/a")["type"]).toBe("metric");
      expect(double.writes()).toBe(writes);
    });

    test("leaves an SLO that a dashboard shows until a person approves", async () => {
      const approved = new Set<string>();
      const { transport, target, only, stored } = await startWorld({
        isApproved: (reason, hash) => reason === "InUse" && approved.has(hash),
      });
      await bringInLine(target, desired([wishedSlo("ray/a")]));
      const widget = {
        type: "slo",
        slo_id: only("ray/a")["id"],
        view_type: "detail",
        time_windows: ["30d"],
        view_mode: "overall",
      };
      await dashboardWriter(transport).create(
        { title: "Theirs", layout_type: "ordered", widgets: [{ definition: widget }] },
        { signal: signal() },
      );

      const refused: unknown = await bringInLine(target, desired([])).catch((error: unknown) => error);
      const standing = stored().length;
      approved.add(/approve (\w+)/.exec(String((refused as { hint?: string }).hint))?.[1] ?? "");
      await bringInLine(target, desired([]));

      expect(refused).toMatchObject({ failure: "inUse" });
      expect(standing).toBe(1);
      expect(stored()).toEqual([]);
    });

    test("gives up an SLO whose mark a person took away", async () => {
      const { double, target, only, stored } = await startWorld();
      await bringInLine(target, desired([wishedSlo("ray/a")]));
      const observed = await observedByKey(target);
      double.editObject("slos", String(only("ray/a")["id"]), { tags: ["mine:now"] });

      const [action] = diff(desired<SloBody>([]), observed).actions;

      await expect(target.apply(action!, signal())).rejects.toMatchObject({ failure: "conflict" });
      expect(stored()).toHaveLength(1);
    });

    test("adopts an SLO by its id and changes nothing but the tags", async () => {
      const { slos, target, stored } = await startWorld();
      const { tags: _tags, ...theirs } = wishedSlo("ray/x", { description: "theirs" }).body;
      const { id } = await slos.create({ ...theirs, tags: ["team:a"] }, { signal: signal() });
      const [before] = structuredClone(stored());

      const adopted = await target.adopt(String(id), "ray/a", signal());

      const { tags, modified_at: _at, ...rest } = stored()[0]!;
      const { tags: _before, modified_at: _then, ...expected } = before!;
      expect(adopted).toMatchObject({ key: "ray/a", owner: "ray", ref: id });
      expect([...(tags as string[])].sort()).toEqual(
        ["team:a", ...sloMarkTags({ clusterId: CLUSTER, key: "ray/a", retain: false })].sort(),
      );
      expect(rest).toEqual(expected);
    });

    test("a kind that can only read writes nothing", async () => {
      const { transport, double } = await startWorld();
      const target = new MarkedObjects({
        kind: sloKind({ slos: sloReader(transport), clusterId: CLUSTER }),
        memory: new Memory(),
        organisation: new Organisation({ read: async () => 1 }),
      });

      await expect(bringInLine(target, desired([wishedSlo("ray/a")]))).rejects.toThrow(/only reads/);
      expect(double.writes()).toBe(0);
    });

    test("a resync of many costs one call and writes nothing", async () => {
      const { double, target } = await startWorld();
      const wished = desired(Array.from({ length: 40 }, (_, at) => wishedSlo(`ray/a${at}`)));
      await bringInLine(target, wished);
      const before = double.requests().length;

      await bringInLine(target, wished);

      expect(double.requests().slice(before)).toEqual([expect.stringMatching(/^GET \/api\/v1\/slo\?/)]);
    });
  });
}
