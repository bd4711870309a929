import { defineConfig } from "vitest/config";

/**
 * Four projects: `unit` runs beside the code, in parallel. `integration` runs
 * reconcile tests against fakes at the socket. `chaos` lets whole operators run among
 * faults, in fast time. `e2e` starts real processes and a
 * real Consul where one can be had, one test at a time.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{cmd,controllers,crds,engine,clients,packs,web}/**/*.test.ts", "test/unit/**/*.test.ts"],
          // On a machine that does other things as well, five seconds are soon over.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/{reconcile,contracts,fakes}/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          // The steps follow from a seed, what comes between them does not; the report shows a second try.
          retry: 2,
          testTimeout: 240_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          // Real processes on a busy machine: one more try, which the report shows.
          retry: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { concurrent: false },
        },
      },
    ],
  },
});
