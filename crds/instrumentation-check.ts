import { refusedAddress } from "./address.ts";
import type { InstrumentationLayer } from "./instrumentation.ts";
import { wrongWishText } from "./names.ts";
import { matches, type Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import type { Wish } from "./resolve.ts";

/** What a wish's instrumentation asks for that can't be, or that the policy doesn't allow. Never repeats a value: it may be a secret. */
export function checkInstrumentation(
  { service, instrumentation }: Pick<Wish, "service" | "instrumentation">,
  policy: Policy,
): readonly Problem[] {
  if (Object.keys(instrumentation).length === 0) return [];
  const problem = (reason: string, at: string, wrong: string): Problem => ({
    owner: service,
    reason,
    path: `instrumentation.${at}`,
    message: `instrumentation.${at} ${wrong}`,
  });
  const { profile, inject } = instrumentation;
  const isWished = (profile ?? (inject === true ? "ddtrace" : "none")) !== "none";
  if (isWished && !policy.instrumentation) {
    const message = "instrumentation is not allowed by the operator's policy (instrumentation: false)";
    return [{ owner: service, reason: "NotAllowed", path: "instrumentation", message }];
  }
  return addressesIn(instrumentation)
    .flatMap(([at, text]) => {
      const wrong = wrongAddress(text, policy);
      return wrong === undefined ? [] : [problem(wrong.reason, at, wrong.message)];
    })
    .concat(
      instrumentation.langfuse?.keys === undefined
        ? []
        : wrongPath(instrumentation.langfuse.keys).map((wrong) =>
            problem("InvalidValue", "langfuse.keys", wrong),
          ),
    );
}

function addressesIn({
  otlp,
  langfuse,
}: InstrumentationLayer): readonly (readonly [at: string, text: string])[] {
  return [
    ...(otlp?.endpoint === undefined ? [] : [["otlp.endpoint", otlp.endpoint] as const]),
    ...(langfuse?.baseUrl === undefined ? [] : [["langfuse.baseUrl", langfuse.baseUrl] as const]),
  ];
}

/** Where prompts and answers are sent to is for the policy to say; a machine's own addresses are always allowed. */
function wrongAddress(
  text: string,
  { telemetryHosts }: Policy,
): { readonly reason: string; readonly message: string } | undefined {
  const invalid = (message: string) => ({ reason: "InvalidValue", message });
  const forbidden = wrongWishText(text);
  if (forbidden !== undefined) return invalid(forbidden);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || text.length > 500 || /[\s\\]/.test(text))
    return invalid("must be an address such as http://127.0.0.1:4318");
  if (url.username !== "" || url.password !== "")
    return invalid("must hold no user and no password: it stands in Consul for all to read");
  if (text.includes("?") || text.includes("#"))
    return invalid("must hold no query and no fragment: it stands in Consul for all to read");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const refused = refusedAddress(host, ["*"]);
  if (refused !== undefined) return { reason: "NotAllowed", message: `can't be used: ${refused}` };
  if (telemetryHosts === undefined || LOOPBACK.test(host)) return undefined;
  if (telemetryHosts.some((pattern) => matches(pattern, host))) return undefined;
  const message = `leads to ${host}, which is not allowed by the operator's policy (telemetryHosts); allowed: ${telemetryHosts.join(", ") || "this machine alone"}`;
  return { reason: "NotAllowed", message };
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** @see https://developer.hashicorp.com/nomad/docs/concepts/variables#path-restrictions */
function wrongPath(path: string): readonly string[] {
  if (/(?:^|\/)(?:sk|pk)-lf-/.test(path))
    return ["must be the path of a Nomad Variable, not a key: keys never stand in Consul"];
  if (path.length <= 128 && /^[A-Za-z0-9_~-]+(?:\/[A-Za-z0-9_~-]+)*$/.test(path)) return [];
  return [
    "must be the path of a Nomad Variable that holds the keys, such as nomad/jobs/support: letters, digits, _ ~ - and single slashes, at most 128",
  ];
}
