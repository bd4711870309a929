import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** A program that runs until it is stopped. */
export interface Running {
  exitCode(): number | null;
  stop(): Promise<void>;
}

export function run(program: string, args: readonly string[]): Running {
  const child = spawn(program, args, { stdio: "ignore" });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    exitCode: () => child.exitCode,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await gone;
    },
  };
}

/**
 * Asks an address until it answers as it should.
 *
 * @throws {Error} after 20 s, or if the program ended.
 */
export async function untilAnswers(
  url: string,
  running: Running,
  isReady: (body: string) => boolean = () => true,
): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (running.exitCode() !== null)
      throw new Error(`the program of ${url} ended with ${running.exitCode()}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true && isReady(await answer.text())) return;
    await sleep(100);
  }
  throw new Error(`${url} did not answer as it should within 20 s`);
}
