import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, describe, expect, test } from "vitest";

import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";
import { markedDashboards } from "../builders/dashboards.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

const OVERVIEW = "_dashboards/infrastructure-overview";

async function startWorld(services: readonly string[] = ["ray"]): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  for (const service of services) world.register(service, ["dd-observe"]);
  world.consul.put("observability/_defaults", "env: prod\n");
  return world;
}

/** One pass whose grace period is over at once. */
async function apply(world: CommandWorld, more = ""): Promise<string> {
  const { out, err } = await world.run(`apply --role controller --grace 0s ${more}`.trim());
  return out + err;
}

/** The one dashboard that carries this key's mark. */
function only({ datadog }: CommandWorld, key: string) {
  const [id, ...others] = markedDashboards(datadog.dashboards.values(), key);
  if (id === undefined || others.length > 0) throw new Error(`not exactly one dashboard for ${key}`);
  return datadog.dashboards.get(id)!;
}

function sectionsOf(world: CommandWorld): readonly string[] {
  const widgets = only(world, OVERVIEW)["widgets"] as { definition: { title: string } }[];
  return widgets.map(({ definition }) => definition.title);
}

describe("the overview that packs compose", () => {
  test("gets a section with each system that is observed, loses it with its end, and stays the same dashboard", async () => {
    const world = await startWorld();
    await apply(world);
    const first = sectionsOf(world);
    const { id } = only(world, OVERVIEW);
    world.register("consul", ["dd-observe"]);
    world.register("web", ["dd-observe"]);
    await apply(world);
    const all = sectionsOf(world);
    world.consul.state.deregisterService(world.consul.state.nodeName, "ray");

    await apply(world);

    expect(first).toEqual(["Ray"]);
    expect(all).toEqual(["Ray", "Consul", "Endpoints: web"]);
    expect(sectionsOf(world)).toEqual(["Consul", "Endpoints: web"]);
    expect(only(world, OVERVIEW).id).toBe(id);
  });

  test("is written once: a second pass writes nothing and lists dashboards once", async () => {
    // Its pack adds to this one alone.
    const world = await startWorld(["web"]);
    await apply(world);
    const { writes } = world.datadog;
    const before = world.datadog.log.length;

    await apply(world);

    const calls = world.datadog.log.slice(before).filter(({ path }) => path.startsWith("/api/v1/dashboard"));
    expect(world.datadog.writes).toBe(writes);
    // A new process reads ours once.
    expect(calls.map(({ path }) => path)).toEqual([
      "/api/v1/dashboard",
      `/api/v1/dashboard/${only(world, OVERVIEW).id}`,
    ]);
  });

  test("goes with the last service, after the grace period and by the brake", async () => {
    const world = await startWorld(["web"]);
    await apply(world);
    world.consul.state.deregisterService(world.consul.state.nodeName, "web");

    await world.run("apply --role controller");
    const inGrace = world.datadog.dashboards.size;
    await apply(world, "--max-deletes 0");
    const braked = world.datadog.dashboards.size;
    await apply(world);

    expect([inGrace, braked, world.datadog.dashboards.size]).toEqual([1, 1, 0]);
  });

  test("keeps the section of a service whose document breaks", async () => {
    const world = await startWorld(["ray", "web"]);
    await apply(world);
    const before = structuredClone(only(world, OVERVIEW));
    world.consul.put("observability/ray", "monitors: [\n");

    const said = await apply(world);

    expect(only(world, OVERVIEW)).toEqual(before);
    expect(said).toContain("ray");
  });

  test("is set right when a person changes it, and left when its document says so", async () => {
    const world = await startWorld();
    await apply(world);
    world.datadog.edit("dashboards", only(world, OVERVIEW).id, { title: "Mine" });
    await apply(world);
    const corrected = only(world, OVERVIEW)["title"];
    world.consul.put(`observability/${OVERVIEW}`, "drift: report\n");
    await apply(world);
    world.datadog.edit("dashboards", only(world, OVERVIEW).id, { title: "Mine" });

    await apply(world);

    expect(corrected).toBe("Infrastructure Overview");
    expect(only(world, OVERVIEW)["title"]).toBe("Mine");
  });

  test("leaves the section out that its document excludes", async () => {
    const world = await startWorld(["ray", "web"]);
    world.consul.put(`observability/${OVERVIEW}`, "exclude: [Ray]\nteam: ops\n");

    await apply(world);

    expect(sectionsOf(world)).toEqual(["Endpoints: web"]);
    expect(only(world, OVERVIEW)["tags"]).toEqual(["team:ops"]);
  });

  test("is neither written nor deleted while its document is paused", async () => {
    const world = await startWorld(["ray"]);
    await apply(world);
    const before = structuredClone(only(world, OVERVIEW));
    world.consul.put(`observability/${OVERVIEW}`, "paused: true\n");
    world.register("web", ["dd-observe"]);

    await apply(world);

    expect(only(world, OVERVIEW)).toEqual(before);
  });
});

