import { expect, onTestFinished, test } from "vitest";

import { Organisation } from "../../controllers/datadog/organisation.ts";
import { marked, startMonitorWorld } from "../builders/monitor-world.ts";
import { wishedMonitor } from "../builders/monitors.ts";
import { bringInLine, desired } from "../target-contract.ts";

test("in another organisation that a person approved, nothing counts as changed or deleted by hand", async () => {
  const organisation = new Organisation({ remembered: 1, isApproved: () => true, read: async () => 2 });
  const { api, target, memory } = await startMonitorWorld({ orgId: 2, target: { organisation } });
  onTestFinished(async () => await api.stop());
  memory.set("ray/a", { owner: "ray", ref: "1", applied: "as it is wished" });

  await target.observe(new AbortController().signal);
  const remembered = memory.size;
  await bringInLine(target, desired([wishedMonitor("ray/a")]));

  expect(remembered).toBe(0);
  expect(marked(api, "ray/a")).toHaveLength(1);
});
