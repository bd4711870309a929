/**
 * Makes the pictures of the README from a real session of `dd-observe dev`: `node docs/capture.ts`.
 * Wants Chromium for the page (CHROMIUM_BIN, else /usr/bin/chromium).
 */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";

import { chromium, type Browser } from "playwright-core";

import { DEV_DIR, readSession } from "../cmd/dev/session.ts";
import { main } from "../cmd/main.ts";
import type { Env } from "../cmd/settings.ts";
import type { Terminal } from "../cmd/terminal.ts";
import { startFakeAgent } from "../test/fakes/agent.ts";
import { startFakeConsul } from "../test/fakes/consul.ts";
import { startFakeDatadog } from "../test/fakes/datadog.ts";
import { terminalSvg } from "./terminal-svg.ts";

const IMAGES = path.join(import.meta.dirname, "images");
const WIDTH = 112;

const screen = record();
const session = main(["dev"], { terminal: screen.terminal, env: { PATH: "" } });
await until(() => screen.text().includes("What happens from here on"));
const env = readSession()!;
mkdirSync(IMAGES, { recursive: true });

const started = screen.text();
// Statuses are stored a moment after the page shows them; likewise below.
await sleep(2_500);
await captureCommand("describe", ["describe", "ray"]);

await captureBreak();

// What a person does by hand: an edit that may stand for a while, then a file, a monitor, and a wish that changes.
await editMonitor(/(\d+) \[checkout\] Orders wait too long/.exec(screen.text())![1]!);
await until(() => screen.text().includes("DriftTolerated"));
await sleep(2_500);
await captureCommand("get", ["get"]);
await capturePage(`http://${env["DD_OBSERVE_HTTP_ADDR"]}`);
appendFileSync(path.join(DEV_DIR, "conf.d", "ray.d", "dd-observe-ray.yaml"), "oops\n");
await editMonitor(/(\d+) \[ray\] Object store is nearly full/.exec(screen.text())![1]!);
await until(() => screen.text().split("by hand; set right").length > 3);
await put("observability/payments", "team: payments");
await until(() => /✔.* payments .*AgentLoaded/.test(screen.text()));
const live = screen.text().slice(started.length);

process.kill(process.pid, "SIGTERM");
await session;
const [head = "", tries = ""] = started.split("What happens from here on")[0]!.split("In another terminal");
const firstTries = tries.split("\n\n").slice(1, 4).join("\n\n");
save(
  "dev",
  "npm start",
  `${head}In another terminal:\n\n${firstTries}\n\n  ${styleText("dim", "⋮", { validateStream: false })}\n\n${live}`,
);

await capturePlan();

/** One more service, whose port nobody serves: the Agent's check fails, so that no data comes. */
async function captureBreak(): Promise<void> {
  await fetch(`${env["CONSUL_HTTP_ADDR"]}/v1/agent/service/register`, {
    method: "PUT",
    body: JSON.stringify({
      ID: "search",
      Name: "search",
      Address: "127.0.0.1",
      Port: 9,
      Tags: ["dd-observe"],
    }),
  });
  await until(() => /✘.* search .*AgentLoaded/.test(screen.text()));
  await sleep(2_500);
  await captureCommand("verify", ["verify", "search", "--here"]);
  await fetch(`${env["CONSUL_HTTP_ADDR"]}/v1/agent/service/deregister/search`, { method: "PUT" });
  await until(() => /-\S* file .*search/.test(screen.text()));
}

/** A plan has something to show where no operator runs: after `apply`, with a changed wish, a new service and a file edited by hand. */
async function capturePlan(): Promise<void> {
  const confd = mkdtempSync(path.join(tmpdir(), "dd-observe-capture-"));
  const consul = await startFakeConsul();
  const datadog = await startFakeDatadog();
  const agent = await startFakeAgent({ confdDir: confd, scrape: false });
  const around = {
    CONSUL_HTTP_ADDR: consul.url,
    DD_API_URL: datadog.url,
    DD_API_KEY: datadog.apiKey,
    DD_APP_KEY: datadog.appKey,
    DD_OBSERVE_AGENT_URL: agent.url,
    DD_OBSERVE_CONFD_DIR: confd,
  };
  consul.state.registerService("node-1", { Service: "ray", Port: 8080, Tags: ["dd-observe"] });
  consul.put("observability/ray", "team: ml-platform\nenv: production\n");
  await main(["apply"], { terminal: record().terminal, env: around });

  consul.put(
    "observability/ray",
    "team: ml-platform\nenv: production\nmonitors: {object-store-pressure: {critical: 0.95}, node-cpu: false}\nslos: {object-store-headroom: true}\n",
  );
  consul.state.registerService("node-1", { Service: "checkout", Port: 9102, Tags: ["dd-observe"] });
  await captureCommand("plan", ["plan"], around);

  await Promise.all([consul.stop(), datadog.stop(), agent.stop()]);
  rmSync(confd, { recursive: true });
}

function record(): { readonly terminal: Terminal; readonly text: () => string } {
  let text = "";
  const terminal: Terminal = {
    out: (part) => (text += part),
    err: () => undefined,
    width: WIDTH,
    paint: (style, part) => styleText(style, part, { validateStream: false }),
    readStdin: async () => "",
  };
  return { terminal, text: () => text };
}

async function captureCommand(name: string, argv: readonly string[], around: Env = env): Promise<void> {
  const { terminal, text } = record();
  await main(argv, { terminal, env: around });
  save(name, `dd-observe ${argv.join(" ")}`, text());
}

function save(name: string, title: string, text: string): void {
  writeFileSync(path.join(IMAGES, `${name}.svg`), terminalSvg(title, text, WIDTH));
}

async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
}

async function capturePage(url: string): Promise<void> {
  const browser = await openBrowser();
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await browser.newPage({ viewport: { width: 1200, height: 860 }, colorScheme });
    await page.goto(`${url}/#checkout`);
    await page.locator(".details").waitFor();
    const name = colorScheme === "light" ? "page.png" : "page-dark.png";
    await page.screenshot({ path: path.join(IMAGES, name) });
    await page.close();
  }
  await browser.close();
}

async function put(key: string, text: string): Promise<void> {
  await fetch(`${env["CONSUL_HTTP_ADDR"]}/v1/kv/${key}`, { method: "PUT", body: text });
}

async function editMonitor(id: string): Promise<void> {
  await fetch(`${env["DD_API_URL"]}/api/v1/monitor/${id}`, {
    method: "PUT",
    headers: { "dd-api-key": env["DD_API_KEY"]!, "dd-application-key": env["DD_APP_KEY"]! },
    body: JSON.stringify({ message: "edited by hand" }),
  });
}

async function until(isSo: () => boolean): Promise<void> {
  for (let looks = 0; !isSo(); looks++) {
    if (looks > 300) throw new Error(`not within 30 s; the session said:\n${screen.text()}`);
    await sleep(100);
  }
}
