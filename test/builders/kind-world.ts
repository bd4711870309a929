import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { datadogReader } from "../../clients/datadog.ts";
import type { DatadogKind } from "../../controllers/datadog/kind.ts";
import { Organisation } from "../../controllers/datadog/organisation.ts";
import type { MarkedObjectsOptions } from "../../controllers/datadog/marked.ts";
import { MarkedObjects } from "../../controllers/datadog/target.ts";
import { Memory } from "../../engine/plan/memory.ts";

export interface KindWorldOptions<Body> extends Partial<
  Omit<MarkedObjectsOptions<Body>, "kind" | "memory" | "organisation">
> {
  readonly memory?: Memory;
}

/** The target of one kind, over a stand-in for Datadog, whoever wrote it. */
export function kindTarget<Body>(
  { url, apiKey, appKey }: { readonly url: string; readonly apiKey: string; readonly appKey: string },
  makeKind: (transport: DatadogTransport, memory: Memory) => DatadogKind<Body>,
  { memory = new Memory(), ...options }: KindWorldOptions<Body> = {},
) {
  const transport = new DatadogTransport({ url, apiKey, appKey, timeoutMs: 2_000 });
  const reader = datadogReader(transport);
  const organisation = new Organisation({ read: async (signal) => await reader.organisation({ signal }) });
  const kind = makeKind(transport, memory);
  const target = new MarkedObjects({ kind, memory, organisation, lookAgainMs: 1, ...options });
  return { target, memory, transport };
}
