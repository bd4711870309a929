import { createConsul } from "../../clients/consul.ts";
import { campaign } from "../../engine/leader/lease.ts";

/**
 * A process that leads: `node lease-process.ts <consul> <holder> [ttl in ms]`. Writes one line per
 * write that it would make, `<epoch>`, each after a check. Ends by SIGTERM.
 */
const [, , address = "", holder = "", ttlMs = "1000"] = process.argv;
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

await campaign(
  {
    consul: createConsul({ address }),
    key: "dd-observe/leader",
    holder,
    signal: stop.signal,
    ttlMs: Number(ttlMs),
    renewEveryMs: 200,
    lockDelayMs: 200,
  },
  async (term) => {
    while (!stop.signal.aborted && !term.signal.aborted) {
      try {
        await term.check();
        process.stdout.write(`${term.epoch}\n`);
        await term.fencedTxn([{ verb: "set", key: "written/by", text: holder }]);
      } catch {
        // Lost, or not sure: the next turn or the next term tells.
      }
    }
  },
);
process.exit(0);
