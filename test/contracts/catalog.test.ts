import { describe, expect, test } from "vitest";

import type { EntityBody } from "../../controllers/catalog/canonical.ts";
import { catalogTarget, wishedEntity } from "../builders/catalog-world.ts";
import { bringInLine, desired, testTargetContract } from "../target-contract.ts";
import { DOUBLES, doublesOfFile } from "./datadog-doubles.ts";

const startOne = doublesOfFile();

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`against ${name}`, () => {
    testTargetContract<EntityBody>("the catalog", async () => {
      const { double } = await startOne(start);
      return {
        target: catalogTarget(double),
        wish: (service, variant) => wishedEntity(service, `Variant ${variant}.`),
        writes: () => double.writes(),
        count: () => double.objects("catalog").length,
        // The end of each test stops it, after a look at what it saw.
        stop: () => Promise.resolve(),
      };
    });

    test("an entity with everything that a document can say comes back equal, and breaks no rule", async () => {
      const { double } = await startOne(start);
      const target = catalogTarget(double);
      const plain = wishedEntity("ray");
      const body: EntityBody = {
        ...plain.body,
        metadata: {
          ...plain.body.metadata,
          displayName: "Ray",
          contacts: [{ name: "ML", type: "email", contact: "ml@example.com" }],
        },
        spec: { ...plain.body.spec, tier: "1", lifecycle: "production", type: "web", languages: ["python"] },
        integrations: { pagerduty: { serviceURL: "https://p.example/ray" } },
      };
      const wished = desired([{ ...plain, body }]);
      await bringInLine(target, wished);

      const again = await bringInLine(target, wished);

      expect(again).toMatchObject({ actions: [], unchanged: 1 });
    });
  });
}
