import { parseArgs } from "node:util";

import { runSeed, type SeedResult } from "./run-seed.ts";

const { values } = parseArgs({
  options: {
    /** How many plays, one after another. */
    runs: { type: "string", default: "1" },
    /** Of the first; each further one has the next. */
    seed: { type: "string", default: "1" },
    steps: { type: "string", default: "250" },
    /** Every step and every line of the log, as they come. */
    verbose: { type: "boolean", default: false },
  },
});

process.exitCode = (await playAll()) === 0 ? 0 : 1;

/** @returns How many failed. */
async function playAll(): Promise<number> {
  const [runs, first, steps] = [Number(values.runs), Number(values.seed), Number(values.steps)];
  let failed = 0;
  for (let seed = first; seed < first + runs; seed++) {
    const startedMs = performance.now();
    const result = await runSeed({
      seed,
      steps,
      ...(values.verbose
        ? { onStep: (told) => say(told), onLine: (holder, line) => say(`  ${holder} ${line}`) }
        : {}),
    });
    tell(result, performance.now() - startedMs);
    if (result.wrong.length > 0) failed++;
  }
  print(`${runs} plays, ${runs * steps} steps, ${failed} failed`);
  return failed;
}

function say(text: string): void {
  print(`${(performance.now() / 1_000).toFixed(3)} ${text}`);
}

function tell({ seed, steps, operators, writes, settledMs, wrong, log }: SeedResult, tookMs: number): void {
  const what = `${steps.length} steps, ${operators} operators, ${writes} writes, settled in ${settledMs} ms, ${Math.round(tookMs)} ms in all`;
  print(`seed ${seed}: ${wrong.length === 0 ? "well" : "WRONG"} (${what})`);
  if (wrong.length === 0) return;
  for (const line of wrong) print(`  ${line}`);
  print(`  once more: npm run chaos -- --seed ${seed} --steps ${steps.length} --verbose`);
  if (values.verbose) for (const line of log) print(line);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
