import { onTestFinished } from "vitest";

import { readConfig } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import { SILENT } from "./engine-world.ts";
import { startFakeConsul, type FakeConsul } from "../fakes/consul.ts";
import { startFakeNomad, type FakeNomad } from "../fakes/nomad.ts";
import type { FakeTaskSpec } from "../fakes/nomad-jobs.ts";

/** A condition as it is stored. */
export interface Told {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** The template that `dd-observe env SERVICE -o nomad` prints, as far as it matters here. */
export function takingTemplate(service: string): string {
  return `{{ range ls "dd-observe/env/${service}" }}{{ if not (env .Key) }}{{ .Key }}={{ .Value | toJSON }}\n{{ end }}{{ end }}`;
}

/** The same of the job's Nomad Variable. */
export function takingVariable(job: string): string {
  return `{{ range (nomadVar "nomad/jobs/${job}").Tuples }}{{ if not (env .K) }}{{ .K }}={{ .V | toJSON }}\n{{ end }}{{ end }}`;
}

/** A Consul, a Nomad, and jobs whose services stand in Consul. */
export interface NomadJobWorld {
  readonly consul: FakeConsul;
  readonly nomad: FakeNomad;
  /** Registers a job with one group, whose service and task it has. A newer version if it is there. */
  readonly runJob: (job: string, service: string, task?: Partial<FakeTaskSpec>, namespace?: string) => void;
  /** Starts an allocation of the newest version, and registers its service in Consul. @returns Its id. */
  readonly startAllocation: (
    job: string,
    service: string,
    more?: { readonly startedAt?: string; readonly namespace?: string },
  ) => string;
  /** Ends one, with its service. */
  readonly endAllocation: (id: string) => void;
  /** Starts the operator, a controller, until the test is over. @returns What ends it earlier. */
  readonly startOperator: (env?: Readonly<Record<string, string>>) => Promise<() => Promise<void>>;
  readonly condition: (service: string, type?: string) => Told | undefined;
  /** Times that a call was made: `GET /v1/job/support`, without what stands behind `?`. */
  readonly calls: (line: string) => number;
}

const GROUP = "api";

export async function startNomadJobWorld(version = "2.0.6-dev"): Promise<NomadJobWorld> {
  const [consul, nomad] = await Promise.all([startFakeConsul(), startFakeNomad({ version })]);
  onTestFinished(async () => {
    await Promise.all([consul[Symbol.asyncDispose](), nomad.stop()]);
  });
  let count = 0;
  const instances = new Map<string, string>();
  return {
    consul,
    nomad,
    runJob(job, service, task = {}, namespace = "default") {
      const tasks = [{ name: "web", ...task }];
      nomad.state.runJob({ id: job, namespace, groups: [{ name: GROUP, services: [service], tasks }] });
    },
    startAllocation(job, service, { startedAt = "2100-01-01T00:00:00Z", namespace = "default" } = {}) {
      const id = `00000000-0000-4000-8000-${String(++count).padStart(12, "0")}`;
      nomad.state.addAllocation({ id, jobId: job, group: GROUP, namespace, startedAt, taskNames: ["web"] });
      const instance = `_nomad-task-${id}-group-${GROUP}-${service}-http`;
      instances.set(id, instance);
      consul.state.registerService(consul.state.nodeName, {
        ID: instance,
        Service: service,
        Tags: ["dd-observe"],
        Port: 8080,
        Address: "10.0.0.7",
      });
      return id;
    },
    endAllocation(id) {
      nomad.state.changeAllocation(id, { clientStatus: "complete" });
      consul.state.deregisterService(consul.state.nodeName, instances.get(id)!);
    },
    async startOperator(env = {}) {
      const config = readConfig(
        { resync: "1s", grace: "1s" },
        {
          CONSUL_HTTP_ADDR: consul.url,
          NOMAD_ADDR: nomad.url,
          DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
          DD_OBSERVE_CLUSTER_ID: "dc1",
          ...env,
        },
      );
      const stop = new AbortController();
      const { done } = await startOperator(config, "controller", stop.signal, SILENT);
      const end = async (): Promise<void> => {
        stop.abort();
        await done;
      };
      onTestFinished(end);
      return end;
    },
    condition(service, type = "EnvPublished") {
      const row = consul.state.keys.get(`dd-observe/status/services/${service}`);
      if (row === undefined) return undefined;
      const { conditions } = JSON.parse(Buffer.from(row.Value ?? "", "base64").toString()) as {
        readonly conditions: readonly (Told & { readonly type: string })[];
      };
      return conditions.find((one) => one.type === type);
    },
    calls: (line) => nomad.requests.filter((one) => one.split("?", 1)[0] === line).length,
  };
}
