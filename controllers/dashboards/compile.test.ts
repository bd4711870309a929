import { describe, expect, test } from "vitest";

import { resolveReserved } from "../../crds/reserved.ts";
import { resolve, type Ground, type Resolution } from "../../crds/resolve.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import { examplePack, exampleGround } from "../../test/builders/packs.ts";
import { isObject, type Json } from "../monitors/canonical.ts";
import type { DashboardBody } from "./canonical.ts";
import { compileDashboards } from "./compile.ts";
import { MAX_SECTIONS_EACH } from "./compose.ts";

const OVERVIEW = "_dashboards/overview";

function graph(query: string, title = "Load"): Json {
  return { definition: { type: "timeseries", title, requests: [{ q: query }] } };
}

/** Ray adds one section, the pack of everything else one for each service, with a name that an option decides. */
function ground(over: Partial<Ground> = {}): Ground {
  const common = exampleGround();
  const section = { title: "Overview", section: "Ray", order: 10, widgets: [graph("avg:ray.cpu{${scope}}")] };
  const each = {
    title: "Overview",
    section: "Endpoints",
    order: 20,
    per: "service",
    widgets: [graph("avg:app.up{${scope}}", "Up: ${service}"), graph("avg:${option.namespace}.up{${scope}}")],
  };
  const namespace = {
    option: "namespace",
    type: "text",
    pattern: "[a-z]+",
    description: "n",
    default: "${serviceName}",
  };
  const generic = examplePack({
    manifest: { name: "generic", check: "openmetrics", options: { namespace } },
    dashboards: { overview: each },
  });
  return {
    ...common,
    packs: new Map([
      ["ray", examplePack({ dashboards: { overview: section } })],
      ["generic", { ...generic, monitors: {} }],
    ]),
    ...over,
  };
}

/** Ray's section is another one, or of another dashboard. */
function groundOf(section: object, name = "overview"): Ground {
  const widgets = [graph("avg:ray.cpu{${scope}}")];
  const ray = examplePack({
    dashboards: { [name]: { title: "Overview", section: "Ray", order: 10, widgets, ...section } },
  });
  return ground({ packs: new Map([...ground().packs, ["ray", ray]]) });
}

/** Documents by name: services, and what is of none. */
function snapshotOf(documents: Readonly<Record<string, string>>, on: Ground = ground()) {
  const services = new Map<string, Resolution>();
  for (const [name, text] of Object.entries(documents)) {
    const document = { text, generation: 1 };
    const resolution = name.startsWith("_")
      ? resolveReserved(name, document, on, false)
      : resolve(name, [], document, on);
    if (resolution !== undefined) services.set(name, resolution);
  }
  return { services, paused: new Set<string>() };
}

function compiled(documents: Readonly<Record<string, string>>): Desired<DashboardBody> {
  return compileDashboards("dc1")(snapshotOf(documents));
}

function bodyOf(desired: Desired<DashboardBody>, key: string): DashboardBody {
  const object = desired.objects.get(key);
  if (object === undefined) throw new Error(`no dashboard ${key}`);
  return object.body;
}

/** Titles of the groups, each with the queries and notes in it. */
function sections(desired: Desired<DashboardBody>): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    bodyOf(desired, OVERVIEW).widgets.map((widget) => {
      const { title, widgets } = (widget as { definition: Json }).definition;
      const queries = (widgets as { definition: { requests?: { q: string }[]; content?: string } }[]).map(
        ({ definition }) => definition.requests?.[0]?.q ?? String(definition.content),
      );
      return [String(title), queries];
    }),
  );
}

const OWN = (widget: Json): string =>
  JSON.stringify({
    catalog: false,
    dashboards: {
      load: { definition: { title: "Load of ${service}", layout_type: "ordered", widgets: [widget] } },
    },
  });

