import { compileAgentConfig } from "../../controllers/agent-config/compile.ts";
import { toWire as dashboardToWire } from "../../controllers/dashboards/canonical.ts";
import { compileDashboards } from "../../controllers/dashboards/compile.ts";
import { compileMonitors } from "../../controllers/monitors/compile.ts";
import { toWire } from "../../controllers/monitors/canonical.ts";
import { toWire as sloToWire } from "../../controllers/slos/canonical.ts";
import { compileSlos } from "../../controllers/slos/compile.ts";
import { formatProblem, type Problem } from "../../crds/problem.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { resolve, type Resolution } from "../../crds/resolve.ts";
import { loadPacks } from "../../engine/sources/packs.ts";

const CLUSTER = "dc1";
export const PACKS = loadPacks();

/** What a service named `service` with this document comes to: one node's Agent file, and the monitors, SLOs and dashboards as they are sent. */
export function observed(
  service: string,
  document: string,
): {
  readonly file: string;
  readonly monitors: ReadonlyMap<string, object>;
  readonly slos: ReadonlyMap<string, object>;
  readonly dashboards: ReadonlyMap<string, object>;
} {
  const ground = {
    packs: PACKS,
    policy: STRICT_POLICY,
    defaults: { ok: true, value: {} },
    tagName: "dd-observe",
  } as const;
  const resolution = resolve(service, [], { text: document, generation: 1 }, ground);
  if (resolution === undefined || resolution.state === "held")
    throw new Error(words(resolution?.problems ?? []));
  const snapshot = {
    services: new Map<string, Resolution>([[service, resolution]]),
    paused: new Set<string>(),
  };

  const monitors = compileMonitors(CLUSTER, { appUrl: "https://app.datadoghq.com" })(snapshot);
  const slos = compileSlos(CLUSTER)(snapshot);
  const dashboards = compileDashboards(CLUSTER)(snapshot);
  const files = compileAgentConfig({ clusterId: CLUSTER, policy: STRICT_POLICY, tagName: "dd-observe" })({
    ...snapshot,
    placed: new Map([[service, "node-1"]]),
    node: { name: "node-1", address: "10.0.0.5" },
    instances: new Map([
      [service, [{ id: `${service}-1`, service, address: "10.0.0.5", port: 9102, tags: [], meta: {} }]],
    ]),
  });
  const problems = [...monitors.problems, ...slos.problems, ...dashboards.problems, ...files.problems];
  if (problems.length > 0) throw new Error(words(problems));

  return {
    file: [...files.objects.values()].map((object) => object.body.text).join("\n"),
    monitors: new Map([...monitors.objects.values()].map((object) => [object.key, toWire(object.body)])),
    slos: new Map([...slos.objects.values()].map((object) => [object.key, sloToWire(object.body)])),
    dashboards: new Map(
      [...dashboards.objects.values()].map((object) => [object.key, dashboardToWire(object.body)]),
    ),
  };
}

function words(problems: readonly Problem[]): string {
  return problems.map((problem) => formatProblem(problem)).join("\n");
}
