import type { Logger } from "pino";

import { readAgent, type AgentState } from "../../clients/agent.ts";
import type { Confd } from "../../clients/confd.ts";
import { ApiError } from "../../clients/errors.ts";
import { hashOf } from "../../engine/hash.ts";
import type { Condition } from "../../engine/status/status.ts";
import { fileAt } from "./file.ts";
import type { FileRecord } from "./record.ts";
import type { Records } from "./records.ts";
import type { Reloader } from "./reload.ts";
import {
  instancesByFile,
  judge,
  reasonText,
  rolledBack,
  sameEndpoints,
  unreachable,
  worstOf,
  type Verdict,
} from "./verify.ts";

interface Parts {
  /** Base URL of the Agent's expvar server. */
  readonly agent: string | undefined;
  readonly confd: Confd;
  readonly records: Records;
  readonly reloader: Reloader;
  readonly log: Pick<Logger, "error">;
  readonly now: () => number;
}

type Fresh = Pick<FileRecord, "writtenAt" | "loaded" | "before" | "complaintsBefore">;

export interface Verification {
  readonly conditions: ReadonlyMap<string, readonly Condition[]>;
  /** True if a file was taken back, or if the Agent has not been told of a file. */
  readonly needsReload: boolean;
}

/** Asks the Agent whether our files work, remembers those that do, and takes back those that it refuses. */
export class Verifier {
  readonly #parts: Parts;
  /** Runs by id of the instances that the Agent ran when it was last asked, by path. */
  #seen: ReadonlyMap<string, Readonly<Record<string, number>>> = new Map();
  #complaints: ReadonlyMap<string, readonly string[]> = new Map();
  #needsReload = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async verify(signal: AbortSignal): Promise<Verification> {
    const state = await this.#askAgent(signal);
    this.#needsReload = false;
    const byService = new Map<string, Condition[]>();
    const judged = state instanceof ApiError ? undefined : this.#judgeAll(state);
    for (const [path, record] of this.#parts.records.entries()) {
      const verdict = judged?.get(path);
      const condition =
        verdict === undefined
          ? unreachable(describe(state))
          : await this.#settleVerdict(path, record, verdict);
      byService.set(record.service, [...(byService.get(record.service) ?? []), condition]);
    }
    // Also where the Agent can't be asked: it would be reloaded again and again.
    this.noteReload();
    if (this.#isReloadMissed()) this.#needsReload = true;
    const conditions = new Map([...byService].map(([service, all]) => [service, [worstOf(all)]]));
    return { conditions, needsReload: this.#needsReload };
  }

  /** What a record of a text that is about to stand there begins with: how to tell the Agent's runs of it from those of the old one. */
  newText(path: string, old: FileRecord | undefined): Fresh {
    const before = this.#runsOf(path, old);
    return {
      writtenAt: this.#parts.now(),
      loaded: false,
      complaintsBefore: [...(this.#complaints.get(fileAt(path)?.check ?? "") ?? [])],
      ...(before === undefined ? {} : { before }),
    };
  }

  /** Undefined if the Agent may run what we have not seen: it had not loaded the old text when it was last asked. */
  #runsOf(path: string, old: FileRecord | undefined): Readonly<Record<string, number>> | undefined {
    if (old === undefined) return this.#seen.get(path) ?? {};
    return old.loaded ? (this.#seen.get(path) ?? zeroRuns(old)) : undefined;
  }

  async #askAgent(signal: AbortSignal): Promise<AgentState | ApiError> {
    const { agent } = this.#parts;
    if (agent === undefined)
      return new ApiError("read the Agent's state", "no address", {
        failure: "unavailable",
        hint: "Set DD_OBSERVE_AGENT_URL.",
      });
    try {
      return await readAgent(agent, signal);
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }

  #judgeAll(state: AgentState): ReadonlyMap<string, Verdict> {
    this.noteReload();
    const instances = instancesByFile(state);
    const waiting = new Map<string, number>();
    for (const [, { check, loaded }] of this.#parts.records.entries())
      if (!loaded) waiting.set(check, (waiting.get(check) ?? 0) + 1);
    const reload = {
      kind: this.#parts.reloader.kind,
      reloadedAtMs: this.#parts.records.reloadedAt,
      failure: this.#parts.reloader.last?.message ?? "",
    };
    const verdicts = new Map<string, Verdict>();
    for (const [path, record] of this.#parts.records.entries()) {
      verdicts.set(
        path,
        judge({
          path,
          record,
          instances: instances.get(path) ?? [],
          complaints: state.rejections.get(record.check) ?? [],
          isOnlySuspect: (waiting.get(record.check) ?? 0) <= 1,
          reload,
          nowMs: this.#parts.now(),
        }),
      );
    }
    this.#complaints = state.rejections;
    this.#seen = new Map(
      [...instances].map(([path, found]) => [
        path,
        Object.fromEntries(found.map(({ id, runs }) => [id, runs])),
      ]),
    );
    return verdicts;
  }

  async #settleVerdict(path: string, record: FileRecord, verdict: Verdict): Promise<Condition> {
    if (record.rejected !== undefined) {
      if (verdict.loaded && !record.loaded) this.#parts.records.set(path, { ...record, loaded: true });
      return rolledBack(path, record.rejected);
    }
    if (verdict.suspect !== undefined) {
      const rejected = await this.#rollBack(path, record, verdict);
      if (rejected !== undefined) return rolledBack(path, rejected);
    }
    if (verdict.good !== undefined && record.good?.hash !== record.hash) {
      this.#parts.records.set(path, {
        ...record,
        loaded: true,
        good: { hash: record.hash, ids: [...verdict.good] },
      });
      this.#parts.confd.removeKept(path);
    } else if (verdict.loaded && !record.loaded) this.#parts.records.set(path, { ...record, loaded: true });
    return verdict.condition;
  }

  /**
   * Puts the last good text back, if there is one and the failing text is what stands there.
   * A check that only fails is taken back only if its endpoints didn't change.
   */
  async #rollBack(path: string, record: FileRecord, verdict: Verdict): Promise<FileRecord["rejected"]> {
    if (record.good === undefined || record.good.hash === record.hash) return undefined;
    const text = this.#parts.confd.read(path);
    const kept = this.#parts.confd.readKept(path);
    if (text === undefined || hashOf(text) !== record.hash) return undefined;
    if (kept === undefined || hashOf(kept) !== record.good.hash) return undefined;
    if (verdict.suspect === "run" && !sameEndpoints(text, kept)) return undefined;

    const reason = reasonText(verdict);
    const rejected = { applied: record.applied, text, reason, at: this.#parts.now() };
    await this.#parts.confd.write(path, kept);
    const { hash } = record.good;
    const { check, service, applied, retain, good } = record;
    const fresh = this.newText(path, record);
    this.#parts.records.set(path, { check, service, hash, applied, retain, good, ...fresh, rejected });
    this.#needsReload = true;
    this.#parts.log.error({ owner: service, path, reason }, "file rolled back");
    return rejected;
  }

  /** After a failed reload, or a crash between a write and its reload: files that the Agent has not been told of. */
  #isReloadMissed(): boolean {
    const { reloader, records } = this.#parts;
    if ((reloader.kind !== "command" && reloader.kind !== "nomad") || reloader.isBusy) return false;
    return records.entries().some(([, { loaded, writtenAt }]) => !loaded && writtenAt > records.reloadedAt);
  }

  /** Takes over the outcome of the last reload. */
  noteReload(): void {
    const { last } = this.#parts.reloader;
    if (last?.ok === true)
      this.#parts.records.reloadedAt = Math.max(this.#parts.records.reloadedAt, last.startedAtMs);
  }
}

/** The ids of the last good text if that is what is replaced: without knowing how often they ran. */
function zeroRuns({ good, hash }: FileRecord): Record<string, number> | undefined {
  return good?.hash === hash ? Object.fromEntries(good.ids.map((id) => [id, 0])) : undefined;
}

function describe(state: AgentState | ApiError): string {
  return state instanceof ApiError ? `${state.message}. ${state.hint ?? ""}`.trim() : "";
}
