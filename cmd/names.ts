import { didYouMean } from "../crds/suggest.ts";
import { UsageError } from "./print.ts";

/** Says that nothing is known of a service, and which one may be meant. */
export function noSuchService(service: string, known: readonly string[]): UsageError {
  const others = known.filter((name) => name !== "consul");
  const list = others.slice(0, 12).join(", ");
  const more = others.length > 12 ? ` and ${others.length - 12} more` : "";
  // `disk-full` for `_monitors/disk-full`
  const folder = known.find((name) => name.startsWith("_") && name.endsWith(`/${service}`));
  const nearest = folder === undefined ? didYouMean(service, known) : `; did you mean ${folder}?`;
  return new UsageError(
    `no service is named ${service}: it is neither in Consul's catalog nor has it a document${nearest}`,
    others.length === 0 ? "Consul has no services yet." : `There are ${list}${more}.`,
  );
}
