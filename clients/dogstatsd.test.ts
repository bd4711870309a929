import { expect, test } from "vitest";

import { datagram, sendGauge } from "./dogstatsd.ts";

test("a tag can't end the list of tags, nor begin another field", () => {
  const line = datagram({ metric: "a.b", value: 1.5, tags: ["x:1|c", "y:a,b", "z:#\n"] });

  expect(line).toBe("a.b:1.5|g|#x:1_c,y:a_b,z:__");
});

test("without tags there is no list of them", () => {
  expect(datagram({ metric: "a.b", value: 0, tags: [] })).toBe("a.b:0|g");
});

test("says what to do about a socket that can't be written to", async () => {
  const sent = sendGauge({ path: "/var/run/datadog/dsd.socket" }, { metric: "a.b", value: 1, tags: [] });

  await expect(sent).rejects.toMatchObject({
    failure: "rejected",
    message: expect.stringContaining("unix:/var/run/datadog/dsd.socket"),
    hint: expect.stringContaining("DD_OBSERVE_DOGSTATSD=127.0.0.1:8125"),
  });
});
