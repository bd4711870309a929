import { once } from "node:events";
import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { sendGauge } from "../../clients/dogstatsd.ts";
import { Board } from "../../engine/status/board.ts";
import { SteppedClock } from "../../test/builders/clock.ts";
import { SILENT } from "../../test/builders/engine-world.ts";
import type { DesiredPolls, Poll } from "./compile.ts";
import { Polls } from "./runner.ts";

let api: Server;
let agent: Socket;
let answer: { status: number; body: string; location?: string };
let asked: string[];
let received: string[];
let base: string;
let dogstatsd: { host: string; port: number };
let clock: SteppedClock;
let board: Board;
let polls: Polls;

beforeEach(async () => {
  answer = { status: 200, body: '{"count":"12"}' };
  asked = [];
  received = [];
  api = createServer((request, response) => {
    asked.push(request.url ?? "");
    response
      .writeHead(answer.status, {
        "content-type": "application/json",
        ...(answer.location === undefined ? {} : { location: answer.location }),
      })
      .end(answer.body);
  }).listen(0, "127.0.0.1");
  await once(api, "listening");
  base = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  agent = createSocket("udp4");
  agent.on("message", (message) => received.push(message.toString()));
  agent.bind(0, "127.0.0.1");
  await once(agent, "listening");
  dogstatsd = { host: "127.0.0.1", port: agent.address().port };
  clock = new SteppedClock();
  board = new Board("node-1", () => clock.date());
  board.know("flow", 7);
  polls = new Polls({
    send: async (gauge) => await sendGauge(dogstatsd, gauge),
    board,
    clock,
    log: SILENT,
  });
});

afterEach(async () => {
  await polls.close();
  api.closeAllConnections();
  api.close();
  if (agent.listenerCount("message") > 0) agent.close();
});

function poll(over: Partial<Poll> = {}): Poll {
  return {
    key: "flow/running/default",
    service: "flow",
    url: `${base}/count?of=running`,
    pointer: "/count",
    whenAbsent: undefined,
    metric: "flow.running",
    tags: ["env:prod", "space:default"],
    intervalMs: 60_000,
    hint: "Open the API.",
    ...over,
  };
}

function wanted(...all: readonly Poll[]): DesiredPolls {
  return { polls: new Map(all.map((one) => [one.key, one])), held: new Set(), refused: new Map() };
}

function offer(desired: DesiredPolls): void {
  polls.offer(desired, () => 7);
}

function condition(): unknown {
  return board.get("flow")?.conditions.find(({ type }) => type === "Polling");
}

/** One interval, and the time that the sockets take. */
async function tick(until: () => void): Promise<void> {
  await clock.advance(66_000);
  await vi.waitFor(until, { timeout: 5_000 });
}

test("sends what the API says as a gauge, with tags, once an interval", async () => {
  offer(wanted(poll()));
  await tick(() => expect(received).toEqual(["flow.running:12|g|#env:prod,space:default"]));

  answer.body = '{"count":13.5}';
  await tick(() => expect(received.at(-1)).toBe("flow.running:13.5|g|#env:prod,space:default"));

  expect(asked).toEqual(["/count?of=running", "/count?of=running"]);
  await vi.waitFor(() => expect(condition()).toMatchObject({ status: "True", reason: "Running" }));
});

test("an absent number is what the pack says it means", async () => {
  answer.body = "{}";
  offer(wanted(poll({ whenAbsent: 0 })));

  await tick(() => expect(received).toEqual(["flow.running:0|g|#env:prod,space:default"]));
});

test.for([
  ["an error", 403, "not allowed", "403 not allowed"],
  ["what is no number", 200, '{"count":"many"}', '"many" at /count, which is no number'],
  ["an absent number that means nothing", 200, "{}", "nothing at /count, which is no number"],
  ["what is no JSON", 200, "<html>", "is not valid JSON"],
] as const)("tells of %s, with what to do, and sends nothing", async ([, status, body, message]) => {
  answer = { status, body };
  offer(wanted(poll()));

  await tick(() => expect(condition()).toMatchObject({ status: "False", reason: "PollFailed" }));

  expect(condition()).toMatchObject({ message: expect.stringContaining(message) });
  expect(condition()).toMatchObject({ message: expect.stringContaining("Open the API.") });
  expect(received).toEqual([]);
});

test("follows no redirect", async () => {
  answer = { status: 302, body: "", location: `${base}/elsewhere` };
  offer(wanted(poll()));

  await tick(() => expect(condition()).toMatchObject({ status: "False", reason: "PollFailed" }));

  expect(asked).toEqual(["/count?of=running"]);
});

test("one lost answer between good ones is no news, two are", async () => {
  offer(wanted(poll()));
  await tick(() => expect(condition()).toMatchObject({ status: "True" }));

  answer.status = 503;
  await tick(() => expect(asked).toHaveLength(2));
  expect(condition()).toMatchObject({ status: "True" });
  await tick(() => expect(condition()).toMatchObject({ status: "False", reason: "PollFailed" }));

  answer.status = 200;
  await tick(() => expect(condition()).toMatchObject({ status: "True", reason: "Running" }));
});

test("says so if no Agent listens", async () => {
  await new Promise<void>((resolve) => agent.close(resolve));
  agent = createSocket("udp4");
  offer(wanted(poll()));

  await tick(() => expect(condition()).toMatchObject({ status: "False", reason: "PollFailed" }));

  expect(condition()).toMatchObject({
    message: expect.stringContaining(`DogStatsD at 127.0.0.1:${dogstatsd.port}`),
  });
});

test("asks no more of what nobody wants any more, and takes its word back", async () => {
  offer(wanted(poll()));
  await tick(() => expect(received).toHaveLength(1));

  offer(wanted());
  await clock.advance(600_000);

  expect(condition()).toBeUndefined();
  expect(asked).toHaveLength(1);
});

test("goes on with what is held, and begins anew with what changed", async () => {
  offer(wanted(poll()));
  await tick(() => expect(received).toHaveLength(1));

  offer({ polls: new Map(), held: new Set(["flow"]), refused: new Map() });
  await tick(() => expect(received).toHaveLength(2));

  offer(wanted(poll({ tags: ["env:test"] })));
  await tick(() => expect(received.at(-1)).toBe("flow.running:12|g|#env:test"));
});

test("tells of an address that must not be asked", () => {
  offer({ polls: new Map(), held: new Set(), refused: new Map([["flow", "it is link-local"]]) });

  expect(condition()).toMatchObject({
    status: "False",
    reason: "AddressRefused",
    message: "it is link-local",
    observedGeneration: 7,
  });
});
