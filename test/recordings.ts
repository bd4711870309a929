import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

import { parse } from "yaml";

const FILE = new URL("../../shared/ddapi/test/recordings.json.gz", import.meta.url);

/** True where the recordings of the real API lie beside the repository. Tests over them are skipped elsewhere. */
export const hasRecordings = existsSync(FILE);

/** One request to the real API and its answer. */
export interface Recording {
  readonly scenario: string;
  readonly method: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly status: number;
  readonly answer: Readonly<Record<string, unknown>>;
}

interface Scenario {
  readonly cas: string;
  readonly steps: readonly { m: string; p: string; b?: string; s: number; r?: string }[];
}

/** Every recorded request whose path matches and that has a body: JSON, or YAML where the API takes that too. */
export function recordings(path: RegExp): readonly Recording[] {
  const scenarios = JSON.parse(gunzipSync(readFileSync(FILE)).toString("utf8")) as readonly Scenario[];
  return scenarios.flatMap((scenario) =>
    scenario.steps
      .filter((step) => path.test(step.p) && step.b !== undefined)
      .map((step) => ({
        scenario: scenario.cas,
        method: step.m,
        path: step.p,
        body: parse(step.b ?? "{}") as Recording["body"],
        status: step.s,
        answer: JSON.parse(step.r === undefined || step.r === "" ? "{}" : step.r) as Recording["answer"],
      })),
  );
}
