import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

import { nowMs } from "./cluster.ts";

/** Says when a file shows a text. Looks twice a millisecond, from a thread of its own. */
export class Eye {
  readonly #worker = new Worker(new URL(import.meta.url));

  /** @returns A time as of `nowMs`; undefined if the text didn't come. */
  async see(path: string, text: string, timeoutMs = 10_000): Promise<number | undefined> {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage({ path, text, timeoutMs } satisfies Task);
    const [seenAt] = (await once(this.#worker, "message")) as [number | undefined];
    return seenAt;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

interface Task {
  readonly path: string;
  readonly text: string;
  readonly timeoutMs: number;
}

const LOOK_EVERY_MS = 0.5;

if (!isMainThread) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.on("message", (task: Task) => parentPort?.postMessage(look(task)));
}

function look({ path, text, timeoutMs }: Task): number | undefined {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const until = nowMs() + timeoutMs;
  let before = "";
  while (nowMs() < until) {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    const version = `${stat?.ino}.${stat?.ctimeNs}`;
    if (stat !== undefined && version !== before) {
      before = version;
      if (readFileSync(path, "utf8").includes(text)) return nowMs();
    }
    Atomics.wait(pause, 0, 0, LOOK_EVERY_MS);
  }
  return undefined;
}