describe("a dashboard that a document defines", () => {
  test("is made with its placeholders filled in, the team's tag, and our mark as the last line", () => {
    const document = JSON.stringify({
      env: "prod",
      team: "ml",
      dashboards: {
        load: {
          definition: {
            title: "Load of ${service}",
            description: "For all.",
            layout_type: "ordered",
            widgets: [graph("avg:a.b{${scope},$host}")],
          },
        },
      },
    });

    const body = bodyOf(compiled({ web: document }), "web/load");

    expect(body).toMatchObject({
      title: "Load of web",
      description: "For all.\n\nManaged by dd-observe: owner=dc1 key=web/load",
      tags: ["team:ml"],
      widgets: [graph("avg:a.b{service:web,env:prod,cluster:dc1,$host}")],
    });
  });

  test("of no service is made from its document", () => {
    const definition = { title: "All", layout_type: "ordered", widgets: [graph("avg:a.b{${scope}}")] };
    const documents = { "_dashboards/all": JSON.stringify({ definition, deletion: "retain" }) };

    const object = compiled(documents).objects.get("_dashboards/all");

    expect(object).toMatchObject({
      owner: "_dashboards/all",
      retain: true,
      body: {
        title: "All",
        description: "Managed by dd-observe: owner=dc1 key=_dashboards/all deletion=retain",
        widgets: [graph("avg:a.b{cluster:dc1}")],
      },
    });
  });

  test("refers to its service's own objects by their short names, and to others by their keys", () => {
    const widget = { definition: { type: "alert_value", alert_id: "${monitor:up}" } };
    const other = { definition: { type: "alert_value", alert_id: "${monitors:ray/noisy|1}" } };
    const wish = JSON.parse(OWN(widget)) as { dashboards: { load: { definition: { widgets: Json[] } } } };
    wish.dashboards.load.definition.widgets.push(other);
    const monitors = {
      up: { type: "query alert", query: "avg(last_5m):avg:a.b{*} > ${critical}", critical: 1 },
    };

    const body = bodyOf(compiled({ web: JSON.stringify({ ...wish, monitors }) }), "web/load");

    expect(body.widgets).toMatchObject([
      { definition: { alert_id: "${monitors:web/up}" } },
      { definition: { alert_id: "${monitors:ray/noisy|1}" } },
    ]);
  });

  test("with a query that can't work is held, and the problem names the widget's path", () => {
    const desired = compiled({ web: OWN(graph("avg:a.b")) });

    expect(desired.objects.has("web/load")).toBe(false);
    expect(desired.held.has("web/load")).toBe(true);
    expect(desired.problems).toEqual([
      {
        owner: "web",
        reason: "InvalidQuery",
        path: "dashboards.load.definition.widgets.0.definition.requests.0.q",
        message: expect.stringMatching(/Widget "Load": .*no scope/),
      },
    ]);
  });
});

