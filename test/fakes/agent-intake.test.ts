import { createSocket } from "node:dgram";

import { expect, onTestFinished, test } from "vitest";

import { startAgentIntake, type AgentIntakeOptions } from "./agent-intake.ts";
import { decodeMsgpack } from "./msgpack.ts";

async function open(options?: AgentIntakeOptions) {
  const intake = await startAgentIntake(options);
  onTestFinished(async () => await intake.stop());
  return intake;
}

test("keeps the spans of a trace that came as MessagePack", async () => {
  const intake = await open();
  // [[{name: "chat", metrics: {p: 2}}]]
  const body = Buffer.from("919182a46e616d65a463686174a76d65747269637381a17002", "hex");

  const answer = await fetch(`${intake.url}/v0.4/traces`, { method: "PUT", body });

  expect(answer.status).toBe(200);
  expect(intake.spans).toEqual([{ name: "chat", metrics: { p: 2 } }]);
});

test("a body that is cut short is refused and told of", async () => {
  const intake = await open();

  const answer = await fetch(`${intake.url}/v0.4/traces`, {
    method: "PUT",
    body: Buffer.from("a46e", "hex"),
  });

  expect(answer.status).toBe(400);
  expect(intake.faults).toEqual([expect.stringContaining("cut short")]);
});

test("only an Agent with the proxy takes LLM Observability", async () => {
  const body = JSON.stringify([{ event_type: "span", spans: [{ name: "chat" }] }]);
  const path = "/evp_proxy/v2/api/v2/llmobs";
  const [with_, without] = [await open(), await open({ evpProxy: false })];

  const answers = [
    await fetch(with_.url + path, { method: "POST", body }),
    await fetch(without.url + path, { method: "POST", body }),
  ];

  expect(answers.map(({ status }) => status)).toEqual([202, 404]);
  expect(with_.llmSpans).toEqual([{ name: "chat" }]);
  expect(without.llmSpans).toEqual([]);
});

test("keeps the metrics of a datagram, with all values of a distribution", async () => {
  const intake = await open();
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());

  socket.send("ai.agent.tokens:150:90|d|#agent:a,env:b\nbroken", intake.dogstatsdPort, "127.0.0.1");

  await new Promise((resolve) => socket.send("", intake.dogstatsdPort, "127.0.0.1", resolve));
  await intake.settle();

  expect(intake.faults).toEqual(["not DogStatsD: broken"]);
  expect(intake.metrics).toEqual([
    { name: "ai.agent.tokens", type: "d", values: [150, 90], tags: ["agent:a", "env:b"] },
  ]);
});

test("reads negative numbers, doubles and nothing", () => {
  expect(decodeMsgpack(Buffer.from("94ffd0 80cb3ff8000000000000c0".replace(" ", ""), "hex"))).toEqual([
    -1,
    -128,
    1.5,
    null,
  ]);
});
