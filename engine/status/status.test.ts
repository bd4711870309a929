import { expect, test } from "vitest";

import { summarize, type Condition } from "./status.ts";

function failing(type: string, reason: string): Condition {
  return { type, status: "False", reason, message: `because of ${reason}` };
}

test("of what follows from one another on the way of the data, the cause says why a service isn't ready", () => {
  const [ready] = summarize([
    failing("MetricsArriving", "NoData"),
    failing("AgentLoaded", "CheckFailing"),
    failing("EndpointReachable", "EndpointUnreachable"),
  ]);

  expect(ready).toMatchObject({ type: "Ready", status: "False", reason: "EndpointUnreachable" });
});

test("what is not on the way of the data comes before it", () => {
  const [ready] = summarize([
    failing("EndpointReachable", "EndpointUnreachable"),
    failing("MonitorsSynced", "Rejected"),
  ]);

  expect(ready).toMatchObject({ reason: "Rejected" });
});

test("a failure comes before what isn't known, wherever it is", () => {
  const [ready] = summarize([
    { type: "ConfigWritten", status: "Unknown", reason: "Progressing", message: "" },
    failing("MetricsArriving", "NoData"),
  ]);

  expect(ready).toMatchObject({ status: "False", reason: "NoData" });
});
