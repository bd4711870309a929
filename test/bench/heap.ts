import { writeFileSync } from "node:fs";

/** Loaded into a process under test: on SIGUSR2 it writes what its heap holds after a full collection, in MiB. */
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  writeFileSync(process.env["BENCH_HEAP_FILE"] ?? "", String((heapUsed + external) / 2 ** 20));
});
