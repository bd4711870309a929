import { parse } from "yaml";

import { observed } from "../builders/observed.ts";
import type { OpenMetricsInstance } from "./openmetrics-names.ts";

/** The first instance of the Agent's file that a service with this document comes to. */
export function openMetricsInstance(service: string, document: string): OpenMetricsInstance {
  const file = parse(observed(service, document).file) as {
    readonly instances: readonly OpenMetricsInstance[];
  };
  return file.instances[0]!;
}
