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

test("keeps the spans of a trace that came with a table of texts", async () => {
  const intake = await open();
  // [["", "web", "chat", "env", "prod", "p"], [[[1, 2, 0, 7, 8, 0, 1, 1, 0, {3: 4}, {5: 2}, 0]]]]
  const hex = "9296a0a3776562a463686174a3656e76a470726f64a17091919c010200070800010100810304810502 00";

  await fetch(`${intake.url}/v0.5/traces`, { method: "PUT", body: Buffer.from(hex.replace(" ", ""), "hex") });

  expect(intake.spans).toEqual([{ name: "chat", service: "web", meta: { env: "prod" }, metrics: { p: 2 } }]);
  expect(intake.faults).toEqual([]);
});

test("keeps what of LLM Observability goes along with a trace", async () => {
  const intake = await open();
  // {name: "chat", meta: {span: {kind: "tool"}}, tags: {ml_app: "a"}, metrics: {}}
  const along =
    "84a46e616d65a463686174a46d65746181a47370616e81a46b696e64a4746f6f6ca47461677381a66d6c5f617070a161a76d65747269637380";
  // [[{name: "x", meta_struct: {_llmobs: <those bytes>}}]]
  const head = `919182a46e616d65a178ab6d6574615f73747275637481a75f6c6c6d6f6273c4${(along.length / 2).toString(16)}`;

  await fetch(`${intake.url}/v0.4/traces`, { method: "PUT", body: Buffer.from(head + along, "hex") });

  expect(intake.llmSpans).toEqual([{ name: "chat", kind: "tool", tags: ["ml_app:a"], metrics: {} }]);
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
  const body = JSON.stringify([
    { event_type: "span", spans: [{ name: "chat", meta: { "span.kind": "llm" } }] },
  ]);
  const path = "/evp_proxy/v2/api/v2/llmobs";
  const [with_, without] = [await open(), await open({ evpProxy: false })];

  const answers = [
    await fetch(with_.url + path, { method: "POST", body }),
    await fetch(without.url + path, { method: "POST", body }),
  ];

  expect(answers.map(({ status }) => status)).toEqual([202, 404]);
  expect(with_.llmSpans).toEqual([{ name: "chat", kind: "llm", tags: [], metrics: {} }]);
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
