import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { Emitter } from "../../deploy/preload/node/emitter.mjs";
import { destination, instance, unifiedTags } from "../../deploy/preload/node/settings.mjs";
import { transport } from "../../deploy/preload/node/transport.mjs";

interface Agent {
  readonly port: number;
  readonly packets: string[];
  /** All lines so far, once one has the text. */
  lines: (until: string) => Promise<string[]>;
}

async function agent(): Promise<Agent> {
  const socket = createSocket("udp4");
  const packets: string[] = [];
  socket.on("message", (packet) => packets.push(packet.toString()));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  const lines = async (until: string): Promise<string[]> => {
    const all = (): string[] => packets.flatMap((packet) => packet.split("\n"));
    while (!all().some((line) => line.includes(until)))
      await once(socket, "message", { signal: AbortSignal.timeout(5_000) });
    return all();
  };
  return { port: socket.address().port, packets, lines };
}

function emitterTo(port: number, tags: [string, string][] = []): Emitter {
  const emitter = new Emitter(transport({ kind: "udp", host: "127.0.0.1", port }), tags);
  onTestFinished(() => emitter.stop());
  return emitter;
}

test("counts are summed and a distribution's values share one line, with the tags of the process", async () => {
  const there = await agent();
  const emitter = emitterTo(there.port, [
    ["env", "prod"],
    ["team", "a"],
  ]);

  emitter.count("ai.agent.tasks.started", { task_type: "Triage Mail" });
  emitter.count("ai.agent.tasks.started", { task_type: "Triage Mail" });
  emitter.distribution("ai.agent.cost", 0.000000123, { model: "m" });
  emitter.distribution("ai.agent.cost", 2, { model: "m" });
  emitter.flush();

  expect(await there.lines("cost")).toEqual([
    "ai.agent.tasks.started:2|c|#task_type:triage_mail,env:prod,team:a",
    "ai.agent.cost:0.000000123:2|d|#model:m,env:prod,team:a",
  ]);
});

test("what is told in the very turn in which the process ends goes out, and its exit code stays", async () => {
  const there = await agent();
  const modules = new URL("../../deploy/preload/node/", import.meta.url).href;
  const program = `
    import { Emitter } from "${modules}emitter.mjs";
    import { transport } from "${modules}transport.mjs";
    const emitter = new Emitter(transport({ kind: "udp", host: "127.0.0.1", port: ${there.port} }));
    emitter.count("ai.agent.tasks.started", {});
    process.exit(3);`;

  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number];

  expect(code).toBe(3);
  expect(await there.lines("started")).toEqual(["ai.agent.tasks.started:1|c"]);
});

test("no packet is longer than a network takes without fragments", async () => {
  const there = await agent();
  const emitter = emitterTo(there.port);

  for (let at = 0; at < 1_000; at += 1) emitter.distribution("ai.agent.tokens", 100_000 + at, { model: "m" });
  emitter.count("ai.agent.end", {});
  emitter.flush();
  emitter.count("ai.agent.last", {});
  emitter.flush();

  const lines = await there.lines("ai.agent.last");
  const values = lines
    .filter((line) => line.startsWith("ai.agent.tokens:"))
    .flatMap((line) => line.slice("ai.agent.tokens:".length, line.indexOf("|")).split(":"));
  expect(values).toHaveLength(1_000);
  expect(Math.max(...there.packets.map((packet) => Buffer.byteLength(packet)))).toBeLessThanOrEqual(1_432);
});

test.for([
  [{}, { kind: "udp", host: "127.0.0.1", port: 8125 }],
  [
    { DD_AGENT_HOST: "10.0.0.1", DD_DOGSTATSD_PORT: "18125" },
    { kind: "udp", host: "10.0.0.1", port: 18_125 },
  ],
  [{ DD_DOGSTATSD_URL: "udp://[::1]:9000" }, { kind: "udp", host: "::1", port: 9_000 }],
  [
    { DD_DOGSTATSD_URL: "unix:///dsd.socket", DD_TRACE_AGENT_URL: "unix:///apm.socket" },
    { kind: "proxy", socketPath: "/apm.socket" },
  ],
  [{ DD_DOGSTATSD_URL: "unix:///dsd.socket" }, { kind: "proxy", socketPath: "/var/run/datadog/apm.socket" }],
] as const)("%j sends to %j", ([env, wanted]) => {
  expect(destination(env)).toEqual(wanted);
});

