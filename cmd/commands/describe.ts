import type { Call } from "../call.ts";
import { describeService } from "../describe-data.ts";
import { formatDescribed } from "../describe-text.ts";
import { openLook } from "../look.ts";
import { leaderLine } from "../lists/cells.ts";
import { printData } from "../print.ts";

/** `dd-observe describe`: everything about one service, and above all why something is missing. */
export async function describe(call: Call): Promise<number> {
  const { args, flags, terminal } = call;
  const look = await openLook(call).look();
  const described = await describeService(look, args[0] ?? "");
  if (flags.output === "json" || flags.output === "yaml") {
    await printData(described, flags.output, terminal);
    return 0;
  }
  const { width, paint } = terminal;
  terminal.out(formatDescribed(described, leaderLine(look.facts, paint), { width, paint, now: Date.now() }));
  return 0;
}
