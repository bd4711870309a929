import { expect, test } from "vitest";

import { canonicalDesired } from "./canonical.ts";
import { usesOf } from "./uses.ts";

test("a dashboard uses the SLOs of its widgets, in groups as well, each once", () => {
  const slo = (id: string) => ({ definition: { type: "slo", slo_id: id } });
  const group = { definition: { type: "group", layout_type: "ordered", widgets: [slo("b"), slo("a")] } };
  const body = canonicalDesired({ title: "t", layout_type: "ordered", widgets: [slo("a"), group] });

  const uses = usesOf(body);

  expect(uses).toEqual([
    { controller: "slos", ref: "a" },
    { controller: "slos", ref: "b" },
  ]);
});
