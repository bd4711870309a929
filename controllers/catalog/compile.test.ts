import { expect, test } from "vitest";

import { readMark } from "../datadog/mark.ts";
import { canonicalDesired } from "./canonical.ts";
import { entityOf, type EntityWish } from "./compile.ts";

function compile(over: Partial<EntityWish>, dashboards: readonly string[] = []) {
  const wish: EntityWish = {
    service: "ray",
    env: "prod",
    team: "ml",
    tags: ["cost-center:42"],
    catalog: true,
    dependencies: [],
    drift: "correct",
    deletion: "delete",
    ...over,
  };
  const compiled = entityOf(wish, { clusterId: "dc1", appUrl: "https://app.datadoghq.eu", dashboards });
  return { ...compiled, object: compiled.objects[0], body: compiled.objects[0]?.body };
}

test("a service that doesn't wish to be in the catalog is not", () => {
  expect(compile({ catalog: false }).objects).toEqual([]);
});

test("a plain wish says who the service is, whose, and where it is seen", () => {
  const { object, body } = compile({});

  expect(object).toMatchObject({ key: "ray/entity", owner: "ray" });
  expect(body).toEqual({
    apiVersion: "v3",
    kind: "service",
    metadata: {
      name: "ray",
      namespace: "default",
      owner: "ml",
      tags: [
        "cluster:dc1",
        "cost-center:42",
        "dd-observe-key:ray/entity",
        "dd-observe-owner:dc1",
        "env:prod",
        "managed-by:dd-observe",
        "service:ray",
        "team:ml",
      ],
      links: [
        {
          name: "Monitors",
          type: "other",
          url: "https://app.datadoghq.eu/monitors/manage?q=tag%3A%22service%3Aray%22",
        },
      ],
    },
  });
});

test("its mark names the key, and whether it stays", () => {
  const tags = compile({ deletion: "retain" }).body?.metadata["tags"] as readonly string[];

  expect(readMark(tags, "dc1")).toEqual({ key: "ray/entity", retain: true });
});

test("dashboards are linked by reference, and by name where there are several", () => {
  const links = (dashboards: readonly string[]) =>
    (compile({}, dashboards).body!.metadata["links"] as readonly { name: string; url: string }[]).map(
      ({ name, url }) => [name, url],
    );

  expect(links(["_dashboards/infrastructure-overview"])[0]).toEqual([
    "Dashboard",
    "https://app.datadoghq.eu/dashboard/${dashboards:_dashboards/infrastructure-overview|lists}",
  ]);
  expect(links(["ray/jobs", "ray/serve"]).map(([name]) => name)).toEqual([
    "Dashboard jobs",
    "Dashboard serve",
    "Monitors",
  ]);
});

test("all that the wish says of the service is in its entity", () => {
  const { body } = compile({
    dependencies: ["consul", "datastore:default/orders"],
    catalog: {
      displayName: "Ray",
      description: "Batch jobs.",
      tier: "1",
      lifecycle: "production",
      type: "web",
      languages: ["python", "c++"],
      links: [{ name: "Runbook", type: "runbook", url: "https://wiki.example/ray" }],
      contacts: [{ name: undefined, type: "email", contact: "ml@example.com" }],
      integrations: { pagerduty: { serviceURL: "https://p.example" } },
    },
  });

  expect(body).toMatchObject({
    metadata: {
      displayName: "Ray",
      description: "Batch jobs.",
      links: [{ name: "Monitors" }, { name: "Runbook", type: "runbook", url: "https://wiki.example/ray" }],
      contacts: [{ type: "email", contact: "ml@example.com" }],
    },
    spec: {
      dependsOn: ["datastore:default/orders", "service:default/consul"],
      tier: "1",
      lifecycle: "production",
      type: "web",
      languages: ["c++", "python"],
    },
    integrations: { pagerduty: { serviceURL: "https://p.example" } },
  });
  expect(canonicalDesired({ ...body })).toEqual(body);
});
