import { expect, test } from "vitest";

import { applicationUrl } from "./application-url.ts";

test.for([
  ["https://api.datadoghq.com", "https://app.datadoghq.com"],
  ["https://api.datadoghq.eu", "https://app.datadoghq.eu"],
  ["https://api.ddog-gov.com", "https://app.ddog-gov.com"],
  ["https://api.us3.datadoghq.com", "https://us3.datadoghq.com"],
  ["https://api.ap1.datadoghq.com", "https://ap1.datadoghq.com"],
  ["http://127.0.0.1:18126", "http://127.0.0.1:18126"],
] as const)("monitors of %s are looked at under %s", ([api, app]) => {
  expect(applicationUrl(api)).toBe(app);
});
