import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { STRICT_POLICY } from "../../crds/policy.ts";
import { readDefaults, resolve } from "../../crds/resolve.ts";
import { createMetrics } from "../../engine/metrics.ts";
import { PACKS } from "../builders/observed.ts";

const PAGE = readFileSync(new URL("../../docs/cost.md", import.meta.url), "utf8");
const DOCUMENTS = new Map(
  [...PAGE.matchAll(/```yaml\n# observability\/(\S+)\n(.*?)```/gs)].map(([, name, text]) => [name!, text!]),
);

test("every document of the page is a wish, with the page's own _defaults", () => {
  const defaults = readDefaults({ text: DOCUMENTS.get("_defaults")!, generation: 1 });
  const ground = { packs: PACKS, policy: STRICT_POLICY, defaults, tagName: "dd-observe" };
  const services = [...DOCUMENTS].filter(([name]) => name !== "_defaults");

  const resolved = services.map(([name, text]) => resolve(name, [], { text, generation: 1 }, ground));

  expect(resolved.map((one) => one?.state)).toEqual(["accepted", "accepted"]);
  const [checkout] = resolved;
  expect(checkout?.state === "accepted" && checkout.wish.agent).toMatchObject({
    minCollectionInterval: 30,
    collectHistogramBuckets: true,
    maxReturnedMetrics: 1000,
  });
});

test("the options of the page's table are those of the packs that it names", () => {
  const rows = [...PAGE.matchAll(/^\| ((?:`\w+`(?:, )?)+) +\| (all|(?:`[\w-]+`(?:, )?)+) +\|/gm)];
  const words = (text: string): readonly string[] => [...text.matchAll(/[\w-]+/g)].map(([word]) => word);

  const wrong = rows.flatMap(([, options, packs]) =>
    words(options!).flatMap((option) => {
      const having = [...PACKS.values()].filter((pack) => Object.hasOwn(pack.options, option));
      const names = having.map(({ name }) => name).sort();
      const scraping = [...PACKS.values()].filter(({ check }) => check !== undefined);
      const said = (packs === "all" ? scraping.map((pack) => pack.name) : words(packs!)).toSorted();
      return names.join() === said.join() ? [] : [`${option}: ${names.join()} instead of ${said.join()}`];
    }),
  );

  expect(rows.length).toBeGreaterThan(8);
  expect(wrong).toEqual([]);
});

test("the metrics of the page are those of the program", async () => {
  const { registry } = createMetrics();
  const names = new Set((await registry.getMetricsAsJSON()).map(({ name }) => name));

  const shown = [...PAGE.matchAll(/`(dd_observe_\w+)`/g)].map(([, name]) => name!);

  expect(shown.filter((name) => !names.has(name))).toEqual([]);
});
