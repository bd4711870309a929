import { setTimeout as sleep } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { createConsul, type Consul } from "../../clients/consul.ts";
import { startFakeConsul, type FakeConsul } from "../../test/fakes/consul.ts";
import { systemClock, type Clock } from "../clock.ts";
import { campaign, readLeader, type CampaignOptions, type Term } from "./lease.ts";

const KEY = "dd-observe/leader";
/** Consul's smallest TTL is 10 s; the stand-in takes shorter ones, so that a crash is over in a second. */
const TTL_MS = 400;

async function world(): Promise<{ readonly fake: FakeConsul; readonly consul: Consul }> {
  const fake = await startFakeConsul({ sessionTtlMinMs: 1 });
  onTestFinished(() => fake.stop());
  return { fake, consul: createConsul({ address: fake.url }) };
}

interface Candidate {
  readonly terms: Term[];
  /** Asks it to stop, as SIGTERM does. */
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  /** Lets `lead` return. */
  readonly drained: () => void;
}

/** Leads until it is asked to stop or has lost; then waits until it is drained, unless it need not. */
function candidate(
  consul: Consul,
  holder: string,
  more: Partial<CampaignOptions> & { readonly drains?: true } = {},
): Candidate {
  const stop = new AbortController();
  const terms: Term[] = [];
  const drain = Promise.withResolvers<void>();
  const options: CampaignOptions = {
    consul,
    key: KEY,
    holder,
    version: "1",
    signal: stop.signal,
    ttlMs: TTL_MS,
    renewEveryMs: 80,
    lockDelayMs: 40,
    ...more,
  };
  const ended = campaign(options, async (term) => {
    terms.push(term);
    await aborted(AbortSignal.any([term.signal, stop.signal]));
    if (more.drains === true && !term.signal.aborted) await drain.promise;
  });
  onTestFinished(async () => {
    stop.abort();
    drain.resolve();
    await ended.catch(() => undefined);
  });
  return { terms, stop, ended, drained: () => drain.resolve() };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

async function leads(one: Candidate, terms = 1): Promise<Term> {
  await expect.poll(() => one.terms.length, { timeout: 4_000, interval: 5 }).toBe(terms);
  const term = one.terms[terms - 1];
  if (term === undefined) throw new Error("does not lead");
  return term;
}

/** A process that a signal stops: its clocks go on, its timers and requests don't. */
function pausable(): { readonly clock: Clock; readonly pauseFor: (ms: number) => void } {
  let aheadMs = 0;
  return {
    clock: {
      ...systemClock,
      monotonicMs: () => systemClock.monotonicMs() + aheadMs,
      wallMs: () => systemClock.wallMs() + aheadMs,
    },
    pauseFor: (ms) => void (aheadMs += ms),
  };
}

test("leads alone, and says who leads", async () => {
  const { consul } = await world();
  const a = candidate(consul, "a");

  const term = await leads(a);

  await expect(term.check()).resolves.toBeUndefined();
  expect(await readLeader(consul, KEY)).toMatchObject({ holder: "a", version: "1" });
});

test("keeps the lock for longer than the session lives without renewals", async () => {
  const { consul } = await world();
  const a = candidate(consul, "a");
  const term = await leads(a);

  await sleep(4 * TTL_MS);

  await expect(term.check()).resolves.toBeUndefined();
  expect(a.terms).toHaveLength(1);
});

test("hands over after it has drained, not before", async () => {
  const { consul, fake } = await world();
  const a = candidate(consul, "a", { drains: true });
  const first = await leads(a);
  const b = candidate(createConsul({ address: fake.url }), "b");

  a.stop.abort();
  await sleep(3 * TTL_MS);
  const termsBeforeDrain = b.terms.length;
  a.drained();
  await a.ended;
  const second = await leads(b);

  expect(termsBeforeDrain).toBe(0);
  expect(first.signal.aborted).toBe(false);
  expect(second.epoch).toBeGreaterThan(first.epoch);
  expect(await readLeader(consul, KEY)).toMatchObject({ holder: "b" });
});

test("a spare takes over when the leader has crashed", async () => {
  const { fake, consul } = await world();
  const session = await consul.sessionCreate({ ttlMs: TTL_MS, lockDelayMs: 40, name: "crashed" });
  await consul.kvAcquire(KEY, JSON.stringify({ holder: "crashed" }), session);
  const b = candidate(createConsul({ address: fake.url }), "b");

  await leads(b);

  expect(await readLeader(consul, KEY)).toMatchObject({ holder: "b" });
  expect([...fake.state.sessions.keys()]).not.toContain(session);
});

test("loses its term at once when someone deletes the key", async () => {
  const { fake, consul } = await world();
  const a = candidate(consul, "a");
  const term = await leads(a);

  fake.state.deleteKey(KEY);
  await aborted(term.signal);

  await expect(term.check()).rejects.toMatchObject({ failure: "conflict" });
  expect((await leads(a, 2)).epoch).toBeGreaterThan(term.epoch);
});

test("loses its term when Consul has ended the session", async () => {
  const { fake, consul } = await world();
  const a = candidate(consul, "a");
  const term = await leads(a);

  for (const id of fake.state.sessions.keys()) fake.state.destroySession(id);
  await aborted(term.signal);

  expect((await leads(a, 2)).epoch).toBeGreaterThan(term.epoch);
});

test("demotes itself when Consul does not answer for the whole TTL", async () => {
  const { fake, consul } = await world();
  const a = candidate(consul, "a");
  const term = await leads(a);

  await fake.stop();
  await aborted(term.signal);

  await expect(term.fencedTxn([{ verb: "set", key: "x", text: "1" }])).rejects.toMatchObject({
    failure: "conflict",
  });
});

test("stays the leader through a short time without a Consul leader", async () => {
  const { fake, consul } = await world();
  const a = candidate(consul, "a", { ttlMs: 2_000, renewEveryMs: 80 });
  const term = await leads(a);

  fake.faults.noLeader = true;
  await sleep(300);
  fake.faults.noLeader = false;
  await sleep(150);

  expect(term.signal.aborted).toBe(false);
  await expect(term.check()).resolves.toBeUndefined();
});

test("writes nothing after a pause that was longer than the TTL", async () => {
  const { fake, consul } = await world();
  const { clock, pauseFor } = pausable();
  const a = candidate(consul, "a", { clock });
  const term = await leads(a);
  const requestsBefore = fake.requests.filter(({ line }) => line.includes("/v1/txn")).length;

  // No timer runs between the pause and the write, as when a stopped process wakes up.
  pauseFor(60_000);
  const check = term.check();
  const write = term.fencedTxn([{ verb: "set", key: "dd-observe/status/web", text: "1" }]);

  await expect(check).rejects.toMatchObject({ failure: "conflict" });
  await expect(write).rejects.toMatchObject({ failure: "conflict" });
  expect(fake.requests.filter(({ line }) => line.includes("/v1/txn"))).toHaveLength(requestsBefore);
  expect(fake.state.keys.has("dd-observe/status/web")).toBe(false);
});

test("Consul itself refuses the write of a leader that was replaced", async () => {
  const { fake, consul } = await world();
  const a = candidate(consul, "a", { ttlMs: 60_000, renewEveryMs: 60_000 });
  const term = await leads(a);
  const other = await consul.sessionCreate({ ttlMs: 10_000, lockDelayMs: 0, name: "b" });

  // All in one turn of the server, so that the loser has heard of nothing.
  fake.state.deleteKey(KEY);
  fake.state.acquire(KEY, null, other);
  const write = term.fencedTxn([{ verb: "set", key: "dd-observe/status/web", text: "1" }]);

  await expect(write).rejects.toMatchObject({ failure: expect.stringMatching(/conflict|ambiguous/) });
  expect(fake.state.keys.has("dd-observe/status/web")).toBe(false);
});

test("writes what it may, all or nothing", async () => {
  const { fake, consul } = await world();
  const term = await leads(candidate(consul, "a"));

  await term.fencedTxn([{ verb: "set", key: "dd-observe/a", text: "1" }]);
  const failing = term.fencedTxn([
    { verb: "set", key: "dd-observe/b", text: "1" },
    { verb: "cas", key: "dd-observe/a", text: "2", modifyIndex: 1 },
  ]);

  await expect(failing).rejects.toMatchObject({ failure: "conflict", status: 409 });
  expect(fake.state.keys.has("dd-observe/a")).toBe(true);
  expect(fake.state.keys.has("dd-observe/b")).toBe(false);
  expect(term.signal.aborted).toBe(false);
});

test("never has two leaders, whatever happens to the lock", async () => {
  const { fake, consul } = await world();
  const leading = new Map<string, Term>();
  let most = 0;
  const stop = new AbortController();
  const campaigns = ["a", "b", "c"].map((holder) =>
    campaign(
      {
        consul: createConsul({ address: fake.url }),
        key: KEY,
        holder,
        signal: stop.signal,
        ttlMs: TTL_MS,
        renewEveryMs: 80,
        lockDelayMs: 40,
      },
      async (term) => {
        leading.set(holder, term);
        // A term counts until its signal says that it is lost.
        most = Math.max(most, [...leading.values()].filter((one) => !one.signal.aborted).length);
        await aborted(AbortSignal.any([term.signal, stop.signal]));
        leading.delete(holder);
      },
    ),
  );
  const epochs = new Set<number>();
  for (let round = 0; round < 6; round++) {
    await expect.poll(() => leading.size, { timeout: 3_000, interval: 5 }).toBe(1);
    for (const term of leading.values()) epochs.add(term.epoch);
    if (round % 3 === 0) for (const id of fake.state.sessions.keys()) fake.state.destroySession(id);
    if (round % 3 === 1) await fake.restart({ keepState: true });
    if (round % 3 === 2) fake.fault({ matches: /session\/renew/, times: 12, status: 500, text: "EOF" });
    await sleep(2.5 * TTL_MS);
  }
  stop.abort();
  await Promise.all(campaigns);

  expect(most).toBe(1);
  expect(epochs.size).toBeGreaterThan(1);
  expect(await readLeader(consul, KEY)).toBeUndefined();
}, 20_000);

test("takes the lock even if the answer to taking it was lost", async () => {
  const { fake, consul } = await world();
  fake.fault({ matches: /PUT .*acquire=/, loseAnswer: true });
  const a = candidate(consul, "a");

  await leads(a);

  expect(fake.state.sessions.size).toBe(1);
});

test("says what is missing when it may not take part", async () => {
  const { fake, consul } = await world();
  fake.faults.acl = "readOnly";
  const seen: string[] = [];
  const a = candidate(consul, "a", {
    onStanding: (standing) => {
      if (standing.role === "unknown") seen.push(standing.error.hint ?? "");
    },
  });

  await expect.poll(() => seen.length).toBeGreaterThan(0);

  expect(seen[0]).toContain("session_prefix");
  expect(a.terms).toEqual([]);
});

test("passes on an error of the work, and gives the lock back", async () => {
  const { consul } = await world();
  const options = { consul, key: KEY, holder: "a", signal: new AbortController().signal };
  const broken = campaign({ ...options, ttlMs: TTL_MS, renewEveryMs: 80 }, async () => {
    await Promise.reject(new Error("broken"));
  });

  await expect(broken).rejects.toThrow("broken");

  expect(await readLeader(consul, KEY)).toBeUndefined();
});
