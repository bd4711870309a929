/**
 * Makes the pictures of the composed dashboards, of a cluster with one service of each pack:
 * `node docs/capture-dashboards.ts`. Wants Chromium (CHROMIUM_BIN, else /usr/bin/chromium).
 */
import { mkdirSync } from "node:fs";
import path from "node:path";

import { chromium } from "playwright-core";

import { dashboardPage } from "../cmd/dashboard-page.ts";
import { CLUSTERS, composed } from "../test/builders/composed.ts";

const IMAGES = path.join(import.meta.dirname, "images");

mkdirSync(IMAGES, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const [name, body] of composed(CLUSTERS["all packs together"] ?? {}).dashboards) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 780 }, colorScheme: "light" });
  await page.setContent(dashboardPage(body));
  await page.screenshot({ path: path.join(IMAGES, `dashboard-${name}.png`) });
  await page.close();
}
await browser.close();
