import { readConfig, type Flags, type Role } from "../config.ts";
import { startOperator } from "../run.ts";

/** `dd-observe run`: the operator, until SIGTERM or SIGINT. A second signal ends it at once. */
export async function run(flags: Flags & { readonly role?: Role }): Promise<number> {
  const stop = new AbortController();
  const stopNow = (): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort(new Error("the process was asked to stop"));
  };
  process.on("SIGTERM", stopNow);
  process.on("SIGINT", stopNow);
  const operator = await startOperator(readConfig(flags), flags.role ?? "all", stop.signal);
  await operator.done;
  return 0;
}
