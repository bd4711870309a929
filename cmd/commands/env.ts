import { jobSnippet } from "../../controllers/workload-env/snippet.ts";
import type { Call } from "../call.ts";
import { environmentOf } from "../env/data.ts";
import { formatEnvironment } from "../env/text.ts";
import { openLook } from "../look.ts";
import { printData, UsageError } from "../print.ts";
import { printable } from "../terminal.ts";
import { VERSION } from "../version.ts";

/** `dd-observe env`: what a service's workload is given, where each variable comes from, and how a job takes it. */
export async function env(call: Call): Promise<number> {
  const { args, flags, terminal } = call;
  const { output, preloadSource: source, preloadChecksum } = flags;
  if (output !== "nomad" && (source !== undefined || preloadChecksum !== undefined))
    throw new UsageError("--preload-source and --preload-checksum belong to -o nomad");
  const checksum = preloadChecksum === undefined ? undefined : checksumOf(preloadChecksum);

  const look = await openLook(call).look();
  const environment = await environmentOf(look, args[0] ?? "");
  const { service, instrumentation, warnings } = environment;
  if (output === "nomad") {
    // Beside what is pasted, not in it.
    for (const { message } of warnings) terminal.err(`${printable(message)}\n`);
    terminal.out(
      jobSnippet({
        service,
        statePrefix: look.config.statePrefix,
        instrumentation,
        preload: { version: VERSION, source, checksum },
      }),
    );
  } else if (output === "json" || output === "yaml") await printData(environment, output, terminal);
  else terminal.out(formatEnvironment(environment, terminal));
  return 0;
}

/** As Nomad's `artifact` takes it. A bare SHA-256, as SHA256SUMS has it, gets its type. */
function checksumOf(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return `sha256:${text}`;
  if (/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/i.test(text)) return text;
  throw new UsageError(
    `--preload-checksum ${text} is no checksum of SHA-256 or SHA-512`,
    "It stands in SHA256SUMS beside the release: sha256:<64 hexadecimal digits>.",
  );
}
