import { campaign, readLeader, type Leader, type Term } from "../engine/leader/lease.ts";
import type { Consul } from "../clients/consul.ts";
import type { Config } from "./config.ts";
import { UsageError } from "./print.ts";

interface LockOptions {
  readonly consul: Consul;
  readonly config: Pick<Config, "statePrefix" | "holder">;
  readonly signal: AbortSignal;
  /** True to wait until no other controller leads. Told whom it waits for. */
  readonly wait?: ((leader: string) => void) | undefined;
  /** What the person can do instead. */
  readonly hint: string;
}

/**
 * Runs `work` while we hold the leader's lock, so that nobody else writes meanwhile.
 *
 * @throws {UsageError} if another process holds it and we were not asked to wait, or if it was lost.
 */
export async function withLock<Result>(
  { consul, config, signal, wait, hint }: LockOptions,
  work: (term: Term) => Promise<Result>,
): Promise<Result> {
  const key = `${config.statePrefix}/leader`;
  const leader = await readLeader(consul, key, signal);
  if (leader !== undefined && wait === undefined) throw inTheWay(leader, hint);

  let result: { readonly value: Result } | undefined;
  let told: string | undefined;
  const refused = new AbortController();
  await campaign(
    {
      consul,
      key,
      holder: config.holder,
      signal: AbortSignal.any([signal, refused.signal]),
      onStanding: (standing) => {
        if (standing.role === "unknown") refused.abort(standing.error);
        if (standing.role !== "spare" || standing.leader === undefined) return;
        if (wait === undefined) refused.abort(inTheWay(standing.leader, hint));
        else if (told !== standing.leader.holder) wait(leaderInWords(standing.leader));
        told = standing.leader.holder;
      },
    },
    async (term) => {
      result = { value: await work(term) };
    },
  );
  if (result !== undefined) return result.value;
  signal.throwIfAborted();
  refused.signal.throwIfAborted();
  throw new UsageError("the lock was lost before the work was done", "Run it again.");
}

function inTheWay(leader: Leader, hint: string): UsageError {
  return new UsageError(
    `${leaderInWords(leader)} leads and keeps the world itself; two must not write beside each other`,
    hint,
  );
}

export function leaderInWords({ holder, since }: Leader): string {
  return `${holder}${since === "" ? "" : ` (since ${since})`}`;
}
