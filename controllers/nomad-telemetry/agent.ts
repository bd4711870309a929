import { statSync } from "node:fs";

import { ApiError, toError } from "../../clients/errors.ts";
import type { Nomad } from "../../clients/nomad.ts";
import { levelOf } from "../../crds/nomad-telemetry.ts";
import type { LiveNomad } from "./judge.ts";

/** What is known of this machine's Nomad. */
export type NomadHere =
  /** Nobody has looked yet. */
  | { readonly state: "unknown" }
  /** Neither its folder nor its API is there. */
  | { readonly state: "absent" }
  | LiveNomad;

/** This machine's Nomad agent, as it was seen last. */
export class NomadAgent {
  readonly nomad: Nomad;
  readonly configDir: string;
  #here: NomadHere = { state: "unknown" };
  #version: string | undefined;
  #onChange: (() => void) | undefined;

  constructor(nomad: Nomad, configDir: string) {
    this.nomad = nomad;
    this.configDir = configDir;
  }

  get here(): NomadHere {
    return this.#here;
  }

  /** As it was told last, also while the agent doesn't answer. */
  get version(): string | undefined {
    return this.#version;
  }

  /** True if there is a Nomad on this machine, as far as anybody has looked. */
  get isHere(): boolean {
    return this.#here.state === "running" || this.#here.state === "unreachable";
  }

  /** Calls back when there is another Nomad than before: an older or a newer one, or none. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /** Asks the agent. Never fails: what goes wrong is what is known of it. */
  async look(signal: AbortSignal): Promise<NomadHere> {
    const before = { isHere: this.isHere, level: levelOf(this.#version ?? "") };
    this.#here = await this.#ask(signal);
    if (this.#here.state === "running") this.#version = this.#here.self.version;
    if (before.isHere !== this.isHere || before.level !== levelOf(this.#version ?? "")) this.#onChange?.();
    return this.#here;
  }

  async #ask(signal: AbortSignal): Promise<NomadHere> {
    try {
      const self = await this.nomad.agentSelf(signal);
      const metrics = await this.nomad.prometheusMetrics(signal);
      return { state: "running", self, servesPrometheus: metrics !== undefined };
    } catch (error) {
      if (signal.aborted) throw toError(signal.reason);
      const failed =
        error instanceof ApiError
          ? error
          : new ApiError("ask this machine's Nomad", toError(error).message, {
              failure: "unavailable",
              cause: error,
            });
      const isAway = failed.failure === "unavailable" && failed.status === undefined;
      return isAway && !this.#hasFolder() ? { state: "absent" } : { state: "unreachable", error: failed };
    }
  }

  #hasFolder(): boolean {
    return statSync(this.configDir, { throwIfNoEntry: false })?.isDirectory() === true;
  }
}