describe("a dashboard that packs compose", () => {
  test("has a section for each pack whose services are observed, in their order, and variables to choose by", () => {
    const desired = compiled({ web: "env: prod\n", ray: "", "ray-gpu": "pack: ray\n" });

    expect(sections(desired)).toEqual({
      Ray: ["avg:ray.cpu{$cluster,$env,$service}"],
      "Endpoints: web": [
        "avg:app.up{service:web,env:prod,$cluster,$env,$service}",
        "avg:web.up{service:web,env:prod,$cluster,$env,$service}",
      ],
    });
    expect(bodyOf(desired, OVERVIEW)).toMatchObject({
      title: "Overview",
      description: expect.stringMatching(/\n\nManaged by dd-observe: owner=dc1 key=_dashboards\/overview$/),
      template_variables: [
        { name: "cluster", prefix: "cluster", defaults: ["dc1"] },
        { name: "env", prefix: "env" },
        { name: "service", prefix: "service", available_values: ["ray", "ray-gpu", "web"] },
      ],
    });
    expect(desired.composed).toEqual(new Set([OVERVIEW]));
  });

  test("lets a viewer choose by a section's own variables while a widget is left that asks for them", () => {
    const by = (query: string) =>
      compileDashboards("dc1")(
        snapshotOf(
          { ray: "" },
          groundOf({
            variables: ["model", "agent", "unused"],
            widgets: [graph(query), graph("avg:b{$agent}")],
          }),
        ),
      );

    const both = bodyOf(by("avg:a{${scope},$model}"), OVERVIEW);
    const one = bodyOf(by("avg:a{${scopeAnyCluster},$models}"), OVERVIEW);

    const names = (body: DashboardBody) =>
      body.template_variables.map((variable) => (variable as Json)["name"]);
    expect(names(both)).toEqual(["cluster", "env", "service", "agent", "model"]);
    expect(names(one)).toEqual(["env", "service", "agent"]);
    expect(JSON.stringify(one.widgets)).toContain("avg:a{$env,$service,$models}");
  });

  test("of a name that dd-observe knows says what it is for, and ends with the audit trail where there is one", () => {
    const key = "_dashboards/safety-and-compliance";
    const on = groundOf({}, "safety-and-compliance");

    const whole = bodyOf(compileDashboards("dc1")(snapshotOf({ ray: "" }, on)), key);
    const without = compileDashboards("dc1")(snapshotOf({ ray: "", [key]: "exclude: [Audit trail]\n" }, on));
    const none = compileDashboards("dc1")(snapshotOf({ web: "" }, on));

    const titles = (body: DashboardBody) =>
      body.widgets.map((widget) => (widget as { definition: Json }).definition["title"]);
    expect(whole.description).toMatch(/^Whether AI agents stay within their bounds/);
    expect(titles(whole)).toEqual(["Ray", "Audit trail"]);
    expect(JSON.stringify(whole.widgets[1])).toContain("managed-by:dd-observe -source:alert $cluster");
    expect(titles(bodyOf(without, key))).toEqual(["Ray"]);
    expect(none.objects.has(key)).toBe(false);
  });

  describe("with widgets that need an option", () => {
    const widgets = [
      graph("avg:ray.cpu{${scope}}"),
      { ...graph("avg:ray.sizes{${scope}}"), needs: "buckets" },
      { ...graph("avg:ray.slow{${scope}}"), needs: "mode=slow" },
    ];
    const ray = (agent: object): string => JSON.stringify({ pack: "ray", agent });
    const queriesOf = (documents: Readonly<Record<string, string>>, section: object) => {
      const desired = compileDashboards("dc1")(snapshotOf(documents, groundOf(section)));
      return desired.objects.has(OVERVIEW) ? sections(desired) : undefined;
    };

    test("shows of a pack's section what at least one of its services has", () => {
      const documents = { a: ray({ buckets: true }), b: ray({ buckets: false }) };

      expect(queriesOf(documents, { widgets })).toEqual({
        Ray: ["avg:ray.cpu{$cluster,$env,$service}", "avg:ray.sizes{$cluster,$env,$service}"],
      });
    });

    test("shows of a service's section what it has", () => {
      const documents = { a: ray({ buckets: true }), b: ray({ mode: "slow" }) };

      const shown = queriesOf(documents, { widgets, per: "service" })!;

      expect(shown["Ray: a"]?.map((query) => query.slice(0, 11))).toEqual(["avg:ray.cpu", "avg:ray.siz"]);
      expect(shown["Ray: b"]?.map((query) => query.slice(0, 11))).toEqual(["avg:ray.cpu", "avg:ray.slo"]);
    });

    test("shows many services at once only what all of them have", () => {
      const names = Array.from({ length: MAX_SECTIONS_EACH + 1 }, (_, at) => `s${at}`);
      const documents = Object.fromEntries(
        names.map((name, at) => [name, ray({ buckets: true, mode: at === 0 ? "fast" : "slow" })]),
      );

      const shown = queriesOf(documents, { widgets, per: "service" })!;

      expect(Object.values(shown)[0]?.slice(1)).toEqual([
        "avg:ray.cpu{$cluster,$env,$service}",
        "avg:ray.sizes{$cluster,$env,$service}",
      ]);
    });

    test("sends no condition to Datadog", () => {
      const desired = compileDashboards("dc1")(
        snapshotOf({ a: ray({ buckets: true, mode: "slow" }) }, groundOf({ widgets })),
      );

      expect(JSON.stringify(bodyOf(desired, OVERVIEW))).not.toContain("needs");
    });

    test("has no section, and no dashboard, where nothing in it is left", () => {
      const needy = widgets.slice(1);

      expect(queriesOf({ a: ray({}) }, { widgets: needy })).toBeUndefined();
      expect(queriesOf({ a: ray({}) }, { widgets, needs: "buckets" })).toBeUndefined();
      expect(queriesOf({ a: ray({ buckets: true }) }, { widgets, needs: "buckets" })).toBeDefined();
    });

    test("counts to a viewer's choice only the services that add to it", () => {
      const documents = { a: ray({ buckets: true }), b: ray({}) };
      const desired = compileDashboards("dc1")(
        snapshotOf(documents, groundOf({ widgets, needs: "buckets" })),
      );

      expect(bodyOf(desired, OVERVIEW)).toMatchObject({
        template_variables: expect.arrayContaining([
          expect.objectContaining({ name: "service", available_values: ["a"] }),
        ]) as unknown,
      });
    });
  });

  test("loses a section with the last service of its pack, and goes with the last section", () => {
    const compile = compileDashboards("dc1");
    const both = compile(snapshotOf({ web: "", ray: "" }));
    const one = compile(snapshotOf({ web: "" }));
    const none = compile(snapshotOf({}));

    expect(Object.keys(sections(both))).toEqual(["Ray", "Endpoints: web"]);
    expect(Object.keys(sections(one))).toEqual(["Endpoints: web"]);
    expect([...none.objects.keys(), ...none.held.keys(), ...none.composed!]).toEqual([]);
  });

  test("does not depend on the order in which services come", () => {
    const names = ["web", "ray", "api", "ray-gpu"];
    const inOrder = (order: readonly string[]) =>
      Object.fromEntries(order.map((name) => [name, name.startsWith("ray") ? "pack: ray\n" : ""]));

    expect(bodyOf(compiled(inOrder(names)), OVERVIEW)).toEqual(
      bodyOf(compiled(inOrder(names.toReversed())), OVERVIEW),
    );
  });

  test("stands as groups below one another that never overlap", () => {
    const { widgets } = bodyOf(compiled({ web: "", ray: "", api: "" }), OVERVIEW);
    const layouts = widgets.map((widget) => (widget as { layout: { y: number; height: number } }).layout);

    expect(layouts).toMatchObject([
      { x: 0, y: 0, width: 12, height: 3 },
      { x: 0, y: 3, width: 12, height: 3 },
      { x: 0, y: 6, width: 12, height: 3 },
    ]);
  });

  test("of many services has one section of a kind, with what can be shown of each by choice", () => {
    const names = Array.from({ length: MAX_SECTIONS_EACH + 1 }, (_, n) => `app-${n}`);

    const desired = compiled(Object.fromEntries(names.map((name) => [name, ""])));

    // The other widget asks for another metric of each service.
    expect(sections(desired)).toEqual({
      [`Endpoints (${names.length} services)`]: [
        `${names.length} services: choose one above with **$service**.`,
        "avg:app.up{$cluster,$env,$service}",
      ],
    });
    expect(JSON.stringify(bodyOf(desired, OVERVIEW).widgets)).toContain("Up: $service.value");
  });

  test("is tuned by a document of its name: sections left out, team, retained", () => {
    const tuning = "exclude: [Ray]\nteam: ops\ndeletion: retain\ndrift: report\n";

    const desired = compiled({ web: "", ray: "", [OVERVIEW]: tuning });

    expect(Object.keys(sections(desired))).toEqual(["Endpoints: web"]);
    expect(desired.objects.get(OVERVIEW)).toMatchObject({
      retain: true,
      drift: { rule: "report" },
      body: { tags: ["team:ops"], description: expect.stringMatching(/ deletion=retain$/) },
    });
  });

  test("is replaced by a document of its name that has a definition", () => {
    const definition = { title: "Mine", layout_type: "ordered", widgets: [graph("avg:a.b{*}")] };

    const desired = compiled({ ray: "", [OVERVIEW]: JSON.stringify({ definition }) });

    expect(bodyOf(desired, OVERVIEW).title).toBe("Mine");
    expect(desired.composed).toEqual(new Set());
  });

  test("stays as it is while its own document can't be read", () => {
    const desired = compiled({ ray: "", [OVERVIEW]: "exclude: Ray\n" });

    expect(desired.objects.has(OVERVIEW)).toBe(false);
    expect(desired.held.has(OVERVIEW)).toBe(true);
  });

  test("stays as it is while a document tunes it and nothing is left of it", () => {
    const desired = compiled({ [OVERVIEW]: "team: ops\n" });

    expect(desired.objects.size).toBe(0);
    expect(desired.held.get(OVERVIEW)).toMatch(/no observed service adds a section/);
  });
});

