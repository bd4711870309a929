import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { cpuSecondsOf, rssMibOf } from "./proc.ts";
import type { Answers, Duty, Question } from "./member.ts";

const MEMBER = fileURLToPath(new URL("member.ts", import.meta.url));

/** A process of the simulation. */
export interface Member {
  readonly pid: number;
  ask<Q extends Question>(question: Q): Promise<Answers[Q]>;
  cpuSeconds(): number;
  rssMib(): number;
  stop(): Promise<void>;
}

export function startMember(duty: Duty): Member {
  const child = fork(MEMBER, [], {
    // What nodes keep in memory here is the memory of many machines.
    execArgv: duty.nodes.length === 0 ? ["--semi-space-growth-factor=1"] : ["--max-old-space-size=8192"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" },
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.send(duty);
  const pid = child.pid ?? 0;
  return {
    pid,
    ask: async (question) => await ask(child, question),
    cpuSeconds: () => cpuSecondsOf(pid),
    rssMib: () => rssMibOf(pid),
    async stop() {
      if (child.connected) child.send("stop");
      const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function ask<Q extends Question>(child: ChildProcess, question: Q): Promise<Answers[Q]> {
  return await new Promise((resolve, reject) => {
    const end = (): void => {
      child.off("message", listen);
      child.off("exit", gone);
    };
    const gone = (): void => {
      end();
      reject(new Error(`a process of the simulation ended before it said its ${question}`));
    };
    const listen = (message: unknown): void => {
      const told = message as { readonly question: Question; readonly answer: Answers[Q] };
      if (told.question !== question) return;
      end();
      resolve(told.answer);
    };
    child.on("message", listen);
    child.once("exit", gone);
    child.send(question);
  });
}
