/** A template of a task, as it stands in a job. */
export interface FakeTemplate {
  readonly text?: string;
  /** The path of a file that holds it instead. */
  readonly source?: string;
  readonly env?: boolean;
  readonly changeMode?: string;
  readonly once?: boolean;
}

export interface FakeTaskSpec {
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly services?: readonly string[];
  readonly templates?: readonly FakeTemplate[];
  /** `prestart` and the like. */
  readonly hook?: string;
}

export interface FakeGroupSpec {
  readonly name: string;
  readonly services?: readonly string[];
  readonly tasks: readonly FakeTaskSpec[];
}

/** What `nomad job run` is given. */
export interface FakeJobSpec {
  readonly id: string;
  readonly namespace?: string;
  readonly parentId?: string;
  readonly groups: readonly FakeGroupSpec[];
}

interface Registered {
  /** The newest last. */
  readonly versions: { readonly spec: FakeJobSpec; readonly modifyIndex: number }[];
  isStopped: boolean;
}

/** The jobs of one Nomad, with their versions. */
export class NomadJobsState {
  readonly #jobs = new Map<string, Registered>();

  /** Registers a job, or a newer version of it. @returns Its version, which begins at 0. */
  run(spec: FakeJobSpec, modifyIndex: number): number {
    const key = keyOf(spec.namespace, spec.id);
    const job = this.#jobs.get(key) ?? { versions: [], isStopped: false };
    this.#jobs.set(key, job);
    job.versions.push({ spec, modifyIndex });
    job.isStopped = false;
    return job.versions.length - 1;
  }

  stop(id: string, namespace = "default"): void {
    const job = this.#jobs.get(keyOf(namespace, id));
    if (job === undefined) throw new Error(`there is no job ${id}`);
    job.isStopped = true;
  }

  purge(id: string, namespace = "default"): void {
    this.#jobs.delete(keyOf(namespace, id));
  }

  newestVersion(id: string, namespace = "default"): number | undefined {
    const job = this.#jobs.get(keyOf(namespace, id));
    return job === undefined ? undefined : job.versions.length - 1;
  }

  /** As `/v1/job/:id` has it. */
  read(id: string, namespace: string): unknown {
    const job = this.#jobs.get(keyOf(namespace, id));
    return job === undefined ? undefined : jobOf(job, job.versions.length - 1);
  }

  /** As `/v1/job/:id/versions` has them: the newest six. */
  versions(id: string, namespace: string): readonly unknown[] | undefined {
    const job = this.#jobs.get(keyOf(namespace, id));
    return job?.versions
      .map((_, version) => jobOf(job, version))
      .toReversed()
      .slice(0, 6);
  }
}

function keyOf(namespace = "default", id: string): string {
  return `${namespace}\0${id}`;
}

function jobOf({ versions, isStopped }: Registered, version: number): unknown {
  const { spec, modifyIndex } = versions[version]!;
  return {
    CreateIndex: versions[0]!.modifyIndex,
    Datacenters: ["dc1"],
    ID: spec.id,
    JobModifyIndex: modifyIndex,
    Meta: null,
    ModifyIndex: modifyIndex,
    Name: spec.id,
    Namespace: spec.namespace ?? "default",
    ParentID: spec.parentId ?? "",
    Priority: 50,
    Region: "global",
    Status: isStopped ? "dead" : "running",
    Stop: isStopped,
    TaskGroups: spec.groups.map((group) => ({
      Count: 1,
      Meta: null,
      Name: group.name,
      Services: servicesOf(group.services),
      Tasks: group.tasks.map((task) => ({
        Config: { args: ["3600"], command: "/bin/sleep" },
        Driver: "raw_exec",
        Env: task.env === undefined ? null : task.env,
        Lifecycle: task.hook === undefined ? null : { Hook: task.hook, Sidecar: false },
        Meta: null,
        Name: task.name,
        Services: servicesOf(task.services),
        Templates: task.templates === undefined ? null : task.templates.map(templateOf),
      })),
    })),
    Type: "service",
    Version: version,
  };
}

function servicesOf(names: readonly string[] | undefined): unknown {
  return names === undefined
    ? null
    : names.map((Name) => ({ Name, PortLabel: "http", Tags: [], TaskName: "" }));
}

function templateOf({ text, source, env, changeMode, once }: FakeTemplate): unknown {
  return {
    ChangeMode: changeMode ?? "restart",
    ChangeSignal: "",
    DestPath: "local/dd-observe.env",
    EmbeddedTmpl: text ?? "",
    Envvars: env ?? false,
    LeftDelim: "{{",
    Once: once ?? false,
    Perms: "0644",
    RightDelim: "}}",
    SourcePath: source ?? "",
    Splay: 5_000_000_000,
  };
}
