import type { Consul } from "../../clients/consul.ts";
import type { Config } from "../config.ts";
import { rayMetrics, serveMetrics, shopMetrics } from "./endpoints.ts";

/** The services that a session begins with. */
export interface Samples {
  readonly services: readonly string[];
  /** Has a document with a mistake in it, to show what happens then. */
  readonly broken: string;
  /** Port of a live `/metrics` for one more service. */
  readonly sparePort: number;
  /** Takes back what was put into Consul. Never what was there before. */
  readonly remove: () => Promise<void>;
}

const DEFAULTS = `# What every service inherits.
env: dev
tags: [cost-center:42]
`;

const RAY = `team: ml-platform
env: production
monitors:
  object-store-pressure: {critical: 0.85, notify: ['@slack-ml']} # tune one of the pack's
  node-cpu: false # switch one off
  stuck: # a composite names other monitors; they get no numbers before they are made
    type: composite
    name: Tasks wait although there are nodes
    query: \${monitor:unschedulable-tasks} && !\${monitor:no-active-nodes}
downtimes:
  weekly-restart: {recurrences: [{rrule: FREQ=WEEKLY;BYDAY=SU, duration: 1h}], message: Ray is started anew.}
`;

const CHECKOUT = `team: shop
env: production
drift: {tolerate: 20s} # what people change by hand may stand for so long
monitors:
  queue-too-long: {name: Orders wait too long, type: query alert, query: 'avg(last_5m):max:checkout.queue_length{\${scope}} > \${critical}', critical: 500}
slos:
  answered:
    type: metric
    name: Requests without an error
    numerator: sum:checkout.requests.count{\${scope},!code:5*}.as_count()
    denominator: sum:checkout.requests.count{\${scope}}.as_count()
    target: 99.5
catalog: {description: Takes orders.} # in the Software Catalog, with what it needs
dependencies: [ray]
`;

const BROKEN = `team: payments
monitors:
  endpoint-dwn: false
`;

/**
 * Puts sample services and documents into Consul, with live metrics endpoints on this machine.
 * What has the same name already is left as it is.
 */
export async function putSamples(
  consul: Consul,
  { kvPrefix, tagName, consul: { address } }: Pick<Config, "kvPrefix" | "tagName" | "consul">,
  onStarted: (stop: () => Promise<void>) => void,
): Promise<Samples> {
  const [ray, checkout] = await Promise.all([
    serveMetrics(rayMetrics),
    serveMetrics(shopMetrics("checkout")),
  ]);
  onStarted(ray.stop);
  onStarted(checkout.stop);

  const undo: (() => Promise<unknown>)[] = [];
  const register = async (name: string, port: number, tags: readonly string[]): Promise<void> => {
    if ((await consul.catalogService(name)).length > 0) return;
    const id = `dev-${name}`;
    await consul.serviceRegister({ id, name, address: "127.0.0.1", port, tags });
    undo.push(async () => await consul.serviceDeregister(id));
  };
  const put = async (name: string, text: string): Promise<void> => {
    const key = `${kvPrefix}/${name}`;
    if (await consul.kvPut(key, text, { cas: 0 })) undo.push(async () => await consul.kvDelete(key));
  };

  const consulPort = Number(new URL(address).port || 80);
  await put("_defaults", DEFAULTS);
  await register("ray", ray.port, [tagName, `${tagName}.port=${ray.port}`]);
  await put("ray", RAY);
  await register("checkout", checkout.port, [tagName]);
  await put("checkout", CHECKOUT);
  await register("payments", checkout.port, [tagName]);
  await put("payments", BROKEN);
  // Consul's own service takes no tags, so it is asked for by document.
  await put("consul", `endpoint: {port: ${consulPort}}\n`);
  return {
    services: ["ray", "checkout", "consul"],
    broken: "payments",
    sparePort: checkout.port,
    async remove() {
      for (const step of undo.toReversed()) await step();
    },
  };
}
