import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { describe, expect, test } from "vitest";

import { SETTINGS, type Setting } from "../../cmd/settings.ts";
import { NO_NOMAD, nomadBinary } from "../servers/nomad.ts";

const FOLDER = new URL("../../deploy/nomad/", import.meta.url);
const EXAMPLES = ["langgraph-typescript", "langgraph-python"].map(
  (example) => `../examples/${example}/support.nomad.hcl`,
);
const JOBS = readdirSync(FOLDER).filter((file) => file.endsWith(".nomad.hcl"));
const textOf = (job: string): string => readFileSync(new URL(job, FOLDER), "utf8");
/** Which drivers a job may be run with, as its own variable has it. */
const driversOf = (job: string): readonly string[] => {
  const [, list = ""] = /condition\s+= contains\(\[([^\]]+)\], var\.driver\)/.exec(textOf(job)) ?? [];
  return list.split(",").map((driver) => driver.trim().replaceAll('"', ""));
};

/** Of the Agent, of Nomad, and of the jobs themselves. */
const OTHERS = new Set(
  "DD_CONFD_PATH DD_HOSTNAME DD_AUTOCONF_CONFIG_FILES_POLL NOMAD_ALLOC_DIR NOMAD_SECRETS_DIR NOMAD_PORT_http".split(
    " ",
  ),
);

test.for(JOBS)("every variable of the environment in %s means something", (job) => {
  const known = new Set(Object.values(SETTINGS).flatMap(({ env }: Setting) => env));

  const named = [...textOf(job).matchAll(/\b(?:DD|CONSUL|NOMAD)_[A-Za-z_]+\b/g)].map(([name]) => name);

  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !known.has(name) && !OTHERS.has(name))).toEqual([]);
});

test.for(JOBS)("every variable of %s is used", (job) => {
  const text = textOf(job);
  const names = [...text.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name!);

  expect(names).toContain("driver");
  expect(names.filter((name) => !text.includes(`var.${name}`))).toEqual([]);
});

const absent = nomadBinary() === undefined;

describe.skipIf(absent)(
  `the jobs of deploy/nomad, as Nomad reads them${absent ? ` (${NO_NOMAD})` : ""}`,
  () => {
    test("are written as Nomad writes them", async () => {
      const { stdout } = await promisify(execFile)(nomadBinary()!, ["fmt", "-check", fileURLToPath(FOLDER)]);

      expect(stdout).toBe("");
    });

    test.for(JOBS.flatMap((job) => driversOf(job).map((driver) => [job, driver] as const)))(
      "%s with %s listens on loopback, is checked, ends by SIGTERM, and runs as no more than it needs",
      async ([job, driver]) => {
        const [group] = await groupsOf(job, driver);
        const task = group.Tasks.find(({ Name }) => Name === "dd-observe")!;

        expect(task.Driver).toBe(driver);
        expect(task.Config[driver === "docker" ? "image" : "command"]).toBeTypeOf("string");
        expect(task.Env["DD_OBSERVE_HTTP_ADDR"]).toMatch(/^127\.0\.0\.1:/);
        expect(task).toMatchObject({ KillSignal: "SIGTERM", KillTimeout: 30e9 });
        expect(group.Services).toMatchObject([
          {
            Name: expect.stringMatching(/^dd-observe(-node)?$/) as string,
            Address: "127.0.0.1",
            Tags: ["dd-observe"],
            Checks: [{ Path: "/healthz" }, { Path: "/readyz" }],
          },
        ]);
        expect(task.Config["privileged"]).toBeUndefined();
      },
    );

    test.for(EXAMPLES)(
      "%s is written as Nomad writes it, and takes the environment and the preload",
      async (job) => {
        await promisify(execFile)(nomadBinary()!, ["fmt", "-check", fileURLToPath(new URL(job, FOLDER))]);
        const [group] = await groupsOf(
          job,
          undefined,
          "preload=https://x.example/p.tar.gz",
          "preload_checksum=sha256:aa",
        );

        expect(group.Services).toMatchObject([{ Name: "support", Tags: ["dd-observe"] }]);
        expect(group.Tasks).toMatchObject([
          {
            Driver: "docker",
            Artifacts: [{ RelativeDest: "local/dd-observe", GetterOptions: { checksum: "sha256:aa" } }],
            Templates: [
              { Envvars: true, EmbeddedTmpl: expect.stringContaining("dd-observe/env/support") as string },
            ],
          },
        ]);
      },
    );

    test.for(["docker", "exec", "raw_exec"])("the controller with %s is no root", async (driver) => {
      const [group] = await groupsOf("controller.nomad.hcl", driver);

      expect(group).toMatchObject({ Count: 2, Constraints: [{ Operand: "distinct_hosts" }] });
      expect(group.Tasks[0]!.User).toBe(driver === "docker" ? "node" : "nobody");
    });

    test.for(["node", "controller"])("the %s asks for tokens only where there are ACLs", async (role) => {
      const tokens = async (...variables: readonly string[]): Promise<readonly unknown[]> => {
        const [{ Tasks }] = await groupsOf(`${role}.nomad.hcl`, "raw_exec", ...variables);
        return [Tasks[0]!.Identities, Tasks[0]!.Identity];
      };

      expect(await tokens()).toEqual([null, null]);
      expect(await tokens("consul_acl=true", "nomad_acl=true")).toMatchObject([
        [{ Name: "consul_default", Audience: ["consul.io"] }],
        { Env: true },
      ]);
    });

    test.for([
      ["variables", "nomadVar"],
      ["vault", "with secret"],
    ] as const)("keys come from %s", async ([keys, text]) => {
      const [group] = await groupsOf("controller.nomad.hcl", "exec", `keys=${keys}`);
      const [task] = group.Tasks;

      expect(task!.Templates).toMatchObject([
        { Envvars: true, EmbeddedTmpl: expect.stringContaining(text) as string },
      ]);
      expect(task!.Vault === null).toBe(keys === "variables");
    });

    test("a driver that there is not is refused with those that there are", async () => {
      await expect(groupsOf("controller.nomad.hcl", "podman")).rejects.toThrow(
        "The driver must be docker, exec or raw_exec.",
      );
    });
  },
);

interface Task {
  readonly Name: string;
  readonly Driver: string;
  readonly User: string;
  readonly Config: Readonly<Record<string, unknown>>;
  readonly Env: Readonly<Record<string, string>>;
  /** For Consul. */
  readonly Identities: readonly unknown[] | null;
  /** For Nomad. */
  readonly Identity: unknown;
  readonly Artifacts: readonly unknown[] | null;
  readonly Templates: readonly unknown[] | null;
  readonly Vault: unknown;
}

interface Group {
  readonly Count: number;
  readonly Tasks: readonly Task[];
  readonly Services: readonly unknown[];
}

/** What Nomad makes of a job's file; no agent is asked. */
async function groupsOf(
  job: string,
  driver: string | undefined,
  ...variables: readonly string[]
): Promise<readonly [Group, ...Group[]]> {
  const args = [...(driver === undefined ? [] : [`driver=${driver}`]), ...variables].flatMap((variable) => [
    "-var",
    variable,
  ]);
  const file = fileURLToPath(new URL(job, FOLDER));
  const { stdout } = await promisify(execFile)(nomadBinary()!, ["job", "run", "-output", ...args, file], {
    env: { PATH: process.env["PATH"] },
  });
  const { Job } = JSON.parse(stdout) as { readonly Job: { readonly TaskGroups: [Group, ...Group[]] } };
  return Job.TaskGroups;
}
