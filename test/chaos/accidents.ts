import type { Fault } from "../fakes/datadog.ts";
import type { Random } from "./random.ts";

/** What may go wrong between an operator and Datadog, by name. Without how often and where. */
export const ACCIDENTS = {
  "429 without a header": { kind: "status", status: 429 },
  "429 with a reset": { kind: "status", status: 429, headers: { "x-ratelimit-reset": "1" } },
  "429 with limits": {
    kind: "status",
    status: 429,
    headers: {
      "x-ratelimit-limit": "5",
      "x-ratelimit-period": "1",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": "1",
    },
  },
  "500 before": { kind: "status", status: 500 },
  "500 after": { kind: "status", status: 500, after: true },
  "503 before": { kind: "status", status: 503 },
  "504 after": { kind: "status", status: 504, after: true },
  "512 before": { kind: "status", status: 512 },
  "a proxy's page before": { kind: "html", status: 502 },
  "a proxy's page after": { kind: "html", status: 502, after: true },
  "a page with 200 before": { kind: "html", status: 200 },
  "a page with 200 after": { kind: "html", status: 200, after: true },
  "malformed before": { kind: "badJson" },
  "malformed after": { kind: "badJson", after: true },
  "truncated before": { kind: "truncate" },
  "truncated after": { kind: "truncate", after: true },
  "empty before": { kind: "empty" },
  "empty after": { kind: "empty", after: true },
  "reset before": { kind: "reset" },
  "reset after": { kind: "reset", after: true },
  "hang before": { kind: "hang" },
  "hang after": { kind: "hang", after: true },
  "a redirect": { kind: "status", status: 302, headers: { location: "/elsewhere" } },
} as const satisfies Readonly<Record<string, Fault>>;

export type AccidentName = keyof typeof ACCIDENTS;

// The names of an object's own keys.
export const ACCIDENT_NAMES = Object.keys(ACCIDENTS) as AccidentName[];

/** The methods that change something twice, since they matter most. */
const METHODS = ["POST", "POST", "PUT", "PATCH", "DELETE", "GET"];

/** An empty answer is what a delete that was done looks like: nobody can tell it from one that was not. */
export function isPossible(name: AccidentName, method: string): boolean {
  return !(method === "DELETE" && name === "empty before");
}

/** An accident that strikes some calls, writes or reads or both. */
export function someAccident(random: Random): { readonly name: AccidentName; readonly fault: Fault } {
  const name = random.pick(ACCIDENT_NAMES);
  const method = random.pick(METHODS.filter((one) => isPossible(name, one)));
  // Each costs a caller its whole patience.
  const times = name.startsWith("hang") ? 1 : 1 + random.below(4);
  return { name, fault: { ...ACCIDENTS[name], times, method } };
}