const LOAD = {
  title: "Load of ${service}",
  layout_type: "ordered",
  widgets: [
    {
      definition: { type: "alert_graph", title: "Load", alert_id: "${monitor:load}", viz_type: "timeseries" },
    },
    { definition: { type: "alert_value", title: "Ray", alert_id: "${monitors:ray/no-active-nodes}" } },
  ],
};
const MONITOR = {
  type: "query alert",
  query: "avg(last_5m):avg:system.load.1{*} > ${critical}",
  critical: 4,
};

describe("a dashboard of a service's own", () => {
  test("is made with the numbers of the monitors that it shows, and follows when one is made anew", async () => {
    const world = await startWorld(["ray", "web"]);
    const document = { monitors: { load: MONITOR }, dashboards: { load: { definition: LOAD } } };
    world.consul.put("observability/web", JSON.stringify(document));
    const idOf = (key: string) =>
      String(
        [...world.datadog.monitors.values()].find(({ tags }) => tags.includes(`dd-observe-key:${key}`))?.id,
      );
    const shown = () =>
      (only(world, "web/load")["widgets"] as { definition: { alert_id: string } }[]).map(
        ({ definition }) => definition.alert_id,
      );
    await apply(world);
    const first = [idOf("web/load"), idOf("ray/no-active-nodes")];
    const before = shown();
    // What no list has shown yet may only be late: nothing is made again before.
    await apply(world);
    world.datadog.remove(Number(first[0]));

    await apply(world);
    await apply(world);

    expect(before).toEqual(first);
    expect(idOf("web/load")).not.toBe(first[0]);
    expect(shown()).toEqual([idOf("web/load"), first[1]]);
    expect(only(world, "web/load")["title"]).toBe("Load of web");
  });

  test("waits while a monitor that it shows is nowhere wished, and says which", async () => {
    const world = await startWorld(["web"]);
    world.consul.put(
      "observability/web",
      JSON.stringify({ dashboards: { load: { definition: { ...LOAD, widgets: [LOAD.widgets[1]] } } } }),
    );

    const said = await apply(world);

    expect(markedDashboards(world.datadog.dashboards.values(), "web/load")).toEqual([]);
    expect(said).toContain("ray/no-active-nodes");
  });

  test("stays while only some may edit it, and everything else goes on", async () => {
    const world = await startWorld(["ray", "web"]);
    world.consul.put(
      "observability/_dashboards/a",
      JSON.stringify({ definition: { ...LOAD, title: "A", widgets: [] } }),
    );
    await apply(world);
    world.datadog.fault({
      method: "PUT",
      path: new RegExp(only(world, "_dashboards/a").id),
      kind: "status",
      status: 403,
      body: { errors: ["This dashboard is read-only"] },
      times: Infinity,
    });
    world.consul.put(
      "observability/_dashboards/a",
      JSON.stringify({ definition: { ...LOAD, title: "B", widgets: [] } }),
    );
    world.consul.put(`observability/${OVERVIEW}`, "exclude: [Ray]\n");

    const said = await apply(world);

    expect(only(world, "_dashboards/a")["title"]).toBe("A");
    expect(sectionsOf(world)).toEqual(["Endpoints: web"]);
    expect(said).toContain("read-only");
  });
});

