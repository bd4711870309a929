import { existsSync } from "node:fs";

import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readConfig } from "../../cmd/config.ts";
import { openConsul } from "../../cmd/connect.ts";
import { wishedBy } from "../builders/composed.ts";
import { pageFiles, pagesOf } from "../../cmd/pages.ts";
import { startOperator } from "../../cmd/run.ts";
import { Budget } from "../../engine/budget.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { Board } from "../../engine/status/board.ts";
import { openLog } from "../../engine/log.ts";
import { startServer } from "../../engine/server.ts";
import { startFakeConsul } from "../fakes/consul.ts";

const BROWSER = process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium";
const MARKUP = `<img src=x onerror="document.title='taken over'"><b>bold</b>`;

describe.skipIf(!existsSync(BROWSER))(
  "the status page, in a browser (skipped where there is none; set CHROMIUM_BIN)",
  () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox", "--disable-gpu"] });
    });
    afterAll(async () => await browser?.close());

    test("shows the services of a running operator, who leads, and what is wrong with a document", async () => {
      await using consul = await startFakeConsul();
      consul.state.registerService("node-1", { Service: "ray", Port: 8080, Tags: ["dd-observe"] });
      consul.put("observability/payments", "monitors: {endpoint-dwn: false}");
      const stop = new AbortController();
      const config = readConfig({}, { CONSUL_HTTP_ADDR: consul.url, DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0" });
      const operator = await startOperator(
        config,
        "controller",
        stop.signal,
        openLog({ level: "silent", pretty: false }),
      );
      const page = await browser.newPage();

      await page.goto(operator.url);
      const payments = page.locator("tbody[data-service=payments]");
      await payments.getByText("InvalidWish").waitFor();

      expect(await payments.innerText()).toContain("did you mean endpoint-down?");
      expect(await page.locator("tbody[data-service]").count()).toBe(2);
      await page.locator("#leader", { hasText: "leads" }).waitFor();

      await page.close();
      stop.abort();
      await operator.done;
    });

    test("says that Datadog is down, and since when", async () => {
      const budget = new Budget({ failureThreshold: 1 });
      const permit = await budget.acquire("listMonitors", "drift", new AbortController().signal);
      permit.failed();
      await using served = await serveBoard(() => undefined, { budget });
      const page = await browser.newPage();

      await page.goto(served.url);

      await page.locator("#progress", { hasText: /^Datadog: down since \d\d:\d\d:\d\d/ }).waitFor();
      await page.close();
    });

    test("shows the conditions, objects and events of a service that is opened", async () => {
      await using served = await serveBoard((board) => {
        board.setConditions("ray", 7, [
          condition({ type: "MonitorsSynced", message: "6 monitors as wished" }),
        ]);
        board.addEvent(
          "ray",
          "DriftCorrected",
          "monitors ray/node-memory: changed by hand, set right (query)",
        );
      });
      const page = await browser.newPage();

      await page.goto(served.url);
      await page.getByRole("button", { name: "ray" }).click();
      const details = page.locator(".details");
      await details.waitFor();

      const text = await details.innerText();
      expect(text).toContain("MonitorsSynced");
      expect(text).toContain("6 monitors as wished");
      expect(text).toContain("changed by hand, set right");
      await page.close();
    });

    test("shows every kind of object, and each field that a person changed", async () => {
      await using served = await serveBoard((board) => {
        const [monitors, slos] = [new Memory(), new Memory()];
        board.addMemory("slos", slos);
        board.addMemory("monitors", monitors);
        const edit = { path: "priority", wanted: 4, found: 1, wish: "w", since: Date.now(), until: Infinity };
        monitors.set("ray/load", { owner: "ray", ref: "12", applied: "a", drift: [{ ...edit, by: "ada" }] });
        slos.set("ray/latency", { owner: "ray", ref: "ab", applied: "a" });
        board.setConditions("ray", 7, [condition({})]);
      });
      const page = await browser.newPage();
      const complaints = complaintsOf(page);

      await page.goto(served.url);
      await page.getByRole("button", { name: "ray" }).click();
      const details = page.locator(".details");
      await details.waitFor();

      const text = (await details.innerText()).replaceAll(/\s+/g, " ");
      expect(text).toMatch(/changed by hand ray\/load priority: 4 → 1 only reported, by ada/i);
      expect(text).toMatch(/objects monitor ray\/load 12 SLO ray\/latency ab/i);
      expect(complaints).toEqual([]);
      await page.close();
    });

    test("leads from a dashboard to how it is laid out, where no token is asked for", async () => {
      await using served = await serveBoard((board) => {
        const dashboards = new Memory();
        board.addMemory("dashboards", dashboards);
        const key = "_dashboards/ai-agent-performance";
        dashboards.set(key, { owner: key, ref: "abc-def-ghi", applied: "a" });
        board.setConditions(key, 1, [condition({})]);
      });
      const page = await browser.newPage();
      await page.goto(served.url);
      await page.getByRole("button", { name: "_dashboards/ai-agent-performance" }).click();

      const [layout] = await Promise.all([
        page.waitForEvent("popup"),
        page.getByRole("link", { name: "layout" }).click(),
      ]);
      const complaints = complaintsOf(layout);
      await layout.reload();

      expect(await layout.locator("h1").innerText()).toBe("AI Agent Performance");
      expect(await layout.locator("article").count()).toBeGreaterThan(10);
      const [first, second] = [layout.locator("article").first(), layout.locator("article").nth(1)];
      // Side by side: its styles are let through.
      expect((await first.boundingBox())!.y).toBe((await second.boundingBox())!.y);
      expect(complaints).toEqual([]);
      expect((await fetch(`${served.url}/dashboard?key=nothing`)).status).toBe(404);
      await layout.close();
      await page.close();
    });

    test("shows what others wrote as text, never as markup", async () => {
      await using served = await serveBoard((board) => {
        board.setConditions(MARKUP, 1, [
          condition({ status: "False", reason: MARKUP, message: `not right: ${MARKUP}` }),
        ]);
        board.addEvent(MARKUP, MARKUP, MARKUP);
      });
      const page = await browser.newPage();

      await page.goto(served.url);
      await page.locator(".service").click();
      await page.locator(".details").waitFor();

      expect(await page.locator(".service").innerText()).toBe(MARKUP);
      expect(await page.locator("td").nth(2).innerText()).toContain(`not right: ${MARKUP}`);
      expect(await page.locator("main img, main b").count()).toBe(0);
      expect(await page.title()).toBe("dd-observe");
      await page.close();
    });

    test("shows a thousand services, finds one of them, and follows what changes", async () => {
      let board!: Board;
      await using served = await serveBoard((empty) => {
        board = empty;
        for (let at = 0; at < 1_000; at++)
          empty.setConditions(`service-${at}`, 1, [condition({ message: "as wished" })]);
      });
      const page = await browser.newPage();
      const complaints = complaintsOf(page);

      await page.goto(served.url);
      await page.getByRole("button", { name: "ready 1000" }).waitFor();
      const all = await page.locator("tbody[data-service]").count();
      await page.getByRole("searchbox").fill("service-998");
      const found = await page.locator("tbody[data-service]").allInnerTexts();
      board.setConditions("service-998", 2, [condition({ status: "False", reason: "Rejected" })]);
      await page.locator("tbody[data-service]", { hasText: "needs a person" }).waitFor();

      expect(all).toBe(1_000);
      expect(found).toHaveLength(1);
      expect(complaints).toEqual([]);
      await page.close();
    });

    // Only Linux has a second address of loopback by itself.
    test.skipIf(process.platform !== "linux")(
      "asks for the token where one is needed, and shows nothing before",
      async () => {
        await using served = await serveBoard((board) => board.setConditions("ray", 1, [condition({})]), {
          token: "a-token",
        });
        const page = await browser.newPage();

        await page.goto(served.url);
        await page.locator("#sign-in").waitFor();
        const before = await page.locator("tbody[data-service]").count();
        await page.getByLabel("token").fill("a-token");
        await page.getByRole("button", { name: "Show" }).click();
        await page.locator("tbody[data-service=ray]").waitFor();

        expect(before).toBe(0);
        expect(await page.locator("#sign-in").isVisible()).toBe(false);
        await page.close();
      },
    );
  },
);

