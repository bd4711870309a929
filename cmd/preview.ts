import { compileDashboards } from "../controllers/dashboards/compile.ts";
import type { Page } from "../engine/server.ts";
import type { Snapshot } from "../engine/sources/snapshot.ts";
import { dashboardPage } from "./dashboard-page.ts";

interface PreviewOptions {
  readonly clusterId: string;
  /** Undefined before the first one is there, and always in a process that only writes files. */
  readonly snapshot: () => Snapshot | undefined;
}

/** The styles stand in the page itself, and nothing is loaded and nothing runs. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * How a wished dashboard is laid out, for `/dashboard?key=_dashboards/infrastructure-overview`. It is worked out when
 * somebody looks, and nothing of it is kept.
 *
 * @returns Undefined if no dashboard of that key is wished.
 */
export function previewPage(
  { clusterId, snapshot }: PreviewOptions,
  query: URLSearchParams,
): Page | undefined {
  const now = snapshot();
  const key = query.get("key");
  if (now === undefined || key === null) return undefined;
  const body = compileDashboards(clusterId)(now).objects.get(key)?.body;
  if (body === undefined) return undefined;
  return { type: "text/html; charset=utf-8", body: dashboardPage(body), policy: POLICY };
}
