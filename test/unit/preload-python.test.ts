import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { describe, expect, test } from "vitest";

import { NO_PYTHON, pythonBinary } from "../servers/python.ts";

/** Tests of deploy/preload/python, in its own language. */
const FOLDER = fileURLToPath(new URL("python/", import.meta.url));
const MODULES = readdirSync(FOLDER).filter((file) => /^test_\w+\.py$/.test(file));

const python = pythonBinary();

describe.skipIf(python === undefined)(
  `the preload for Python${python === undefined ? ` (${NO_PYTHON})` : ""}`,
  () => {
    test.for(MODULES)("%s passes", { timeout: 120_000 }, async (file) => {
      // -B: no compiled files beside the sources.
      const { stderr } = await promisify(execFile)(
        python!,
        ["-B", "-m", "unittest", file.replace(".py", "")],
        {
          cwd: FOLDER,
        },
      );

      expect(stderr).toMatch(/\nOK\n$/);
    });
  },
);