describe("a service whose wish can't be read", () => {
  const BROKEN = "monitors: [\n";
  const REFUSED = "env: dev\nmonitors: {noisiy: false}\n";

  test("keeps its section as it was wished last", () => {
    const compile = compileDashboards("dc1");
    const before = compile(snapshotOf({ web: "env: prod\n", ray: "" }));

    const after = compile(snapshotOf({ web: BROKEN, ray: BROKEN }));

    expect(bodyOf(after, OVERVIEW)).toEqual(bodyOf(before, OVERVIEW));
  });

  test("keeps its section where its pack is certain, though another process knew the last wish", () => {
    const desired = compiled({ web: REFUSED });

    expect(Object.keys(sections(desired))).toEqual(["Endpoints: web"]);
    expect(JSON.stringify(bodyOf(desired, OVERVIEW))).toContain("env:dev");
  });

  test("holds every dashboard that it may add to where nothing is known of it", () => {
    const desired = compiled({ web: BROKEN, ray: "" });

    expect(desired.objects.size).toBe(0);
    expect(desired.held.get(OVERVIEW)).toMatch(/^the wish of web may add a section and can't be read: /);
    expect(desired.composed).toEqual(new Set([OVERVIEW]));
  });
});

test("what didn't change stays the same object, so that a pass compares nothing", () => {
  const compile = compileDashboards("dc1");
  const snapshot = snapshotOf({ web: OWN(graph("avg:a.b{*}")), ray: "" });
  const first = compile(snapshot);
  const services = new Map([...snapshot.services, ...snapshotOf({ "ray-gpu": "pack: ray\n" }).services]);

  const again = compile({ ...snapshot });
  const grown = compile({ ...snapshot, services });

  expect(again).toBe(first);
  expect(bodyOf(grown, "web/load")).toBe(bodyOf(first, "web/load"));
  expect(bodyOf(grown, OVERVIEW)).not.toBe(bodyOf(first, OVERVIEW));
  expect(isObject(bodyOf(grown, OVERVIEW))).toBe(true);
});

test("a section of many services follows each of them as if it were made anew", () => {
  const compile = compileDashboards("dc1");
  const document = (namespace: string): string => `agent: {namespace: ${namespace}}\n`;
  const documents = new Map(
    Array.from({ length: MAX_SECTIONS_EACH + 2 }, (_, n) => [`app-${n}`, document("common")]),
  );
  const steps = ["app-3 other", "app-3 common", "app-0 other", "app-0 common"];
  let snapshot = snapshotOf(Object.fromEntries(documents));
  compile(snapshot);

  const shown = steps.map((step) => {
    const [name, namespace] = step.split(" ") as [string, string];
    documents.set(name, document(namespace));
    const changed = snapshotOf({ [name]: document(namespace) }).services;
    // Whoever hasn't changed keeps the same wish.
    snapshot = { ...snapshot, services: new Map([...snapshot.services, ...changed]) };
    return compile(snapshot);
  });

  const graphs = shown.map((desired) => Object.values(sections(desired))[0]!.length - 1);
  expect(graphs).toEqual([1, 2, 1, 2]);
  expect(bodyOf(shown.at(-1)!, OVERVIEW)).toEqual(bodyOf(compiled(Object.fromEntries(documents)), OVERVIEW));
});
