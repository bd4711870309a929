import http from "node:http";
import type { AddressInfo } from "node:net";

/** A sample service that serves its metrics. */
export interface Endpoint {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Serves a text at `/metrics`, made afresh at each request, on a free port of loopback. */
export async function serveMetrics(render: () => string): Promise<Endpoint> {
  const server = http.createServer((request, response) => {
    if (request.url !== "/metrics") {
      response.writeHead(404).end("only /metrics\n");
      return;
    }
    response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
    response.end(render());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const GIB = 1024 ** 3;

/**
 * What a Ray node exports, in part and with invented values under Ray's own names.
 *
 * @see https://docs.ray.io/en/latest/ray-observability/reference/system-metrics.html
 */
export function rayMetrics(): string {
  const node = 'SessionName="session_dev",Version="2.53.0",ip="127.0.0.1"';
  const store = `NodeAddress="127.0.0.1",${node}`;
  return [
    gauge("ray_node_cpu_utilization", "Total CPU usage on a ray node", node, wave(35, 20)),
    gauge("ray_node_cpu_count", "Total CPUs available on a ray node", node, 8),
    gauge("ray_node_mem_used", "Memory usage on a ray node", node, Math.round(wave(9, 2) * GIB)),
    gauge("ray_node_mem_available", "Memory available on a ray node", node, Math.round(wave(22, 2) * GIB)),
    gauge("ray_node_mem_total", "Total memory on a ray node", node, 32 * GIB),
    gauge(
      "ray_object_store_used_memory",
      "Object store memory in use, in bytes",
      store,
      Math.round(wave(2, 1) * GIB),
    ),
    gauge("ray_object_store_available_memory", "Free object store memory, in bytes", store, 7 * GIB),
    gauge("ray_cluster_active_nodes", "Active nodes on the cluster", `node_type="head",${node}`, 1),
    gauge(
      "ray_tasks",
      "Current number of tasks by state",
      `State="RUNNING",Name="embed",${node}`,
      Math.round(wave(12, 6)),
    ),
    gauge("ray_scheduler_unscheduleable_tasks", "Tasks not yet scheduled", `Reason="Infeasible",${store}`, 0),
  ].join("");
}

/** What a small web service exports. */
export function shopMetrics(name: string): () => string {
  let requests = 0;
  return () => {
    requests += Math.round(wave(40, 15));
    return [
      `# HELP ${name}_requests Requests answered.\n# TYPE ${name}_requests counter\n`,
      `${name}_requests_total{code="200"} ${requests}\n${name}_requests_total{code="500"} ${Math.floor(requests / 997)}\n`,
      gauge(`${name}_queue_length`, "Orders that wait.", 'queue="payment"', Math.round(wave(6, 5))),
    ].join("");
  };
}

function gauge(name: string, help: string, labels: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}{${labels}} ${value}\n`;
}

/** A value that rises and falls within a minute. */
function wave(middle: number, swing: number): number {
  return middle + swing * Math.sin((Date.now() / 60_000) * 2 * Math.PI);
}
