import { describe, expect, test } from "vitest";

import { changeEvents, intakeUrl } from "../../clients/datadog-events.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import { signal } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

const EVENT = {
  title: "dd-observe changed monitor ray/queue-too-long",
  message: "`options.thresholds.critical`: 10 → 20",
  tags: ["managed-by:dd-observe", "env:prod"],
  resource: "ray/queue-too-long",
  services: ["ray"],
  before: { critical: 10 },
  after: { critical: 20 },
  metadata: { monitor_id: "123" },
  aggregationKey: "ray/queue-too-long",
};

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`events of ${name}`, () => {
    test("a change is posted with what changed, of which services, by whom", async () => {
      const { double, transport } = await startOne(start);

      await changeEvents(transport).post(EVENT, { signal: signal() });

      expect(double.events()).toMatchObject([
        {
          data: {
            type: "event",
            attributes: {
              category: "change",
              title: EVENT.title,
              message: EVENT.message,
              tags: EVENT.tags,
              aggregation_key: EVENT.aggregationKey,
              attributes: {
                changed_resource: { type: "configuration", name: "ray/queue-too-long" },
                impacted_resources: [{ type: "service", name: "ray" }],
                author: { type: "automation", name: "dd-observe" },
                prev_value: { critical: 10 },
                new_value: { critical: 20 },
                change_metadata: { monitor_id: "123" },
              },
            },
          },
        },
      ]);
    });

    test("an event changes no object, so it counts as no write", async () => {
      const { double, transport } = await startOne(start);

      await changeEvents(transport).post(EVENT, { signal: signal() });

      expect(double.events()).toHaveLength(1);
      expect(double.writes()).toBe(0);
    });

    test("the smallest event is taken", async () => {
      const { double, transport } = await startOne(start);

      await changeEvents(transport).post(
        { title: "paused", tags: [], resource: "ray" },
        { signal: signal() },
      );

      expect(double.events()).toHaveLength(1);
    });

    test("texts and lists that are too long are cut to what Datadog takes", async () => {
      const { double, transport } = await startOne(start);
      const many = Array.from({ length: 150 }, (_, n) => `service-${n}-${"x".repeat(250)}`);

      await changeEvents(transport).post(
        {
          title: "😀".repeat(400),
          message: "m".repeat(9_000),
          tags: many,
          resource: "r".repeat(300),
          services: many,
          aggregationKey: "k".repeat(300),
        },
        { signal: signal() },
      );

      expect(double.events()).toHaveLength(1);
    });

    test("with the API key alone it is a plain event", async () => {
      const { double } = await startOne(start);
      const { url, apiKey } = double;
      const transport = new DatadogTransport({ url, apiKey, appKey: "" });

      await changeEvents(transport).post(EVENT, { signal: signal() });

      expect(double.events()).toMatchObject([
        {
          title: EVENT.title,
          text: EVENT.message,
          tags: ["managed-by:dd-observe", "env:prod", "service:ray"],
          aggregation_key: EVENT.aggregationKey,
        },
      ]);
    });

    test("an event of yesterday is refused", async () => {
      const { transport } = await startOne(start);
      const atMs = Date.now() - 24 * 3_600_000;

      const posted = changeEvents(transport).post({ ...EVENT, atMs }, { signal: signal() });

      await expect(posted).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining("timestamp is older than 18 hours"),
      });
    });

    test("a dry run posts nothing", async () => {
      const { double } = await startOne(start);
      const { url, apiKey, appKey } = double;
      const transport = new DatadogTransport({ url, apiKey, appKey, readOnly: true });

      const posted = changeEvents(transport).post(EVENT, { signal: signal() });

      await expect(posted).rejects.toThrow(/only reads/);
      expect(double.events()).toEqual([]);
    });
  });
}

test.for([
  ["https://api.datadoghq.com", "https://event-management-intake.datadoghq.com"],
  ["https://api.us5.datadoghq.com", "https://event-management-intake.us5.datadoghq.com"],
  ["https://api.datadoghq.eu", "https://event-management-intake.datadoghq.eu"],
  ["https://api.ddog-gov.com", "https://event-management-intake.ddog-gov.com"],
  ["https://datadog-proxy.example.com", "https://datadog-proxy.example.com"],
  ["https://api.datadoghq.com.example.com", "https://api.datadoghq.com.example.com"],
  ["http://127.0.0.1:8126", "http://127.0.0.1:8126"],
] as const)("events of %s go to %s", ([url, expected]) => {
  expect(intakeUrl(url)).toBe(expected);
});
