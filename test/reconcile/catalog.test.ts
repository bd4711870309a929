import { afterEach, describe, expect, test } from "vitest";

import { Organisation } from "../../controllers/datadog/organisation.ts";
import type { MarkedObjectsOptions } from "../../controllers/datadog/marked.ts";
import type { EntityBody } from "../../controllers/catalog/canonical.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { catalogTarget, wishedEntity } from "../builders/catalog-world.ts";
import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";
import { startFakeDatadog, type FakeDatadog, type Fault } from "../fakes/datadog.ts";
import { bringInLine, desired, signal, testTargetContract } from "../target-contract.ts";

const running: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function startWorld(options: Partial<MarkedObjectsOptions<EntityBody>> = {}) {
  const api = await startFakeDatadog();
  running.push(api);
  return { api, target: catalogTarget(api, options) };
}

async function startCommands(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push({ stop: async () => await world[Symbol.asyncDispose]() });
  return world;
}

const byHand = (name: string, tags: readonly string[] = []) => ({
  apiVersion: "v3",
  kind: "service",
  metadata: { name, description: "By hand.", tags },
});

function catalogCalls({ log }: FakeDatadog): readonly string[] {
  return log.filter(({ path }) => path.startsWith("/api/v2/catalog")).map(({ method }) => method);
}

testTargetContract<EntityBody>("the catalog", async () => {
  const { api, target } = await startWorld();
  return {
    target,
    wish: (service, variant) => wishedEntity(service, `Variant ${variant}.`),
    writes: () => api.writes,
    count: () => api.entities.size,
    stop: () => Promise.resolve(),
  };
});

describe("whose an entity is", () => {
  test("one that somebody else defined is never overwritten, and the message says how to hand it over", async () => {
    const { api, target } = await startWorld();
    api.add("catalog", byHand("ray"));
    const before = structuredClone([...api.entities]);

    const failed = bringInLine(target, desired([wishedEntity("ray")]));

    await expect(failed).rejects.toMatchObject({
      failure: "conflict",
      hint: expect.stringContaining("dd-observe adopt entity service:default/ray ray/entity") as string,
    });
    expect([...api.entities]).toEqual(before);
  });

  test("one that was handed over by its tags becomes what is wished", async () => {
    const { api, target } = await startWorld();
    const tags = ["managed-by:dd-observe", "dd-observe-owner:dc1", "dd-observe-key:ray/entity"];
    api.add("catalog", byHand("ray", tags));

    await bringInLine(target, desired([wishedEntity("ray")]));

    expect([...api.entities.values()].map(({ schema }) => schema)).toMatchObject([
      { metadata: { description: "Batch jobs.", owner: "ml" } },
    ]);
  });

  test("a copy under another name, mark and all, and another tool's entity are left alone", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedEntity("ray")]));
    const ours = api.entities.get("service:default/ray")!.schema;
    api.add("catalog", { ...ours, metadata: { ...(ours["metadata"] as object), name: "ray-copy" } });
    api.add("catalog", byHand("web", ["managed-by:terraform"]));
    const others = ["service:default/ray-copy", "service:default/web"];
    const before = structuredClone(others.map((ref) => api.entities.get(ref)));

    await bringInLine(target, desired([wishedEntity("ray", "New.")]));
    await bringInLine(target, desired([]));

    expect([...api.entities.keys()]).toEqual(others);
    expect(others.map((ref) => api.entities.get(ref))).toEqual(before);
  });

  test("what lost its mark while it was looked at is not changed", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedEntity("ray")]));
    const [observed] = await target.observe(signal());
    api.edit("catalog", "service:default/ray", { metadata: { tags: ["mine:now"] } });
    const before = structuredClone([...api.entities]);

    await expect(target.apply({ type: "delete", observed: observed! }, signal())).rejects.toMatchObject({
      failure: "conflict",
    });

    expect([...api.entities]).toEqual(before);
  });

  test("a person's edit is set right", async () => {
    const { api, target } = await startWorld();
    const wished = desired([wishedEntity("ray")]);
    await bringInLine(target, wished);
    api.edit("catalog", "service:default/ray", { metadata: { owner: "web" }, spec: { tier: "9" } });

    await bringInLine(target, wished);

    expect((await target.observe(signal()))[0]?.body).toEqual(wishedEntity("ray").body);
  });
});

const STRIKES: readonly Omit<Fault, "method">[] = [
  { kind: "status", status: 500 },
  { kind: "reset" },
  { kind: "hang" },
  { kind: "html" },
];

test.for(STRIKES.flatMap((strike) => [strike, { ...strike, after: true }]))(
  "a lost answer to a write is made good: %j",
  async (strike) => {
    const { api, target } = await startWorld({ lagMs: 1 });
    api.fault({ ...strike, method: "POST" });
    const wished = desired([wishedEntity("ray")]);

    for (let pass = 0; pass < 3; pass++) {
      await bringInLine(target, wished).catch((error: unknown) => {
        expect(error).toMatchObject({ failure: "ambiguous" });
      });
    }

    expect([...api.entities.keys()]).toEqual(["service:default/ray"]);
    expect(await bringInLine(target, wished)).toMatchObject({ actions: [], unchanged: 1 });
  },
);

