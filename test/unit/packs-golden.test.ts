import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { observed, PACKS } from "../builders/observed.ts";

// The service is named as its pack, or `web` for the pack of everything else. Refresh with `vitest run --project unit -u`, and read the difference.
test.for([...PACKS.keys()])(
  "pack %s makes the files, monitors, SLOs and dashboards of its golden files",
  async (pack) => {
    const service = pack === "generic" ? "web" : pack;

    const { file, monitors, slos, dashboards } = observed(
      service,
      `pack: ${pack}\nenv: production\nteam: platform\nnotify: ['@slack-ops']\n`,
    );

    await expect(file).toMatchFileSnapshot(`../golden/packs/${pack}.agent.yaml`);
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