test("the tags of a process come from DD_ENV and its kind, then from DD_TAGS", () => {
  const tags = unifiedTags({
    DD_ENV: "prod",
    DD_SERVICE: "svc",
    DD_TAGS: "team:a,env:dev cluster:c:1,bad,:x",
  });

  expect(tags).toEqual([
    ["env", "prod"],
    ["service", "svc"],
    ["team", "a"],
    ["cluster", "c:1"],
  ]);
});

test("gauges of several processes and threads have series of their own, and never more than a few", () => {
  expect(instance({ NOMAD_ALLOC_INDEX: "3" })).toBe(`3.${(process.pid * 7) % 64}`);
  expect(instance({})).toBe(String((process.pid * 7) % 64));
});

test("a gauge tells whose it is, and nothing else does", async () => {
  const there = await agent();
  const to = transport({ kind: "udp", host: "127.0.0.1", port: there.port });
  const emitter = new Emitter(to, [["env", "prod"]], "0.5");
  onTestFinished(() => emitter.stop());

  emitter.gauge(() => [{ name: "ai.agent.tasks.active", value: 2, tags: { agent: "a" } }]);
  emitter.count("ai.agent.tasks.started", { agent: "a" });
  emitter.flush();

  expect(await there.lines("started")).toEqual([
    "ai.agent.tasks.active:2|g|#agent:a,instance:0.5,env:prod",
    "ai.agent.tasks.started:1|c|#agent:a,env:prod",
  ]);
});

test("where metrics have a socket of Unix, the trace Agent takes them", async () => {
  const socketPath = path.join(mkdtempSync(path.join(tmpdir(), "preload-")), "apm.socket");
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += String(part)));
    request.on("end", () => {
      bodies.push(`${request.method} ${request.url} ${body}`);
      response.end();
      server.emit("taken");
    });
  });
  server.listen(socketPath);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const taken = once(server, "taken");

  transport({ kind: "proxy", socketPath }).send(["a:1|c", "b:2|c"]);

  await taken;
  expect(bodies).toEqual(["POST /dogstatsd/v2/proxy a:1|c\nb:2|c"]);
});

test("a process whose metrics go to the trace Agent ends by itself", async () => {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    request.on("data", (part) => bodies.push(String(part)));
    request.on("end", () => {
      response.end();
      child.stdin.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const modules = new URL("../../deploy/preload/node/", import.meta.url).href;
  // At work until its metric has arrived.
  const program = `
    import { Emitter } from "${modules}emitter.mjs";
    import { transport } from "${modules}transport.mjs";
    const emitter = new Emitter(transport({ kind: "proxy", host: "127.0.0.1", port: ${port} }));
    emitter.count("ai.agent.tasks.started", {});
    emitter.flush();
    process.stdin.resume();`;

  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [code] = (await once(child, "exit")) as [number];

  expect(code).toBe(0);
  expect(bodies).toEqual(["ai.agent.tasks.started:1|c"]);
});

test("an Agent that isn't there is no failure", async () => {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  const emitter = emitterTo(port);

  for (let at = 0; at < 5; at += 1) {
    emitter.count("ai.agent.tasks.started", {});
    emitter.flush();
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }

  const there = createSocket("udp4");
  onTestFinished(() => void there.close());
  there.bind(port, "127.0.0.1");
  await once(there, "listening");
  const [packet] = await Promise.all([
    once(there, "message"),
    (async (): Promise<void> => {
      for (let at = 0; at < 3; at += 1) {
        emitter.count("ai.agent.tasks.started", {});
        emitter.flush();
        await new Promise((resolve) => void setTimeout(resolve, 5));
      }
    })(),
  ]);
  expect(String(packet[0])).toContain("ai.agent.tasks.started:1|c");
});