describe("what people see of dashboards", () => {
  test("validate names the widget that can't work, by its path", async () => {
    const world = await startWorld();
    await mkdir(join(world.confd, "docs"));
    const definition = {
      ...LOAD,
      widgets: [{ definition: { type: "timeseries", requests: [{ q: "avg:a.b" }] } }],
    };
    const file = join(world.confd, "docs", "web.yaml");
    await writeFile(file, JSON.stringify({ dashboards: { load: { definition } } }));

    const { exit, out } = await world.run(`validate ${file}`);

    expect(exit).toBe(1);
    expect(out).toContain("dashboards.load.definition.widgets.0.definition.requests.0.q");
  });

  test("get dashboards lists them with their state, before and after they are made", async () => {
    const world = await startWorld(["ray", "web"]);
    const before = await world.run("get dashboards");
    await apply(world);

    const after = await world.run("get dashboards -o wide");

    expect(before.out).toMatch(
      /_dashboards\/infrastructure-overview +not made yet +9 +Infrastructure Overview/,
    );
    expect(after.out).toMatch(
      /_dashboards\/infrastructure-overview +\w{3}-\w{3}-\w{3} +as wished +9 +Infrastructure Overview +https:\/\/datadog\/dashboard\//,
    );
  });

  test("what packs compose is not told of as gone, and goes on being as wished", async () => {
    const world = await startWorld();
    await apply(world);

    const list = await world.run(`get services ${OVERVIEW} -o json`);
    const described = await world.run(`describe ${OVERVIEW} -o json`);

    expect(JSON.parse(list.out)).toMatchObject([
      { name: OVERVIEW, ready: "True", reason: "AllConditionsMet", by: "packs" },
    ]);
    expect(described.out).not.toMatch(/is gone|not observed/);
  });

  test("get dashboards NAME -o html is a page of its own with every widget and query, and no text of it runs", async () => {
    const world = await startWorld(["ray", "web"]);
    const widgets = [{ definition: { type: "note", content: "<script>alert(1)</script>" } }];
    world.consul.put(
      "observability/_dashboards/a",
      JSON.stringify({ definition: { ...LOAD, title: "<b>A</b>", widgets } }),
    );

    const overview = await world.run(`get dashboards infrastructure-overview -o html`);
    const own = await world.run("get dashboards a -o html");
    const all = await world.run("get dashboards -o html");
    const none = await world.run("get dashboards infrastructure-overveiw -o html");

    expect(overview.out).toMatch(/^<!doctype html>/);
    expect(overview.out).toContain("sum:ray.tasks{$cluster,$env,$service} by {state}");
    expect(overview.out).toContain("<h3>Endpoints: web</h3>");
    expect(overview.out).not.toMatch(/src=|href=|<script/);
    expect(own.out).toContain("&lt;script&gt;");
    expect(own.out).not.toContain("<script");
    expect(all).toMatchObject({ exit: 1, err: expect.stringContaining("-o html shows one dashboard") });
    expect(none.err).toContain("did you mean infrastructure-overview?");
  });
});

describe("AI agents", () => {
  test("get the four dashboards' sections, their monitors, no file, and percentiles where a query asks for them", async () => {
    const world = await startWorld([]);
    world.register("support", ["dd-observe", "dd-observe.pack=ai-agent"]);
    const sent = [
      "ai.agent.task.duration",
      "ai.agent.tool.duration",
      "ai.agent.approvals.wait",
      "ai.agent.cost",
    ];
    for (const metric of sent) {
      world.datadog.metrics.set(metric, [{ at: Math.floor(Date.now() / 1_000), value: 1, tags: [] }]);
      world.datadog.metricTypes.set(metric, "distribution");
    }

    await world.run("apply --grace 0s");

    const titles = [...world.datadog.dashboards.values()].map(({ title }) => String(title));
    const configured = world.datadog.objects("metric-tags").map(({ id }) => String(id));
    expect(titles.toSorted()).toEqual([
      "AI Agent Performance",
      "Resource Utilization",
      "Safety & Compliance",
    ]);
    expect([...world.datadog.monitors.values()].map(({ name }) => name)).toContain(
      "[support] Agent makes things up",
    );
    expect([...(await world.files()).keys()]).toEqual([]);
    expect(configured.toSorted()).toEqual(sent.slice(0, 3).toSorted());
  });
});
