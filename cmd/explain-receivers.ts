import { addressText, type ReceiverAddresses } from "../clients/receiver-address.ts";
import type { ReceiverName } from "../clients/receivers.ts";
import { addressOf, RECEIVER_TITLES, switchOnText } from "../controllers/receivers/switch-on.ts";
import { didYouMean } from "../crds/suggest.ts";
import { UsageError } from "./print.ts";
import type { Terminal } from "./terminal.ts";

const NAMES = Object.keys(RECEIVER_TITLES) as readonly ReceiverName[];

/**
 * How the Agent's receivers are switched on, ready to paste.
 *
 * @param name One of them; all if absent.
 * @throws {UsageError} if there is none of that name.
 */
export function explainReceivers(
  name: string | undefined,
  addresses: ReceiverAddresses,
  { paint }: Pick<Terminal, "paint">,
): string {
  const chosen = NAMES.filter((one) => name === undefined || one === name);
  if (chosen.length === 0)
    throw new UsageError(
      `the Agent has no receiver ${name}${didYouMean(name ?? "", NAMES) || `; there are ${NAMES.join(", ")}`}`,
      "dd-observe explain receivers shows all of them.",
    );
  const parts = chosen.map((one) => {
    const title = `${RECEIVER_TITLES[one]} (${one}), ${addressText(addressOf(one, addresses))}`;
    return `${paint("bold", title)}\n${switchOnText(one, addresses)}\n`;
  });
  const where = "Whether they are on, on each machine: dd-observe get nodes -o wide";
  return `${parts.join("\n")}\n${paint("dim", where)}\n`;
}
