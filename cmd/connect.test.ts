import { expect, test } from "vitest";

import type { Consul } from "../clients/consul.ts";
import { ApiError } from "../clients/errors.ts";
import { readConfig } from "./config.ts";
import { clusterIdOf } from "./connect.ts";

function refusing(hint: string): Consul {
  const agentSelf = async (): Promise<never> => {
    throw new ApiError("ask the Consul agent who it is", "403 ACL not found", {
      failure: "unauthorized",
      hint,
    });
  };
  return { agentSelf } as unknown as Consul; // nothing else is asked
}

test("why the cluster's id can't be learnt is told with what Consul's refusal asks for", async () => {
  const unknown = "Consul does not know the token: set CONSUL_HTTP_TOKEN to one that exists.";

  const asking = clusterIdOf(readConfig({}, {}), refusing(unknown));

  await expect(asking).rejects.toMatchObject({
    failure: "unauthorized",
    hint: `${unknown} Or name the cluster: --cluster-id or DD_OBSERVE_CLUSTER_ID.`,
  });
});

test("a cluster that is named needs no word of Consul's", async () => {
  expect(await clusterIdOf(readConfig({ clusterId: "here" }, {}), refusing(""))).toBe("here");
});