function condition(fields: Partial<Parameters<Board["setConditions"]>[2][number]>) {
  return { type: "Accepted", status: "True", reason: "Accepted", message: "", ...fields } as const;
}

/** What the browser has to complain of, such as scripts that its policy refuses. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  return complaints;
}

/** The page of a process that has this to say, without the operator that says it. */
async function serveBoard(
  fill: (board: Board) => void,
  { token, budget = new Budget() }: { readonly token?: string; readonly budget?: Budget } = {},
) {
  const consul = await startFakeConsul();
  const config = readConfig({}, { CONSUL_HTTP_ADDR: consul.url });
  const board = new Board("controller");
  fill(board);
  const server = await startServer({
    // Any other address than these few is taken for one that others reach as well.
    host: token === undefined ? "127.0.0.1" : "127.0.0.2",
    port: 0,
    token,
    health: () => ({ ok: true, problems: [] }),
    readiness: () => ({ ok: true, problems: [] }),
    metrics: async () => ({ type: "text/plain", body: "" }),
    pages: pagesOf({
      role: "controller",
      clusterId: "dc1",
      consul: openConsul(config),
      config,
      boards: new Map([["controller", board]]),
      standing: () => ({ role: "leader", epoch: 1 }),
      budget,
      snapshot: () => wishedBy({ ray: "", "my-agent": "pack: ai-agent\n" }),
    }),
    files: pageFiles(),
  });
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await consul.stop();
    },
  };
}
