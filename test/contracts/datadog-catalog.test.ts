import { describe, expect, test } from "vitest";

import { catalogWriter, entityRef } from "../../clients/datadog-catalog.ts";
import { signal } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

const REF = "service:default/ray";
const entity = (metadata: object = {}, rest: object = {}) => ({
  apiVersion: "v3",
  kind: "service",
  metadata: {
    name: "ray",
    displayName: "Ray",
    owner: "platform",
    tags: ["managed-by:dd-observe", "env:prod"],
    links: [{ name: "Runbook", type: "runbook", url: "https://example.com/ray" }],
    ...metadata,
  },
  spec: { lifecycle: "production", tier: "1", dependsOn: ["service:redis"] },
  ...rest,
});

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`the Software Catalog of ${name}`, () => {
    const startWorld = async () => {
      const world = await startOne(start);
      return { ...world, catalog: catalogWriter(world.transport) };
    };

    test("an entity is created, read, listed, replaced and deleted", async () => {
      const { catalog, double } = await startWorld();

      const created = await catalog.upsert(entity(), { signal: signal() });
      const read = await catalog.get(REF, { signal: signal() });
      const listed = await catalog.list({ kind: "service" }, { signal: signal() });
      const replaced = await catalog.upsert(entity({ displayName: "Ray cluster" }), { signal: signal() });
      const standing = double.objects("catalog").length;
      await catalog.delete(REF, { signal: signal() });

      expect(created).toMatchObject(entity());
      expect(entityRef(created)).toBe(REF);
      expect(read).toEqual(created);
      expect(listed).toEqual([created]);
      expect(replaced).toMatchObject({ metadata: { displayName: "Ray cluster" } });
      expect(standing).toBe(1);
      expect(double.objects("catalog")).toEqual([]);
    });

    test("a write replaces the whole definition", async () => {
      const { catalog } = await startWorld();
      await catalog.upsert(entity(), { signal: signal() });

      const replaced = await catalog.upsert(
        { apiVersion: "v3", kind: "service", metadata: { name: "ray" } },
        { signal: signal() },
      );

      expect(replaced).not.toHaveProperty("spec");
      expect(replaced["metadata"]).not.toHaveProperty("tags");
    });

    test("the server adds the namespace and who manages it, and drops empty lists", async () => {
      const { catalog } = await startWorld();

      const { metadata } = await catalog.upsert(entity({ additionalOwners: [] }), { signal: signal() });

      expect(metadata).toMatchObject({ namespace: "default", managed: { ingestionSource: "api" } });
      expect(metadata).not.toHaveProperty("additionalOwners");
    });

    test("lists by kind and by owner", async () => {
      const { catalog } = await startWorld();
      await catalog.upsert(entity(), { signal: signal() });
      await catalog.upsert(entity({ name: "shop", owner: "web" }), { signal: signal() });
      await catalog.upsert(
        { apiVersion: "v3", kind: "datastore", metadata: { name: "db", owner: "web" } },
        { signal: signal() },
      );

      const services = await catalog.list({ kind: "service" }, { signal: signal() });
      const ofWeb = await catalog.list({ owner: "web" }, { signal: signal() });
      const both = await catalog.list({ kind: "service", owner: "web" }, { signal: signal() });

      expect(services.map(entityRef)).toEqual([REF, "service:default/shop"]);
      expect(ofWeb.map(entityRef)).toEqual(["service:default/shop", "datastore:default/db"]);
      expect(both.map(entityRef)).toEqual(["service:default/shop"]);
    });

    test("lists every page, each entity once", async () => {
      const { catalog, double } = await startWorld();
      for (let n = 0; n < 205; n++) await catalog.upsert(entity({ name: `s${n}` }), { signal: signal() });
      const before = double.requests().length;

      const listed = await catalog.list({ kind: "service" }, { signal: signal() });

      expect(new Set(listed.map(entityRef)).size).toBe(205);
      expect(double.requests().length - before).toBe(3);
    });

    test("an entity that isn't there is not found, to read and to delete", async () => {
      const { catalog } = await startWorld();
      await catalog.upsert(entity({ name: "other" }), { signal: signal() });

      const read = catalog.get(REF, { signal: signal() });
      const deletion = catalog.delete(REF, { signal: signal() });

      await expect(read).rejects.toMatchObject({
        failure: "notFound",
        message: "Cannot read entity service:default/ray: no entity has this name",
      });
      await expect(deletion).rejects.toMatchObject({
        failure: "notFound",
        message: expect.stringContaining("entity service:default/ray not found"),
      });
    });

    test("a kind that Datadog doesn't know is refused", async () => {
      const { catalog, breakRules } = await startWorld();
      breakRules();

      const written = catalog.upsert(entity({}, { kind: "teapot" }), { signal: signal() });

      await expect(written).rejects.toMatchObject({ failure: "rejected" });
    });

    test("what a person edits is seen", async () => {
      const { catalog, double } = await startWorld();
      await catalog.upsert(entity(), { signal: signal() });

      double.editObject("catalog", REF, { metadata: { displayName: "Mine" } });

      expect(await catalog.get(REF, { signal: signal() })).toMatchObject({
        metadata: { displayName: "Mine" },
      });
    });
  });
}

test("names the permission that is missing, to read and to write", async () => {
  // The published API tells these permissions by its OAuth scopes alone, which the strict double doesn't look at.
  const { transport } = await startOne(DOUBLES[0].start, { permissions: ["monitors_read"] });
  const catalog = catalogWriter(transport);

  await expect(catalog.get(REF, { signal: signal() })).rejects.toMatchObject({
    failure: "unauthorized",
    hint: expect.stringMatching(/application key needs apm_service_catalog_read\./),
  });
  await expect(catalog.upsert(entity(), { signal: signal() })).rejects.toMatchObject({
    failure: "unauthorized",
    hint: expect.stringMatching(/application key needs apm_service_catalog_write\./),
  });
});
