/** One environment variable of a workload, and why it is there. */
export interface Variable {
  /** May hold {@link PLACEHOLDERS}, which whoever starts the workload fills in. */
  readonly value: string;
  /** `profile` and `default` follow from the profile, `wish` from the field named. */
  readonly from: "profile" | "default" | "wish";
  /** The wish's field that it comes from, such as `instrumentation.sampleRate` or `tags`. */
  readonly field?: string;
}

/** What only the machine or the task knows. Stands literally in the values that are published. */
export const PLACEHOLDERS = {
  /** Address of the machine that the task runs on, where `mode` is `hostip`. Nomad: `attr.unique.network.ip-address`. */
  nodeIp: "__NODE_IP__",
  /** Folder of the preload, only in PYTHONPATH: the job's `DD_OBSERVE_PRELOAD`, else `dd-observe` below `NOMAD_TASK_DIR`. */
  preload: "__PRELOAD__",
} as const;

/** Variables that are joined with what the job has, never put in its place. */
export const JOINED: Readonly<Record<string, { readonly separator: string; readonly oursFirst: boolean }>> = {
  // What the job itself loads comes first, as it would without us.
  NODE_OPTIONS: { separator: " ", oursFirst: false },
  // Python loads one sitecustomize, the first on the path; the preload's hands over to the next.
  PYTHONPATH: { separator: ":", oursFirst: true },
};
