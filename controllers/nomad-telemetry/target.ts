import type { Logger } from "pino";

import { DropIn } from "../../clients/drop-in.ts";
import { ApiError, toError } from "../../clients/errors.ts";
import { checkNomadConfig } from "../../clients/nomad-program.ts";
import { NOMAD_DOCUMENT } from "../../crds/nomad.ts";
import { hashOf } from "../../engine/hash.ts";
import type { Target } from "../../engine/loop/controller.ts";
import type { Action, ObservedObject } from "../../engine/plan/plan.ts";
import type { Condition } from "../../engine/status/status.ts";
import type { NomadAgent } from "./agent.ts";
import {
  FILE_NAME,
  KEY,
  readFileTelemetry,
  readTelemetryMark,
  type FileTelemetry,
  type TelemetryFile,
} from "./file.ts";
import { judgeTelemetry } from "./judge.ts";

export interface NomadTelemetryOptions {
  readonly agent: NomadAgent;
  readonly clusterId: string;
  /** The nomad program; undefined if none is to be used. */
  readonly program: string | undefined;
  /** Services of this machine whose metrics the Agent reads from Nomad. */
  readonly scraped: () => readonly string[];
  readonly onBackup: (reason: "drift" | "delete", text: string) => Promise<void>;
  readonly log: Pick<Logger, "debug" | "info" | "warn">;
  /** True to observe only. */
  readonly readOnly: boolean;
}

/** This machine's telemetry file in Nomad's folder. */
export class NomadTelemetryTarget implements Target<TelemetryFile> {
  readonly #options: NomadTelemetryOptions;
  readonly #dropIn: DropIn;
  /** `hashOf` the body that this process wrote last. */
  #applied: string | undefined;
  /** The text that Nomad was last seen running with. */
  #active: string | undefined;
  #saidUnknown: string | undefined;

  constructor(options: NomadTelemetryOptions) {
    const { agent, clusterId, log, readOnly } = options;
    this.#options = options;
    this.#dropIn = openTelemetryFile({ dir: agent.configDir, clusterId, log, readOnly });
  }

  /** The level of settings of the file that stands there: what its Nomad read when it was asked last. */
  standingLevel(): string | undefined {
    try {
      return readTelemetryMark(this.#dropIn.read() ?? "")?.level;
    } catch {
      return undefined; // The next look at it says what is wrong.
    }
  }

  async observe(signal: AbortSignal): Promise<readonly ObservedObject<TelemetryFile>[]> {
    signal.throwIfAborted();
    const text = this.#dropIn.read();
    return await Promise.resolve(text === undefined ? [] : [this.#observed(text)]);
  }

  async apply(
    action: Action<TelemetryFile>,
    signal: AbortSignal,
  ): Promise<ObservedObject<TelemetryFile> | undefined> {
    signal.throwIfAborted();
    if (action.type === "delete") {
      const text = this.#dropIn.read();
      if (text !== undefined) await this.#options.onBackup("delete", text);
      this.#dropIn.remove();
      return undefined;
    }
    const { body } = action.desired;
    this.#dropIn.read(); // What isn't ours is told before anything else.
    await this.#check(body.text, signal);
    if (action.type === "update" && action.drifted)
      await this.#options.onBackup("drift", action.observed.body.text);
    await this.#dropIn.write(body.text, (replaced) => replaced === this.#active);
    this.#applied = hashOf(body);
    return this.#observed(body.text);
  }

  async validate(action: Action<TelemetryFile>, signal: AbortSignal): Promise<void> {
    if (action.type !== "delete") await this.#check(action.desired.body.text, signal);
  }

  async verify(signal: AbortSignal): Promise<ReadonlyMap<string, readonly Condition[]>> {
    const live = await this.#options.agent.look(signal);
    const text = live.state === "absent" || live.state === "unknown" ? undefined : this.#dropIn.read();
    if (text === undefined || live.state === "absent" || live.state === "unknown") return new Map();
    const { others, unreadable } = this.#others();
    const ours = readFileTelemetry(FILE_NAME, text);
    const conditions = judgeTelemetry({
      ours,
      others,
      unreadable,
      live,
      scraped: this.#options.scraped(),
    });
    if (conditions[0]?.status === "True") this.#active = text;
    return new Map([[NOMAD_DOCUMENT, conditions]]);
  }

  #others(): {
    readonly others: readonly FileTelemetry[];
    readonly unreadable: readonly { readonly name: string; readonly why: string }[];
  } {
    const { files, unreadable } = this.#dropIn.others();
    const others: FileTelemetry[] = [];
    const wrong = [...unreadable];
    for (const { name, text } of files) {
      try {
        others.push(readFileTelemetry(name, text));
      } catch (error) {
        wrong.push({ name, why: toError(error).message });
      }
    }
    return { others, unreadable: wrong };
  }

  /** @throws {ApiError} `rejected` if Nomad itself would not read the folder any more. */
  async #check(text: string, signal: AbortSignal): Promise<void> {
    const { program, agent, log } = this.#options;
    if (this.#dropIn.isRefused(text))
      throw new ApiError(
        `write ${this.#dropIn.path}`,
        "Nomad did not come back when it was restarted with it",
        {
          failure: "rejected",
          reason: "RolledBack",
          hint: `Change the wish in observability/_nomad; or delete ${this.#dropIn.path}.refused to try the same again.`,
        },
      );
    if (program === undefined) return;
    const others = this.#dropIn.others().files.map(({ name }) => name);
    const found = await checkNomadConfig(
      program,
      { dir: agent.configDir, others, name: FILE_NAME, text },
      signal,
    );
    signal.throwIfAborted();
    if (found.verdict === "refused")
      throw new ApiError(`write ${this.#dropIn.path}`, `Nomad would not start with it: ${found.why}`, {
        failure: "rejected",
        reason: "RefusedByNomad",
        hint: "Change the wish in observability/_nomad; the file that stands there stays.",
      });
    if (found.verdict === "unknown" && found.why !== this.#saidUnknown) {
      this.#saidUnknown = found.why;
      log.debug({ reason: found.why }, "nomad config validate tells nothing");
    }
  }

  #observed(text: string): ObservedObject<TelemetryFile> {
    const retain = readTelemetryMark(text)?.retain === true;
    return {
      key: KEY,
      owner: NOMAD_DOCUMENT,
      body: { text },
      ref: this.#dropIn.path,
      retain,
      applied: this.#applied,
    };
  }
}

/** Our file in Nomad's folder. */
export function openTelemetryFile({
  dir,
  clusterId,
  log,
  readOnly,
}: Pick<NomadTelemetryOptions, "clusterId" | "log" | "readOnly"> & { readonly dir: string }): DropIn {
  return new DropIn({
    dir,
    name: FILE_NAME,
    foreign: (text) => whyForeign(text, clusterId),
    onNotice: (message) => log.warn({ reason: message }, "nomad folder notice"),
    readOnly,
  });
}

function whyForeign(text: string, clusterId: string): string | undefined {
  const mark = readTelemetryMark(text);
  if (mark === undefined) return "it has no mark of dd-observe, so someone else made it";
  return mark.owner === clusterId ? undefined : `it belongs to another operator (${mark.owner})`;
}
