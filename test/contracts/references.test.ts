import { afterEach, describe, expect, test } from "vitest";

import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";
import type { Fields } from "../fakes/datadog-api.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();
const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

const METRIC = (name: string) =>
  `{type: query alert, name: ${name}, query: "avg(last_5m):avg:web.${name}{\${scope}} > \${critical}", critical: 1}`;
const PARTS = `  slow: ${METRIC("slow")}
  down: ${METRIC("down")}
`;
/** Without the pack's own monitor. */
const NONE = `pack: generic
monitors:
  endpoint-down: false
`;
const ALL = `${NONE}${PARTS}  both: {type: composite, name: Both, query: "\${monitor:slow} && !\${monitor:down}"}
  budget: {type: slo alert, name: Budget, query: 'error_budget("\${slo:up}").over("30d") > \${critical}', critical: 75}
slos:
  up: {name: Up, type: monitor, monitors: [slow, down], target: 99}
`;
/** An SLO of no service over a composite of another. */
const GLOBAL = "name: Checkout\ntype: monitor\nmonitors: [web/both]\ntarget: 99.5\n";

for (const { name, start, isPresent } of DOUBLES) {
  const startWorld = async () => {
    const { double } = await startOne(start);
    const world = await startCommandWorld();
    running.push(world);
    world.register("web", ["dd-observe"]);
    const env = { DD_API_URL: double.url, DD_API_KEY: double.apiKey, DD_APP_KEY: double.appKey };
    const tagged = (objects: readonly Fields[], key: string): Fields => {
      const found = objects.filter(({ tags }) => (tags as string[]).includes(`dd-observe-key:${key}`));
      if (found.length !== 1) throw new Error(`${found.length} objects for ${key}`);
      return found[0]!;
    };
    return {
      double,
      world,
      wish: (document: string, text: string) => world.consul.put(`observability/${document}`, text),
      unwish: (document: string) => world.consul.state.keys.delete(`observability/${document}`),
      /** One pass whose grace period is over at once. Returns the calls that Datadog got. */
      apply: async (more = "") => {
        const before = double.requests().length;
        const ran = await world.run(`apply --role controller --grace 0s ${more}`.trim(), { env });
        return { ...ran, calls: double.requests().slice(before) };
      },
      /** As if all that was created had been for a while: what was just made is not made again at once. */
      age: () => {
        for (const [key, { Value }] of world.consul.state.keys)
          if (key.startsWith("dd-observe/status/services/"))
            world.consul.put(
              key,
              Buffer.from(Value ?? "", "base64")
                .toString()
                .replaceAll(/"createdAt":"[^"]*"/g, '"createdAt":"2020-01-01T00:00:00.000Z"'),
            );
      },
      run: async (line: string) => await world.run(line, { env }),
      /** The number of a monitor. */
      number: (key: string) => Number(tagged(double.monitors(), key)["id"]),
      monitor: (key: string) => tagged(double.monitors(), key),
      slo: (key: string) => tagged(double.objects("slos"), key),
      counts: () => [double.monitors().length, double.objects("slos").length],
    };
  };

  describe.skipIf(!isPresent)(`monitors, composites and SLOs that name one another, in ${name}`, () => {
    test("are made in one apply, each after what it names, and a second one writes nothing", async () => {
      const { wish, apply, monitor, slo, counts, double, number } = await startWorld();
      wish("web", ALL);
      wish("_slos/checkout", GLOBAL);

      const first = await apply();
      const writes = double.writes();
      const second = await apply();

      const [slow, down, both] = ["slow", "down", "both"].map((part) => number(`web/${part}`)) as [
        number,
        number,
        number,
      ];
      expect(first).toMatchObject({ exit: 0, err: "" });
      expect(monitor("web/both")["query"]).toBe(`${slow} && !${down}`);
      expect(new Set(slo("web/up")["monitor_ids"] as number[])).toEqual(new Set([slow, down]));
      expect(slo("_slos/checkout")).toMatchObject({ name: "Checkout", monitor_ids: [both] });
      expect(monitor("web/budget")["query"]).toBe(
        `error_budget("${slo("web/up")["id"] as string}").over("30d") > 75`,
      );
      expect(counts()).toEqual([4, 2]);
      expect(second.exit).toBe(0);
      expect(double.writes()).toBe(writes);
    });

    test("go in the other order, and Datadog has nothing to refuse", async () => {
      const { wish, unwish, apply, counts } = await startWorld();
      wish("web", ALL);
      wish("_slos/checkout", GLOBAL);
      await apply();

      wish("web", NONE);
      unwish("_slos/checkout");
      const { exit, out, calls } = await apply();

      const deletes = calls.filter((call) => call.startsWith("DELETE")).map((call) => call.split("/")[3]);
      expect(counts()).toEqual([0, 0]);
      expect({ exit, out }).toMatchObject({ exit: 0, out: expect.stringMatching(/6 deleted/) });
      expect(deletes).toHaveLength(6);
      // One question and one answer for each: what others use is not even asked about before its time.
      expect(calls.filter((call) => call.includes("can_delete"))).toHaveLength(6);
    });

    test("follow a part that is renamed, and the old one goes after they do", async () => {
      const { wish, apply, monitor, slo, counts, number } = await startWorld();
      wish("web", ALL);
      wish("_slos/checkout", GLOBAL);
      await apply();

      wish("web", ALL.replaceAll("slow", "late"));
      const { exit } = await apply();

      const late = number("web/late");
      expect(exit).toBe(0);
      expect(monitor("web/both")["query"]).toBe(`${late} && !${number("web/down")}`);
      expect(slo("web/up")["monitor_ids"]).toContain(late);
      expect(counts()).toEqual([4, 2]);
    });

    test("follow a part that a person deleted by force, and that has a new number", async () => {
      const { wish, apply, age, monitor, slo, counts, double, number } = await startWorld();
      wish("web", ALL);
      wish("_slos/checkout", GLOBAL);
      await apply();
      age();
      const old = number("web/slow");
      double.remove(old);

      const { exit } = await apply();

      const slow = number("web/slow");
      expect(exit).toBe(0);
      expect(slow).not.toBe(old);
      expect(monitor("web/both")["query"]).toBe(`${slow} && !${number("web/down")}`);
      expect(slo("web/up")["monitor_ids"]).toContain(slow);
      expect(counts()).toEqual([4, 2]);
    });

    test("are listed with their targets, ids and links", async () => {
      const { wish, apply, run } = await startWorld();
      wish("web", ALL);
      wish("_slos/checkout", GLOBAL);
      await apply();

      const listed = JSON.parse((await run("get slos -o json")).out) as unknown;
      const one = await run("get slos checkout");
      const none = await run("get slos web/upp");

      expect(listed).toMatchObject([
        { key: "_slos/checkout", owner: "_slos/checkout", state: "Synced", title: "Checkout: 99.5 % in 30d" },
        {
          key: "web/up",
          owner: "web",
          id: expect.stringMatching(/^[0-9a-f]{32}$/),
          link: expect.stringMatching(/\/slo\?slo_id=[0-9a-f]{32}$/),
        },
      ]);
      expect(one.out).toMatch(/_slos\/checkout .*as wished/);
      expect(none.err).toContain("did you mean web/up?");
    });

    test("wait where what they name is wished nowhere, and nothing else waits with them", async () => {
      const { wish, apply, counts } = await startWorld();
      wish("web", `${NONE}${PARTS}`);
      wish("_slos/checkout", GLOBAL);

      const { exit, out } = await apply();

      expect(exit).toBe(2);
      expect(out).toMatch(/it refers to web\/both, and nothing of that name is wished in monitors/);
      expect(counts()).toEqual([2, 0]);
    });

    test("a monitor stays as long as another's SLO measures it", async () => {
      const { wish, apply, counts } = await startWorld();
      wish("web", ALL);
      wish("_slos/checkout", GLOBAL);
      await apply();

      wish("web", NONE);
      const { exit, out, calls } = await apply();

      // The composite that the SLO measures, and its two parts.
      expect(counts()).toEqual([3, 1]);
      expect(exit).toBe(2);
      expect(out).toMatch(/_slos\/checkout in slos uses it/);
      expect(calls.filter((call) => call.startsWith("DELETE"))).toHaveLength(2);
    });

    test("are planned before anything is there, each with what it names, and validated as far as they can be", async () => {
      const { wish, run, double } = await startWorld();
      wish("web", ALL);
      wish("_slos/checkout", GLOBAL);

      const { exit, out } = await run("plan --role controller --validate");
      const json = JSON.parse((await run("plan --role controller -o json")).out) as { summary: object };

      expect({ exit, out }).toMatchObject({
        exit: 2,
        out: expect.stringMatching(/^[67] to create; 0 as wished\.$/m),
      });
      expect(json.summary).toMatchObject({ withheld: 0 });
      expect(double.requests().filter((call) => call.endsWith("/validate"))).not.toEqual([]);
      expect(double.writes()).toBe(0);
    });

    test("a plan says the whole of it beforehand, and writes nothing", async () => {
      const { wish, apply, run, double } = await startWorld();
      wish("web", ALL);
      await apply();
      const writes = double.writes();
      wish("web", NONE);

      const { exit, out } = await run("plan --role controller --grace 0s");

      expect(exit).toBe(2);
      expect(out).toMatch(/5 to delete/);
      expect(out).not.toMatch(/uses it/);
      expect(double.writes()).toBe(writes);
    });
  });
}
