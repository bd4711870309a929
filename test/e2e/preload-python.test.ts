import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { beforeAll, describe, expect, test } from "vitest";

import { NO_PYTHON, pythonBinary } from "../servers/python.ts";
import { installPython } from "../workloads/install-python.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PRELOAD = join(ROOT, "deploy/preload/python");
const AGENT = join(ROOT, "test/workloads/python/agent.py");

const python = pythonBinary();
const run = promisify(execFile);

describe.skipIf(python === undefined)(
  `an unmodified LangGraph application in Python${python === undefined ? ` (${NO_PYTHON})` : ""}`,
  () => {
    let bin = "";
    let absent = "";

    beforeAll(async () => {
      const installed = await installPython(python!);
      if (typeof installed === "string") absent = installed;
      else ({ bin } = installed);
    }, 400_000);

    test.for(["python", "ddtrace-run"])(
      "sends the metrics of an agent when started with %s",
      async (command, { skip }) => {
        if (absent !== "") skip(absent);

        const { stdout, lines } = await start(bin, command, ["Where is order 42", "Where is order x"]);

        expect(stdout).toMatch(/^Order 42 was sent yesterday\.\n.*digits only/);
        expect(lines.get("ai.agent.tasks.started")).toEqual(["2|c"]);
        expect(lines.get("ai.agent.tasks.completed")).toEqual(["2|c"]);
        expect(lines.get("ai.agent.tasks.active")).toEqual(["0|g"]);
        expect(lines.get("ai.agent.tokens.input")).toEqual(["100:100:100:100|d"]);
        expect(lines.get("ai.agent.tokens.output")).toEqual(["20:20:20:20|d"]);
        // 100 tokens at 0.15 and 20 at 0.60 dollars per million.
        expect(lines.get("ai.agent.cost")).toEqual(["0.000027:0.000027:0.000027:0.000027|d"]);
        expect(lines.get("ai.agent.task.steps")).toEqual(["3:3|d"]);
        expect(lines.get("ai.agent.tool.selected")).toEqual(["2|c"]);
        expect(lines.get("ai.agent.tool.failures")).toEqual(["1|c"]);
        expect(lines.get("ai.agent.tool.duration")).toHaveLength(2);
      },
    );

    test("runs the same where the Agent is down and where the preload is missing", async ({ skip }) => {
      if (absent !== "") skip(absent);

      const without = await run(join(bin, "python"), [AGENT], { env: environment({}) });
      const down = await run(join(bin, "python"), [AGENT], {
        env: environment({ PYTHONPATH: PRELOAD, DD_DOGSTATSD_URL: "udp://127.0.0.1:1" }),
      });
      const missing = await run(join(bin, "python"), [AGENT], {
        env: environment({ PYTHONPATH: "/nonexistent/python" }),
      });

      expect(down).toEqual(without);
      expect(missing).toEqual(without);
    });
  },
);

/** Runs the application beside a DogStatsD receiver; what came, by metric, without tags. */
async function start(
  bin: string,
  command: string,
  questions: readonly string[],
): Promise<{ readonly stdout: string; readonly lines: ReadonlyMap<string, readonly string[]> }> {
  const socket = createSocket("udp4");
  const lines = new Map<string, string[]>();
  socket.on("message", (packet) => {
    for (const line of packet.toString().split("\n")) {
      const [, name, rest] = /^(ai\.agent\.[\w.]+):([^#]+)\|#/.exec(line) ?? [];
      if (name !== undefined) lines.set(name, [...(lines.get(name) ?? []), rest!]);
    }
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  try {
    const env = environment({
      PYTHONPATH: PRELOAD,
      DD_SERVICE: "support",
      DD_DOGSTATSD_URL: `udp://127.0.0.1:${socket.address().port}`,
      // No Agent listens for traces: the tracer must do without.
      DD_TRACE_AGENT_URL: "http://127.0.0.1:1",
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: "false",
      DD_REMOTE_CONFIGURATION_ENABLED: "false",
    });
    const args = command === "python" ? [AGENT] : [join(bin, "python"), AGENT];
    const { stdout } = await run(join(bin, command), [...args, ...questions], { env });
    // The last packets are in the socket's queue.
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { stdout, lines };
  } finally {
    socket.close();
  }
}

/** Nothing of this machine's own settings reaches the workload. */
function environment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(DD_|PYTHON|OTEL_|LANG|OPENAI_)/.test(name) || name === "LANG",
  );
  return { ...Object.fromEntries(own), ...extra };
}
