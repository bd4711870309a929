import { describe, expect, onTestFinished, test } from "vitest";

import { connectNomad } from "../../clients/nomad-connection.ts";
import { nomadJobs } from "../../clients/nomad-jobs.ts";
import { nomadVariables } from "../../clients/nomad-variables.ts";
import { startFakeNomad } from "../fakes/nomad.ts";
import { NO_NOMAD, nomadBinary, startNomad } from "../servers/nomad.ts";

interface World {
  readonly url: string;
  /** Registers a job of this name with one task and one template. */
  readonly run: (id: string, text: string) => Promise<void>;
}

async function startFake(): Promise<World> {
  const fake = await startFakeNomad({ version: "2.0.6-dev" });
  onTestFinished(async () => await fake.stop());
  return {
    url: fake.url,
    async run(id, text) {
      const tasks = [
        { name: "web", env: { A: "1" }, templates: [{ text, env: true, changeMode: "noop" }] },
        { name: "init", hook: "prestart" },
      ];
      await Promise.resolve(fake.state.runJob({ id, groups: [{ name: "api", services: [id], tasks }] }));
    },
  };
}

async function startReal(): Promise<World> {
  const nomad = await startNomad();
  onTestFinished(async () => await nomad[Symbol.asyncDispose]());
  // For a moment after its start it has no key to encrypt with.
  await expect
    .poll(async () => (await nomad.call("PUT", "/v1/var/first", { Items: { A: "1" } })).status, {
      timeout: 60_000,
    })
    .toBe(200);
  await nomad.call("DELETE", "/v1/var/first");
  return {
    url: nomad.url,
    async run(id, text) {
      const answer = await nomad.call("PUT", "/v1/jobs", { Job: jobOf(id, text) });
      expect([answer.status, answer.ok ? "" : await answer.text()]).toEqual([200, ""]);
    },
  };
}

function jobOf(id: string, text: string): unknown {
  const task = (name: string) => ({
    Name: name,
    Driver: "raw_exec",
    Config: { command: "/bin/true" },
    Resources: { CPU: 10, MemoryMB: 16 },
  });
  const web = {
    ...task("web"),
    Env: { A: "1" },
    Templates: [{ EmbeddedTmpl: text, DestPath: "local/a.env", Envvars: true, ChangeMode: "noop", Splay: 0 }],
  };
  const init = { ...task("init"), Lifecycle: { Hook: "prestart" } };
  return {
    ID: id,
    Name: id,
    Type: "service",
    // Nothing of it is ever placed.
    Datacenters: ["nowhere"],
    TaskGroups: [{ Name: "api", Count: 1, Services: [{ Name: id, Provider: "nomad" }], Tasks: [web, init] }],
  };
}

const WORLDS = [
  ["the stand-in", startFake, undefined],
  ["a real Nomad", startReal, nomadBinary() === undefined ? NO_NOMAD : undefined],
] as const;

describe.for(WORLDS)("%s", ([, start, reason]) => {
  const suffix = reason === undefined ? "" : ` (${reason})`;

  test.skipIf(reason !== undefined)(
    `keeps a Variable only as it was seen${suffix}`,
    async () => {
      const { url } = await start();
      const variables = nomadVariables(connectNomad({ address: url }));
      const place = { namespace: "default", path: "nomad/jobs/support" };

      expect(await variables.read(place)).toBeUndefined();
      expect(await variables.list()).toEqual([]);
      expect(await variables.remove(place, 7)).toBe(false);
      expect(await variables.write(place, { A: 'x"\n', B_1: "ü" }, 0)).toBe(true);
      expect(await variables.write(place, { A: "late" }, 0)).toBe(false);
      const seen = await variables.read(place);
      expect(seen?.items).toEqual({ A: 'x"\n', B_1: "ü" });
      expect(await variables.list()).toEqual([{ ...place, modifyIndex: seen!.modifyIndex }]);
      expect(await variables.write(place, { A: "2" }, seen!.modifyIndex)).toBe(true);
      expect(await variables.remove(place, seen!.modifyIndex)).toBe(false);
      const now = await variables.read(place);
      expect(now?.items).toEqual({ A: "2" });
      expect(await variables.remove(place, now!.modifyIndex)).toBe(true);
      expect(await variables.read(place)).toBeUndefined();
      expect(await variables.remove(place, 0)).toBe(true);
    },
    120_000,
  );

  test.skipIf(reason !== undefined)(
    `refuses what no Variable can be${suffix}`,
    async () => {
      const { url } = await start();
      const variables = nomadVariables(connectNomad({ address: url }));
      const write = async (job: string, items: Readonly<Record<string, string>>) =>
        await variables.write({ namespace: "default", path: `nomad/jobs/${job}` }, items, 0);

      await expect(write("support", {})).rejects.toMatchObject({ failure: "rejected", status: 400 });
      await expect(write("support.eu", { A: "1" })).rejects.toMatchObject({
        failure: "rejected",
        status: 400,
      });
      await expect(write("support", { A: "x".repeat(65_536) })).rejects.toMatchObject({
        failure: "rejected",
        status: 400,
      });
      expect(await write("support", { A: "x".repeat(65_535) })).toBe(true);
    },
    120_000,
  );

  test.skipIf(reason !== undefined)(
    `tells a job's spec, version by version${suffix}`,
    async () => {
      const { url, run } = await start();
      const jobs = nomadJobs(connectNomad({ address: url }));
      await run("support", 'A={{ key "a" }}');
      await run("support", 'A={{ key "b" }}');

      const job = await jobs.job("support", undefined);

      expect(job).toMatchObject({ id: "support", parentId: "", namespace: "default", version: 1 });
      expect(job?.groups).toMatchObject([
        {
          name: "api",
          services: ["support"],
          tasks: [
            {
              name: "web",
              hook: undefined,
              env: { A: "1" },
              templates: [
                {
                  text: 'A={{ key "b" }}',
                  isEnvironment: true,
                  changeMode: "noop",
                  once: false,
                  delimiters: ["{{", "}}"],
                },
              ],
            },
            { name: "init", hook: "prestart", templates: [] },
          ],
        },
      ]);
      const versions = await jobs.versions("support", "default");
      expect(versions.map(({ version }) => version)).toEqual([1, 0]);
      expect(versions[1]?.groups[0]?.tasks[0]?.templates[0]?.text).toBe('A={{ key "a" }}');
      expect(await jobs.allocations("support", "default")).toEqual([]);
      expect(await jobs.job("nobody", undefined)).toBeUndefined();
      expect(await jobs.versions("nobody", "default")).toEqual([]);
      expect(await jobs.allocations("nobody", "default")).toEqual([]);
      expect(await jobs.jobOfAllocation("00000000-0000-4000-8000-000000000001")).toBeUndefined();
    },
    120_000,
  );
});
