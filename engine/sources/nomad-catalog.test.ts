import fc from "fast-check";
import { expect, test } from "vitest";

import { foldNomadCatalog, joinCatalogs, type NomadCatalog } from "./nomad-catalog.ts";

const tags = fc.uniqueArray(fc.constantFrom("dd-observe", "a", "b", "c"));
const names = fc.constantFrom("web", "api", "nats", "ray");
const consuls = fc
  .dictionary(names, tags)
  .map((services) => new Map(Object.entries(services).map(([name, list]) => [name, list.toSorted()])));
const answers = fc.dictionary(fc.constantFrom("default", "prod", "dev"), fc.dictionary(names, tags));

function bodyOf(answer: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>): unknown {
  return Object.entries(answer).map(([Namespace, services]) => ({
    Namespace,
    Services: Object.entries(services).map(([ServiceName, Tags]) => ({ ServiceName, Tags })),
  }));
}

test("a name has the tags of all its places, and nothing else is in the catalog", () => {
  fc.assert(
    fc.property(consuls, answers, (consul, answer) => {
      const nomad = foldNomadCatalog(undefined, bodyOf(answer), "all");
      const joined = joinCatalogs(undefined, consul, nomad.tags);

      const wanted = new Map<string, Set<string>>();
      const all = [...consul, ...Object.values(answer).flatMap((services) => Object.entries(services))];
      for (const [name, list] of all) wanted.set(name, new Set([...(wanted.get(name) ?? []), ...list]));
      expect(Object.fromEntries(joined)).toEqual(
        Object.fromEntries([...wanted].map(([name, list]) => [name, [...list].sort()])),
      );
    }),
  );
});

test("an answer that says the same is the same catalog, in whatever order it comes", () => {
  fc.assert(
    fc.property(answers, consuls, (answer, consul) => {
      const before = foldNomadCatalog(undefined, bodyOf(answer), "all");
      const reversed = (bodyOf(answer) as { Services: unknown[] }[])
        .toReversed()
        .map((one) => ({ ...one, Services: one.Services.toReversed() }));

      expect(foldNomadCatalog(before, reversed, "all")).toBe(before);
      const joined = joinCatalogs(undefined, consul, before.tags);
      for (const [name, list] of joinCatalogs(joined, consul, before.tags))
        expect(joined.get(name)).toBe(list);
    }),
  );
});

test("what did not change in any series of answers is the same list as before", () => {
  fc.assert(
    fc.property(fc.array(answers, { maxLength: 6 }), (series) => {
      let known: NomadCatalog | undefined;
      for (const answer of series) {
        const next = foldNomadCatalog(known, bodyOf(answer), ["default", "prod"]);
        for (const [name, list] of next.tags) {
          const before = known?.tags.get(name);
          if (before !== undefined && before.join() === list.join()) expect(list).toBe(before);
        }
        for (const places of next.namespaces.values()) expect(places).not.toContain("dev");
        known = next;
      }
    }),
  );
});