describe("where nobody wishes one", () => {
  test("Datadog is not asked at all", async () => {
    const { api, target } = await startWorld({ hasWishes: () => false, needsNoFirstLook: true });

    expect(await target.observe(signal())).toEqual([]);

    expect(api.log).toEqual([]);
  });

  test("the first wish is written only where the organisation is the one of last time", async () => {
    const api = await startFakeDatadog({ orgId: 2 });
    running.push(api);
    api.add({ name: "any" });
    const organisation = new Organisation({ remembered: 1, read: async () => 2 });
    let hasWishes = false;
    const target = catalogTarget(api, {
      organisation,
      hasWishes: () => hasWishes,
      needsNoFirstLook: true,
      memory: new Memory(),
    });
    await target.observe(signal());
    hasWishes = true;

    const written = target.apply({ type: "create", desired: wishedEntity("ray") }, signal());

    await expect(written).rejects.toMatchObject({ reason: "OtherOrganisation" });
    expect(api.entities.size).toBe(0);
  });
});

describe("a document", () => {
  test("that doesn't name the catalog costs no call", async () => {
    const world = await startCommands();
    world.register("ray", ["dd-observe"]);

    await world.run("apply");
    await world.run("plan");

    expect(catalogCalls(world.datadog)).toEqual([]);
  });

  test("puts its service into the catalog, and takes it out again", async () => {
    const world = await startCommands();
    world.register("ray", ["dd-observe"]);
    world.consul.put("observability/ray", "team: ml\ncatalog: {tier: '1'}\ndependencies: [consul]\n");

    const applied = await world.run("apply --role controller");
    const made = world.datadog.objects("catalog");
    const plan = await world.run("plan --role controller");
    world.consul.put("observability/ray", "team: ml\n");
    await world.run("apply --role controller");

    const aDashboard = /\/dashboard\/[\w-]{8,}$/;
    expect(applied.exit).toBe(0);
    expect(made).toMatchObject([
      {
        metadata: {
          name: "ray",
          owner: "ml",
          links: [
            { name: "Dashboard infrastructure-overview", url: expect.stringMatching(aDashboard) as string },
            { name: "Dashboard resource-utilization", url: expect.stringMatching(aDashboard) as string },
            { name: "Monitors" },
          ],
        },
        spec: { tier: "1", dependsOn: ["service:default/consul"] },
      },
    ]);
    expect(plan).toMatchObject({ exit: 0 });
    expect(world.datadog.objects("catalog")).toEqual([]);
  });
});

describe("an entity that people made", () => {
  async function startTaken(): Promise<CommandWorld> {
    const world = await startCommands();
    world.register("ray", ["dd-observe"]);
    world.consul.put("observability/ray", "team: ml\ncatalog: true\n");
    world.datadog.add("catalog", byHand("ray"));
    return world;
  }

  test("is shown as a conflict, and becomes ours only by adopt --yes", async () => {
    const world = await startTaken();
    const refused = await world.run("apply --role controller");
    const asked = await world.run("adopt entity service:default/ray ray/entity");
    const before = world.datadog.objects("catalog");

    const adopted = await world.run("adopt entity service:default/ray ray/entity --yes");
    const marked = world.datadog.objects("catalog");
    await world.run("apply --role controller");

    expect([refused.exit, asked.exit, adopted.exit]).toEqual([1, 1, 0]);
    expect(refused.out.replaceAll(/\s+/g, " ")).toContain("dd-observe adopt entity service:default/ray");
    expect(asked.out).toContain("metadata.description");
    expect(before).toMatchObject([{ metadata: { description: "By hand." } }]);
    expect(marked).toMatchObject([{ metadata: { description: "By hand." } }]);
    expect(world.datadog.objects("catalog")).toMatchObject([{ metadata: { name: "ray", owner: "ml" } }]);
    expect(world.datadog.objects("catalog")[0]?.["metadata"]).not.toHaveProperty("description");
    expect([...world.consul.state.keys.keys()]).toContainEqual(
      expect.stringContaining("backups/cluster/catalog/ray/entity/") as string,
    );
  });

  test("can't become the entity of another service", async () => {
    const world = await startTaken();
    world.datadog.add("catalog", byHand("web"));

    const { exit, err } = await world.run("adopt entity service:default/web ray/entity --yes");

    expect(exit).not.toBe(0);
    expect(err).toContain("can't become");
  });

  test("is listed and described once it is ours", async () => {
    const world = await startCommands();
    world.register("ray", ["dd-observe"]);
    world.consul.put("observability/ray", "catalog: {description: Batch jobs.}\n");
    await world.run("apply --role controller");

    const listed = await world.run("get catalog");
    const described = await world.run("describe ray");

    expect(listed.out).toMatch(/ray\/entity +service:default\/ray +as wished +Batch jobs\./);
    expect(described.out).toContain("Software Catalog\n");
  });
});
