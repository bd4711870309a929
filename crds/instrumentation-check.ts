import { refusedAddress } from "./address.ts";
import type { InstrumentationLayer } from "./instrumentation.ts";
import { wrongWishText } from "./names.ts";
import { matches, type Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import type { Wish } from "./resolve.ts";
import { didYouMean } from "./suggest.ts";
import { refusedVariable, TRACER_VARIABLES, wrongVariable } from "./tracer-variables.ts";

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
  const wrongs: Problem[] = [];
  for (const [at, text] of addressesIn(instrumentation)) {
    const wrong = wrongAddress(text, policy);
    if (wrong !== undefined) wrongs.push(problem(wrong.reason, at, wrong.message));
  }
  const { langfuse, tracer, env = {} } = instrumentation;
  const keys = langfuse?.keys === undefined ? undefined : wrongPath(langfuse.keys);
  if (keys !== undefined) wrongs.push(problem("InvalidValue", "langfuse.keys", keys));
  if (profile === "langfuse" && langfuse?.baseUrl === undefined)
    wrongs.push({
      owner: service,
      reason: "MissingField",
      path: "instrumentation.profile",
      message: "instrumentation.langfuse.baseUrl is needed with profile langfuse",
    });
  if (tracer?.bootstrap !== undefined && !BOOTSTRAP.test(tracer.bootstrap))
    wrongs.push(
      problem("InvalidValue", "tracer.bootstrap", "must be an absolute path that ends in /ddtrace/bootstrap"),
    );
  for (const [name, value] of Object.entries(env)) wrongs.push(...checkVariable(service, name, value));
  if (Object.keys(env).length > MOST_VARIABLES)
    wrongs.push(problem("InvalidValue", "env", `must have at most ${MOST_VARIABLES} variables`));
  return wrongs;
}

/** With the profile's own they must fit into one transaction of Consul's, which takes 64 operations. */
const MOST_VARIABLES = 25;

const BOOTSTRAP = /^\/(?!.*(?:^|\/)\.\.?(?:\/|$))[A-Za-z0-9._/+-]{1,300}\/ddtrace\/bootstrap$/;

function checkVariable(owner: string, name: string, value: string | number | boolean): readonly Problem[] {
  const path = `instrumentation.env.${name}`;
  const refused = refusedVariable(name);
  if (refused === "unknown") {
    const hint = didYouMean(name, TRACER_VARIABLES.keys());
    const message = `${path} is read by no tracer${hint || "; set it in the job itself"}`;
    return [{ owner, reason: "UnknownField", path, message }];
  }
  if (refused !== undefined) return [{ owner, reason: "NotAllowed", path, message: `${path} ${refused}` }];
  const wrong = wrongVariable(name, value) ?? (typeof value === "string" ? wrongWishText(value) : undefined);
  return wrong === undefined ? [] : [{ owner, reason: "InvalidValue", path, message: `${path} ${wrong}` }];
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
function wrongPath(path: string): string | undefined {
  if (/(?:^|\/)(?:sk|pk)-lf-/.test(path))
    return "must be the path of a Nomad Variable, not a key: keys never stand in Consul";
  if (path.length <= 128 && /^[A-Za-z0-9_~-]+(?:\/[A-Za-z0-9_~-]+)*$/.test(path)) return undefined;
  return "must be the path of a Nomad Variable that holds the keys, such as nomad/jobs/support: letters, digits, _ ~ - and single slashes, at most 128";
}
