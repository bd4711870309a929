import { readFileSync } from "node:fs";

import { expect, test } from "vitest";
import { parse, stringify } from "yaml";

import { otherThanDefault } from "../builders/option-values.ts";
import { stating } from "../builders/pack-options.ts";
import { observed, PACKS } from "../builders/observed.ts";

type Observed = ReturnType<typeof observed>;
type Instance = Readonly<Record<string, unknown>>;

const SERVICE = { env: "production", team: "platform", notify: ["@slack-ops"] };

function instanceOf({ file }: Observed): Instance | undefined {
  return file === "" ? undefined : (parse(file) as { instances: Instance[] }).instances[0];
}

/** What an option changes: lines of the Agent's file, and which objects come, go or become others. */
function effectOf(plain: Observed, tuned: Observed): Readonly<Record<string, unknown>> {
  const effect: Record<string, unknown> = {};
  const [before, after] = [instanceOf(plain), instanceOf(tuned)];
  if (after === undefined) effect["file"] = before === undefined ? undefined : "none";
  else {
    const changed = Object.entries(after).filter(
      ([name, value]) => JSON.stringify(before?.[name]) !== JSON.stringify(value),
    );
    if (changed.length > 0) effect["instance"] = Object.fromEntries(changed);
    const gone = Object.keys(before ?? {}).filter((name) => !Object.hasOwn(after, name));
    if (gone.length > 0) effect["without"] = gone;
  }
  for (const kind of ["monitors", "slos"] as const) {
    const named = (all: Observed): ReadonlyMap<string, string> =>
      new Map([...all[kind]].map(([key, body]) => [key.slice(key.indexOf("/") + 1), JSON.stringify(body)]));
    Object.assign(effect, difference(kind, named(plain), named(tuned)));
  }
  return { ...effect, ...difference("widgets", widgetsOf(plain), widgetsOf(tuned)) };
}

/** Widgets by dashboard and title. Where one stands is no difference. */
function widgetsOf({ dashboards }: Observed): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visit = (key: string, value: unknown): void => {
    const {
      title = "",
      widgets = [],
      ...rest
    } = (value as { definition: { title?: string; widgets?: object[] } }).definition;
    if (widgets.length === 0) found.set(`${key.replace("_dashboards/", "")}: ${title}`, JSON.stringify(rest));
    for (const widget of widgets) visit(key, widget);
  };
  for (const [key, body] of dashboards)
    for (const widget of (body as { widgets: object[] }).widgets) visit(key, widget);
  return found;
}

function difference(
  what: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Readonly<Record<string, readonly string[]>> {
  const parts = {
    [`more ${what}`]: [...after.keys()].filter((name) => !before.has(name)),
    [`fewer ${what}`]: [...before.keys()].filter((name) => !after.has(name)),
    [`other ${what}`]: [...after]
      .filter(([name, body]) => (before.get(name) ?? body) !== body)
      .map(([name]) => name),
  };
  return Object.fromEntries(Object.entries(parts).filter(([, names]) => names.length > 0));
}

test.for([...PACKS.values()].filter(({ options }) => Object.keys(options).length > 0))(
  "what each option of pack $name does is in its golden file",
  async ({ name: pack, options }) => {
    const service = pack === "generic" ? "web" : pack;
    const tuned = (values: Readonly<Record<string, unknown>>): Observed =>
      observed(service, stringify({ pack, ...SERVICE, ...stating({ options }, values) }));
    const plain = tuned({});

    const effects = Object.entries(options).map(([name, option]) => {
      const value = otherThanDefault(option);
      return [name, { set: value, ...effectOf(plain, tuned({ [name]: value })) }] as const;
    });

    await expect(stringify(Object.fromEntries(effects), { lineWidth: 0 })).toMatchFileSnapshot(
      `../golden/packs/${pack}.options.yaml`,
    );
  },
);

// The service is named as its pack, or `web` for the pack of everything else. Refresh with `vitest run --project unit -u`, and read the difference.
test.for([...PACKS.keys()])(
  "pack %s makes the files (recommended and minimal), monitors, SLOs and dashboards of its golden files",
  async (pack) => {
    const service = pack === "generic" ? "web" : pack;
    const hasProfile = Object.hasOwn(PACKS.get(pack)!.options, "profile");

    const { file, monitors, slos, dashboards } = observed(
      service,
      `pack: ${pack}\nenv: production\nteam: platform\nnotify: ['@slack-ops']\n`,
    );

    await expect(file).toMatchFileSnapshot(`../golden/packs/${pack}.agent.yaml`);
    const minimal = observed(
      service,
      stringify({ pack, ...SERVICE, agent: hasProfile ? { profile: "minimal" } : {} }),
    );
    if (hasProfile) await expect(minimal.file).toMatchFileSnapshot(`../golden/packs/${pack}.minimal.yaml`);
    await expect(`${JSON.stringify(Object.fromEntries(monitors), undefined, 2)}\n`).toMatchFileSnapshot(
      `../golden/packs/${pack}.monitors.json`,
    );
    await expect(`${JSON.stringify(Object.fromEntries(slos), undefined, 2)}\n`).toMatchFileSnapshot(
      `../golden/packs/${pack}.slos.json`,
    );
    await expect(`${JSON.stringify(Object.fromEntries(dashboards), undefined, 2)}\n`).toMatchFileSnapshot(
      `../golden/packs/${pack}.dashboards.json`,
    );
  },
);

test("a metric's name begins with a letter, whatever the service is called", () => {
  expect(observed("3scale-api", "").file).toContain("namespace: s3scale_api\n");
});

test("the example of the reference page is a wish", () => {
  const page = readFileSync(new URL("../../docs/reference/wish.md", import.meta.url), "utf8");
  const example = /```yaml\n(pack:.*?)```/s.exec(page)?.[1] ?? "";

  const { monitors } = observed("ray", example);

  expect([...monitors.keys()]).toContain("ray/queue-too-long");
  expect([...monitors.keys()]).not.toContain("ray/node-cpu");
});

test("a pack compiles to the same bytes every time", () => {
  for (const pack of PACKS.keys()) {
    const texts = new Set(
      Array.from({ length: 50 }, () => {
        const { file, monitors, slos, dashboards } = observed("web", `pack: ${pack}\n`);
        return file + JSON.stringify([...monitors, ...slos, ...dashboards]);
      }),
    );

    expect(texts.size).toBe(1);
  }
});
